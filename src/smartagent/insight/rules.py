# SPDX-License-Identifier: Apache-2.0
"""Many requests as few lines: sums that stay small."""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from smartagent.insight.model import Shift

MAX_GROUPS: Final = 2_000
MAX_EXAMPLES: Final = 3


class Tally:
    """Adds up shifts, in bounded memory: at most `most` groups, and a count of what found no room."""

    def __init__(self, most: int = MAX_GROUPS) -> None:
        self._most = most
        self._groups: dict[tuple[str, ...], Shift] = {}
        self.left_out = 0

    def add(self, shifts: Iterable[Shift]) -> None:
        """Add groups to what is there."""
        for shift in shifts:
            key = (
                shift.agent,
                shift.role,
                shift.upstream,
                shift.method,
                shift.path,
                shift.becomes,
                shift.now,
            )
            known = self._groups.get(key)
            if known is not None:
                examples = (*known.examples, *shift.examples)[:MAX_EXAMPLES]
                known = structs.replace(known, calls=known.calls + shift.calls, examples=examples)
                self._groups[key] = known
            elif len(self._groups) < self._most:
                self._groups[key] = shift
            else:
                self.left_out += shift.calls

    def shifts(self) -> list[Shift]:
        """Return the groups: what would be refused first, and of those the most frequent first."""
        return sorted(self._groups.values(), key=lambda shift: (shift.becomes, -shift.calls, shift.path))
