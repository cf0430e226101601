# SPDX-License-Identifier: Apache-2.0
"""How often somebody may be wrong, in this node's memory.

A try takes one from the bucket before it is looked at, and gives it back when it was right: so many tries at
once cannot be more than the bucket holds.

Spec: RFC 8628 section 5.1.
"""

from typing import Final

from smartagent.decoupled.errors import GuessedTooOften
from smartagent.decoupled.rules import Bucket, Limit, level, wait_seconds
from smartagent.kernel import Clock

PERSON: Final = Limit(5, 60)
ADDRESS: Final = Limit(20, 15)
"""An office has one address: more than for a person, and still nothing to guess 34 bits with."""
HINTS: Final = Limit(10, 60)
REQUESTS: Final = Limit(30, 2)
"""How often a client may begin something new from one address."""
_MOST_KEPT: Final = 10_000


class Guesses:
    """The buckets of one kind of guess.  The one that was not used for longest is forgotten first."""

    def __init__(self, clock: Clock, limit: Limit) -> None:
        self._clock = clock
        self._limit = limit
        self._buckets: dict[str, Bucket] = {}

    def take(self, who: str) -> None:
        """Take one try of `who`.

        Raises:
            GuessedTooOften: There is none left; says when there will be.
        """
        now = self._clock.monotonic()
        left = level(self._buckets.pop(who, None), self._limit, now=now)
        wait = wait_seconds(left, self._limit)
        if len(self._buckets) >= _MOST_KEPT:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[who] = Bucket(left if wait else left - 1, now)
        if wait:
            raise GuessedTooOften(wait)

    def give_back(self, who: str) -> None:
        """Give back what was taken: the try was right."""
        kept = self._buckets.get(who)
        if kept is not None:
            self._buckets[who] = Bucket(min(kept.left + 1, float(self._limit.size)), kept.at)
