# SPDX-License-Identifier: Apache-2.0
"""When rotations are due, and how one goes from step to step.  Times are Unix seconds."""

import re
from typing import Final

import msgspec
from msgspec import structs

from smartagent.rotation.errors import MalformedRotation
from smartagent.rotation.model import DAY_SECONDS, NEVER, Phase, Rotation, Running, Window

MIN_PERIOD_SECONDS: Final = 60
MAX_PERIOD_SECONDS: Final = 730 * DAY_SECONDS
CLAIM_SECONDS: Final = 30
"""How long whoever takes a step has it for themselves."""
STEP_SECONDS: Final = 20
LONGEST_PAUSE_SECONDS: Final = 6 * 3600
ATTEMPTS: Final = 5
"""How often a step is tried while there is no answer, before it is undone."""
MAX_ENTRY_BYTES: Final = 16_384
_MINUTE: Final = 60
_WEEK_DAYS: Final = 7
_DAYS: Final = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_WINDOW: Final = re.compile(
    r"(?:([a-z]{3}(?:,[a-z]{3})*) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])"
)
_MAX_HOUR: Final = 24


def check_rotation(rotation: Rotation) -> None:
    """Check what does not depend on the kind.

    Raises:
        MalformedRotation: A time is out of bounds, or the entry is too large.
    """
    if not MIN_PERIOD_SECONDS <= rotation.period_seconds <= MAX_PERIOD_SECONDS:
        raise MalformedRotation("period_seconds", f"{MIN_PERIOD_SECONDS} to {MAX_PERIOD_SECONDS}")
    if not 0 <= rotation.jitter_seconds <= rotation.period_seconds // 2:
        raise MalformedRotation("jitter_seconds", "at most half of the period")
    if not 0 <= rotation.overlap_seconds < rotation.period_seconds:
        raise MalformedRotation("overlap_seconds", "shorter than the period")
    if len(msgspec.json.encode(rotation)) > MAX_ENTRY_BYTES:
        raise MalformedRotation("settings", f"at most {MAX_ENTRY_BYTES} bytes of JSON in all")


def parse_window(raw: str) -> Window:
    """Read a window: `02:00-05:00`, or `sat,sun 22:00-04:00`, in UTC; one over midnight belongs to the day it begins.

    Raises:
        MalformedRotation: It is none.
    """
    found = _WINDOW.fullmatch(raw)
    if found is None:
        raise MalformedRotation("windows", 'write them like "02:00-05:00" or "sat,sun 22:00-04:00"')
    names = found[1].split(",") if found[1] else list(_DAYS)
    if not all(name in _DAYS for name in names) or int(found[2]) >= _MAX_HOUR or int(found[4]) > _MAX_HOUR:
        raise MalformedRotation("windows", "days are mon to sun, hours 00 to 24")
    start = int(found[2]) * _MINUTE + int(found[3])
    end = int(found[4]) * _MINUTE + int(found[5])
    if start == end:
        raise MalformedRotation("windows", "it ends when it begins")
    return Window(tuple(sorted({_DAYS[name] for name in names})), start, end)


def opens_at(windows: tuple[Window, ...], at: int) -> int:
    """Return the first instant from `at` on that lies in a window; `at` itself when there are none."""
    if not windows:
        return at
    midnight = at - at % DAY_SECONDS
    best = NEVER
    for ahead in range(-1, _WEEK_DAYS + 2):
        day_start = midnight + ahead * DAY_SECONDS
        # 1 January 1970 was a Thursday.
        weekday = (day_start // DAY_SECONDS + 3) % _WEEK_DAYS
        for window in windows:
            if weekday not in window.days:
                continue
            start = day_start + window.start_minute * _MINUTE
            end = day_start + window.end_minute * _MINUTE
            if end <= start:
                end += DAY_SECONDS
            if at < end:
                best = min(best, max(at, start))
    return best


def scheduled(rotation: Rotation, rotated_at: int, *, chance: float) -> tuple[int, int]:
    """Return when the next rotation is meant, and when it is due in fact: a bit earlier by chance, in a window.

    Args:
        rotation: What is rotated.
        rotated_at: When it was rotated last.
        chance: 0 to 1.
    """
    meant = rotated_at + rotation.period_seconds
    if not rotation.enabled:
        return meant, NEVER
    return meant, opens_at(rotation.windows, meant - int(chance * rotation.jitter_seconds))


def begun(running: Running) -> Running:
    """It begins."""
    return _to(running, Phase.MAKING, failure="", attempts=0, mark="")


def claimed(running: Running, *, now: int) -> Running:
    """Somebody takes the next step, and nobody else for a while."""
    return structs.replace(running, due_at=now + CLAIM_SECONDS, version=running.version + 1)


def chosen(running: Running, pending: bytes) -> Running:
    """The new value is durable, and nobody outside knows it yet."""
    return structs.replace(running, pending=pending, version=running.version + 1)


def made(running: Running, pending: bytes, mark: str, *, now: int) -> Running:
    """The outside knows the new value."""
    return _to(running, Phase.VERIFYING, pending=pending, mark=mark, due_at=now, attempts=0)


def verified(running: Running, *, now: int) -> Running:
    """The new value works."""
    return _to(running, Phase.SWITCHING, due_at=now, attempts=0)


def switched(running: Running, former: bytes, rotation: Rotation, *, now: int) -> Running:
    """The new value is the one in force; the old one lives on for the overlap."""
    return _to(
        running, Phase.OVERLAPPING, pending=b"", former=former, rotated_at=now, attempts=0,
        mark=running.in_force, in_force=running.mark,
        due_at=now + rotation.overlap_seconds,
    )  # fmt: skip


def overlapped(running: Running, *, now: int) -> Running:
    """The overlap is over."""
    return _to(running, Phase.RETIRING, due_at=now, attempts=0)


def rested(running: Running, times: tuple[int, int], *, failure: str = "") -> Running:
    """It is over, until next time."""
    meant, due_at = times
    return _to(
        running, Phase.IDLE, former=b"", pending=b"", mark="", failure=failure, attempts=0,
        scheduled_at=meant, due_at=due_at,
    )  # fmt: skip


def undone(running: Running, failure: str, *, now: int) -> Running:
    """It does not work: what was made is to be taken back."""
    return _to(running, Phase.UNDOING, failure=failure, attempts=0, due_at=now)


def put_off(running: Running, reason: str, *, now: int) -> Running:
    """There was no answer: again later, twice as long each time."""
    pause = min(2 ** min(running.attempts, 16), LONGEST_PAUSE_SECONDS)
    return structs.replace(
        running,
        failure=reason,
        attempts=running.attempts + 1,
        due_at=now + pause,
        version=running.version + 1,
    )


def pause_after_failure(rotation: Rotation) -> int:
    """Return how long to wait until a rotation that failed is tried again."""
    return min(LONGEST_PAUSE_SECONDS, max(MIN_PERIOD_SECONDS, rotation.period_seconds // 10))


def sealed_as(name: str, which: str) -> str:
    """Return the identity that a value in transit is sealed under."""
    return f"rot/{name}/{which}"


def _to(running: Running, phase: Phase, **changes: object) -> Running:
    return structs.replace(running, phase=phase, version=running.version + 1, **changes)
