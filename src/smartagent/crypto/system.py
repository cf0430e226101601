# SPDX-License-Identifier: Apache-2.0
"""The machine's time and chance: the only place that asks for them."""

import os
import time


class SystemClock:
    """The machine's clock, which this process never sees run backwards.

    When the machine's clock is set back, this one goes on at the pace of the monotonic clock
    until it is overtaken: what has expired or was used once stays so.
    """

    __slots__ = ("_ahead_seconds",)

    def __init__(self) -> None:
        self._ahead_seconds = -time.monotonic()

    def now(self) -> float:
        """Return Unix seconds, UTC; never less than an earlier answer."""
        monotonic = time.monotonic()
        wall = time.time()  # noqa: TID251 -- this is the Clock that everybody else takes
        if wall - monotonic >= self._ahead_seconds:
            self._ahead_seconds = wall - monotonic
            return wall
        return monotonic + self._ahead_seconds

    def catch_up(self, not_before: float) -> float:
        """Never answer less than `not_before` (Unix seconds) again; return by how much that moves it."""
        behind_seconds = max(0.0, not_before - self.now())
        self._ahead_seconds += behind_seconds
        return behind_seconds

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()


def system_entropy(size_bytes: int, /) -> bytes:
    """Return `size_bytes` bytes from the kernel's generator; blocks only before it was ever seeded."""
    return os.urandom(size_bytes)
