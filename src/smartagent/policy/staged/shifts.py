# SPDX-License-Identifier: Apache-2.0
"""What staged texts would decide otherwise: counted in memory, in a bounded number of groups."""

from typing import Final, NamedTuple

MOST_GROUPS: Final = 256
"""How many groups are kept apart for each staged text; the rest counts as one."""


class Shift(NamedTuple):
    """Decisions that a staged text makes otherwise: `was` by what is in force, `becomes` by the staged text.

    `rule` and `digest` name the staged text, `by` are the rules of the one that is tried which decide, or why none
    does.  In the group of all that found no room, `role`, `upstream`, `method` and `by` are empty.
    """

    rule: str
    digest: str
    role: str
    upstream: str
    method: str
    was: str
    becomes: str
    by: str


class Tried(NamedTuple):
    """What was counted of a staged text since the last look."""

    rule: str
    digest: str
    decided: int
    shifts: dict[Shift, int]


class Counter:
    """Counts decisions of staged texts."""

    def __init__(self) -> None:
        self._decided: dict[tuple[str, str], int] = {}
        self._shifts: dict[tuple[str, str], dict[Shift, int]] = {}

    def decided(self, rule: str, digest: str) -> None:
        """Count a decision that was made twice."""
        self._decided[rule, digest] = self._decided.get((rule, digest), 0) + 1

    def shifted(self, shift: Shift) -> None:
        """Count one that came out otherwise."""
        groups = self._shifts.setdefault((shift.rule, shift.digest), {})
        if shift not in groups and len(groups) >= MOST_GROUPS:
            shift = without_group(shift)
        groups[shift] = groups.get(shift, 0) + 1

    def take(self) -> list[Tried]:
        """Return what was counted, and begin again."""
        decided, shifts = self._decided, self._shifts
        self._decided, self._shifts = {}, {}
        return [Tried(*key, number, shifts.get(key, {})) for key, number in decided.items()]

    def give_back(self, tried: Tried) -> None:
        """Count again what could not be written down."""
        key = tried.rule, tried.digest
        self._decided[key] = self._decided.get(key, 0) + tried.decided
        groups = self._shifts.setdefault(key, {})
        for shift, calls in tried.shifts.items():
            groups[shift] = groups.get(shift, 0) + calls


def without_group(shift: Shift) -> Shift:
    """Return the group of those that find no room."""
    return shift._replace(role="", upstream="", method="", by="")
