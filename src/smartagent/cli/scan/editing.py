# SPDX-License-Identifier: Apache-2.0
"""What files are with placeholders where keys were, and how the change is shown without showing what else a line has."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.scan.model import PLACEHOLDER, Finding, fingerprint
from smartagent.cli.scan.planning import Plan
from smartagent.cli.scan.reading import shown
from smartagent.kernel import Secret

_POLYNOMIAL: Final = 0x04C11DB7
_TOP: Final = 0x80000000
_ALL: Final = 0xFFFFFFFF


def by_file(plan: Plan) -> dict[str, list[Finding]]:
    """Return what is replaced in each file, in the order of the bytes."""
    files: dict[str, list[Finding]] = {}
    for place in sorted((each for move in plan.moves for each in move.places), key=lambda it: it.start):
        files.setdefault(place.name, []).append(place)
    return dict(sorted(files.items()))


def original(base: Path, name: str, places: Sequence[Finding]) -> bytes:
    """Read a file once more.

    Raises:
        Exit: A key is not where it was found.
    """
    try:
        raw = (base / name).read_bytes()
    except OSError as error:
        raise Exit(REFUSED, f"cannot read {shown(name)} again: {error.strerror}") from None
    for each in places:
        if raw[each.start : each.end] != each.value.reveal():
            raise Exit(REFUSED, f"{shown(name)} was changed while it was looked at; scan again.")
    return raw


def edited(raw: bytes, places: Sequence[Finding]) -> bytes:
    """Return a file's bytes with placeholders; all else stays as it is."""
    parts, at = [], 0
    for each in places:
        parts += [raw[at : each.start], PLACEHOLDER.encode()]
        at = each.end
    return b"".join([*parts, raw[at:]])


def difference(plan: Plan, key: Secret[bytes]) -> Iterator[str]:
    """Say line by line what changes.

    Of a line only the replaced value and its name are shown: what else stands there could be a secret that nobody
    recognised.
    """
    for name, places in by_file(plan).items():
        yield f"--- {shown(name)}"
        yield f"+++ {shown(name)}"
        for each in places:
            label = f"{each.label}: " if each.label else ""
            yield f"@@ line {each.line}, column {each.column} @@"
            yield f"-{label}{fingerprint(each, key)}"
            yield f"+{label}{PLACEHOLDER}"


def checksum(raw: bytes) -> str:
    """Return what the program `cksum` says of `raw`: it guards against mistakes, and tells next to nothing.

    Spec: POSIX.1-2017, cksum.
    """
    size = len(raw)
    crc = 0
    for byte in raw + size.to_bytes((size.bit_length() + 7) // 8, "little"):
        crc = ((crc << 8) & _ALL) ^ _TABLE[(crc >> 24) ^ byte]
    return f"{crc ^ _ALL} {size}"


def _entry(number: int) -> int:
    crc = number << 24
    for _ in range(8):
        crc = ((crc << 1) & _ALL) ^ (_POLYNOMIAL if crc & _TOP else 0)
    return crc


_TABLE: Final = tuple(map(_entry, range(256)))
