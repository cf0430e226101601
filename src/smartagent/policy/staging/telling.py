# SPDX-License-Identifier: Apache-2.0
"""Writing down what staged texts would have decided otherwise: every minute, by each node, off the way of any call."""

import asyncio
import contextlib
import logging
from typing import Final

from smartagent.kernel import Clock, Decision, IdPrefix, Ids, Ledger, Record, SmartAgentError, Work, Write
from smartagent.policy.book import Book
from smartagent.policy.staged.shifts import MOST_GROUPS, Shift, Tried, without_group
from smartagent.policy.staged.store import add_shift, read_shifts
from smartagent.storage import Database

EVERY_SECONDS: Final = 60.0

_log = logging.getLogger(__name__)


class Telling:
    """Adds what this node counted to what all nodes did.

    What was counted in the last minute is lost when the node dies.
    """

    def __init__(self, book: Book, database: Database, ledger: Ledger, clock: Clock, ids: Ids) -> None:
        self._book = book
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the store has started."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write down what is left, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self.tell()

    async def tell(self) -> None:
        """Write down what was counted; what cannot be written is kept for the next time."""
        for tried in self._book.tried.take():
            try:
                await self._ledger.commit(await self._work(tried))
            except SmartAgentError as error:
                _log.warning("what %s would change is not written down yet: %s", tried.rule, error.code)
                self._book.tried.give_back(tried)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            with contextlib.suppress(SmartAgentError):
                await self.tell()

    async def _work(self, tried: Tried) -> Work:
        shifted = sum(tried.shifts.values())
        record = Record(
            event="rule.tried",
            at_ms=int(self._clock.now() * 1000),
            request=self._ids.new(IdPrefix.REQUEST),
            target=tried.rule,
            detail={
                "digest": tried.digest,
                "decided": tried.decided,
                "otherwise": shifted,
                "refused": sum(calls for shift, calls in tried.shifts.items() if shift.becomes == _DENIED),
            },
        )
        if not shifted:
            return Work((record,))
        known = await read_shifts(self._database, tried.rule, tried.digest)
        return Work((record,), writes=_writes(tried, known))


_DENIED: Final = Decision.DENY.value


def _writes(tried: Tried, known: dict[Shift, int]) -> tuple[Write, ...]:
    calls: dict[Shift, int] = {}
    room = MOST_GROUPS - len(known)
    for shift, more in tried.shifts.items():
        if shift not in known and shift not in calls:
            room -= 1
        kept = shift if shift in known or shift in calls or room >= 0 else without_group(shift)
        calls[kept] = calls.get(kept, 0) + more
    return tuple(add_shift(shift, more, known=shift in known) for shift, more in calls.items())
