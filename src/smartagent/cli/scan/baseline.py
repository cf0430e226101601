# SPDX-License-Identifier: Apache-2.0
"""Findings that somebody looked at and accepts, in a file that can be committed.

The file has no value, only digests under a key that lies beside them.  Who has the file can check a guess, so a key
that can be guessed is not safe in it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.scan.model import Finding, digest_of
from smartagent.cli.scan.reading import shown
from smartagent.kernel import Entropy, Secret

_KEY_BYTES: Final = 16
_VERSION: Final = 1


class Accepted(msgspec.Struct, frozen=True, order=True):
    """One that is accepted: in this file, of this kind, with this digest."""

    file: str
    kind: str
    digest: str


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says."""

    key: str
    accepted: list[Accepted]
    version: int = _VERSION

    def digest_key(self) -> Secret[bytes]:
        """Return the key of its digests."""
        return Secret(bytes.fromhex(self.key))

    def has(self, finding: Finding) -> bool:
        """Say whether a finding is accepted, wherever in its file it is by now."""
        return _accepted(finding, self.digest_key()) in self.accepted


def new_baseline(entropy: Entropy) -> Baseline:
    """Return one that accepts nothing, with a key of its own."""
    return Baseline(entropy(_KEY_BYTES).hex(), [])


def read_baseline(file: Path) -> Baseline:
    """Read the file.

    Raises:
        Exit: It cannot be read, or is none.
    """
    try:
        baseline = msgspec.json.decode(file.read_bytes(), type=Baseline)
        baseline.digest_key()
    except OSError as error:
        raise Exit(USAGE, f"cannot read {file}: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError):
        raise Exit(USAGE, f"{file} is no baseline.") from None
    if baseline.version != _VERSION:
        raise Exit(USAGE, f"{file} is a baseline of version {baseline.version}, and this reads {_VERSION}.")
    return baseline


def write_baseline(file: Path, baseline: Baseline, findings: Sequence[Finding]) -> None:
    """Write a file that accepts `findings` and nothing else, under the same key.

    Raises:
        Exit: It cannot be written.
    """
    key = baseline.digest_key()
    accepted = sorted({_accepted(each, key) for each in findings})
    written = msgspec.json.encode(Baseline(baseline.key, accepted))
    try:
        file.write_bytes(msgspec.json.format(written, indent=1) + b"\n")
    except OSError as error:
        raise Exit(USAGE, f"cannot write {file}: {error.strerror}") from None


def _accepted(finding: Finding, key: Secret[bytes]) -> Accepted:
    return Accepted(shown(finding.name), finding.kind.title, digest_of(finding.value, key))
