# SPDX-License-Identifier: Apache-2.0
"""Checking what the log says, with the public key and the checkpoint that were kept from before."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from smartagent.cli.ctl.desk import GOOD, as_operator, refusal
from smartagent.cli.ctl.place import Place
from smartagent.cli.exits import REFUSED, USAGE, Exit, told
from smartagent.cli.profile import Profiles
from smartagent.crypto import unb64u
from smartagent.kernel import IdPrefix, Record
from smartagent.sdk import (
    Operator,
    ReceiptError,
    Verified,
    open_checkpoint,
    verify_continuity,
    verify_custody,
    verify_export,
)

_AT_ONCE = 4096


class Verdict(msgspec.Struct, frozen=True):
    """What was found to hold, printable."""

    integrity: str
    completeness: str
    entries: int
    log_size: int
    root: str
    continuity: str
    gaps: tuple[str, ...]

    def fields(self) -> dict[str, object]:
        """Return it as members."""
        return {**msgspec.structs.asdict(self), "gaps": list(self.gaps)}


class Written(msgspec.Struct, frozen=True):
    """What an export holds: `break_glass` counts the entries about a break-glass, or under one."""

    entries: int
    break_glass: int


class _Line(msgspec.Struct, frozen=True):
    record: Record


class _Proof(msgspec.Struct, frozen=True):
    proof: list[str]


class _Head(msgspec.Struct, frozen=True):
    begin: int
    end: int


def verify_file(place: Place, file: Path, vkey: str) -> Verdict:
    """Check a chain of custody or an export, without asking anybody.

    Raises:
        Exit: It does not hold; the text says why.
    """
    profiles = Profiles(place.config_home)
    known = vkey or profiles.load(place.profile).log_vkey
    previous = profiles.checkpoint(place.profile) if not vkey else None
    try:
        with file.open("rb") as lines:
            is_export = lines.readline().startswith(b'{"log":')
            lines.seek(0)
            if is_export:
                verified = verify_export(lines, known, previous)
            else:
                verified = verify_custody(lines.read(), known, previous)
    except OSError as error:
        raise Exit(USAGE, f"{file} cannot be read: {error.strerror}.") from None
    except ReceiptError as error:
        raise Exit(REFUSED, f"IT DOES NOT HOLD. {told(error)}") from None
    return _verdict(verified)


def follow(place: Place) -> dict[str, object]:
    """Get the newest checkpoint and the proof that it continues the kept one, and keep it.

    Raises:
        Exit: It does not continue it: the log was forked or cut.
    """
    profiles = Profiles(place.config_home)
    profile = profiles.load(place.profile)
    previous = profiles.checkpoint(place.profile)

    async def ask(operator: Operator) -> dict[str, object]:
        note = (await _get(operator, "/v1/log/checkpoint")).decode()
        new = open_checkpoint(note, profile.log_vkey)
        continuity = "first-seen"
        if previous is not None:
            old = open_checkpoint(previous, profile.log_vkey)
            if new.size < old.size:
                raise Exit(REFUSED, f"THE LOG WAS CUT: it had {old.size} entries, and now has {new.size}.")
            proof = await _consistency(operator, old.size, new.size)
            continuity = verify_continuity(previous, note, profile.log_vkey, proof).value
        profiles.save_checkpoint(place.profile, note)
        return {"size": new.size, "root": new.root.hex(), "continuity": continuity, "note": note}

    try:
        return as_operator(place, ask)
    except ReceiptError as error:
        raise Exit(REFUSED, f"IT DOES NOT HOLD. {told(error)}") from None


def export_to(place: Place, out: Path, begin: int) -> "Written":
    """Write the log from `begin` on to `out`, and return what that is.

    One answer holds some thousand entries; each is a range that proves itself, so a long log
    becomes several files: `out`, `out.1`, `out.2`, ...

    Raises:
        Exit: The range does not exist, or the file cannot be written.
    """

    async def ask(operator: Operator) -> Written:
        first, part, emergencies = begin, 0, 0
        while True:
            raw = await _get(operator, f"/v1/log/export?from={first}")
            end = msgspec.json.decode(raw.partition(b"\n")[0], type=_Head).end
            path = out if part == 0 else out.with_name(f"{out.name}.{part}")
            path.write_bytes(raw)
            emergencies += sum(map(_is_of_break_glass, raw.splitlines()[1:]))
            if end - first < _AT_ONCE:
                return Written(end - begin, emergencies)
            first, part = end, part + 1

    try:
        return as_operator(place, ask)
    except OSError as error:
        raise Exit(REFUSED, f"{out} cannot be written: {error.strerror}.") from None


def _is_of_break_glass(line: bytes) -> bool:
    record = msgspec.json.decode(line, type=_Line).record
    elevation = str(record.detail.get("elevation", ""))
    return record.event.startswith("break-glass.") or elevation.startswith(f"{IdPrefix.BREAK_GLASS.value}_")


async def _get(operator: Operator, target: str) -> bytes:
    answer = await operator.send("GET", target)
    if answer.status not in GOOD:
        raise refusal(answer.status, answer.body)
    return answer.body


async def _consistency(operator: Operator, old: int, new: int) -> Sequence[bytes]:
    if old == new:
        return ()
    raw = await _get(operator, f"/v1/log/proof?from={old}&to={new}")
    return [unb64u(node) for node in msgspec.json.decode(raw, type=_Proof).proof]


def _verdict(verified: Verified) -> Verdict:
    return Verdict(
        integrity=verified.integrity.value,
        completeness=verified.completeness.value,
        entries=len(verified.indexes),
        log_size=verified.size,
        root=verified.root.hex(),
        continuity=verified.continuity.value,
        gaps=verified.gaps,
    )
