# SPDX-License-Identifier: Apache-2.0
"""Circuit breakers: an upstream that cannot be reached is left alone for a while.

::

    closed --`FAILURES` in a row--> open --`COOLS_SECONDS`--> one probe --reached--> closed
                                     ^                            |
                                     +------- not reached --------+

Only connecting counts: an upstream that is reached and answers late, or with an error, is not down.  While a breaker is
open, calls fail at once instead of one connect time later, and the upstream is not knocked at by all of them.

Nothing here knows the time; `now` is the loop's.
"""

import math
from typing import Final

from smartagent.gateway.errors import UpstreamDown
from smartagent.gateway.plan import Origin

FAILURES: Final = 5
COOLS_SECONDS: Final = 10.0
_MOST: Final = 4096


class _Broken:
    __slots__ = ("failures", "probing", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.until = -math.inf
        self.probing = False


class Breakers:
    """One breaker for each origin that could not be reached the last time."""

    def __init__(self) -> None:
        self._broken: dict[Origin, _Broken] = {}

    @property
    def number_open(self) -> int:
        """How many origins are left alone, or being probed."""
        return sum(broken.failures >= FAILURES for broken in self._broken.values())

    def check(self, origin: Origin, now: float) -> None:
        """Let an attempt to connect be made; `reached` or `failed` must follow.

        Raises:
            UpstreamDown: The origin is left alone.
        """
        broken = self._broken.get(origin)
        if broken is None or broken.failures < FAILURES:
            return
        if broken.probing or now < broken.until:
            raise UpstreamDown(max(1, math.ceil(broken.until - now)))
        broken.probing = True

    def reached(self, origin: Origin) -> None:
        """An attempt succeeded."""
        if self._broken:
            self._broken.pop(origin, None)

    def failed(self, origin: Origin, now: float) -> None:
        """An attempt failed."""
        broken = self._broken.get(origin)
        if broken is None:
            if len(self._broken) >= _MOST:
                del self._broken[next(iter(self._broken))]
            broken = self._broken[origin] = _Broken()
        broken.failures += 1
        broken.until = now + COOLS_SECONDS
        broken.probing = False

    def abandoned(self, origin: Origin) -> None:
        """An attempt was given up, and nothing was learnt."""
        broken = self._broken.get(origin)
        if broken is not None:
            broken.probing = False
