# SPDX-License-Identifier: Apache-2.0
"""Refusals that come in floods: the first is recorded as it happens, those after it as one number.

A limit that is used up refuses as often as it is asked, and each record is a durable write.  So of the refusals
of one agent at one upstream for one reason, the first is in the log before it is answered; the others of the next
`WINDOW_SECONDS` are counted, and their number is in the log after that.
"""

from typing import Final, NamedTuple

WINDOW_SECONDS: Final = 5.0


class Refused(NamedTuple):
    """Who was refused, at which upstream, by the error of which code."""

    caller: str
    upstream: str
    code: str


class Refusals:
    """Tells which refusal is the first of its kind."""

    def __init__(self) -> None:
        self._windows: dict[Refused, tuple[float, int]] = {}

    def is_first(self, refused: Refused, now: float) -> bool:
        """Tell whether this refusal is to be recorded; else it is counted."""
        known = self._windows.get(refused)
        if known is None:
            self._windows[refused] = now, 0
            return True
        self._windows[refused] = known[0], known[1] + 1
        return False

    def due(self, now: float) -> list[tuple[Refused, int]]:
        """Return how many were counted, of each kind whose time is over."""
        over = [
            (refused, count)
            for refused, (since, count) in self._windows.items()
            if now - since >= WINDOW_SECONDS
        ]
        for refused, _ in over:
            del self._windows[refused]
        return [(refused, count) for refused, count in over if count]
