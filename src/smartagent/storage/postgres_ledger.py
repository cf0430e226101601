# SPDX-License-Identifier: Apache-2.0
"""The ledger of a node on PostgreSQL: what comes while a transaction runs is the next one."""

import asyncio
import contextlib
import logging
from typing import Final

import asyncpg

from smartagent.kernel import Clock, Committed, Work
from smartagent.storage.errors import StoreUnavailable
from smartagent.storage.postgres_batch import Item, commit, without_rivals
from smartagent.storage.statement import Compiler

_MOST_WAITING: Final = 50_000
_MOST_WORKS: Final = 2_048
_TRIES: Final = 3
_PROBE_SECONDS: Final = 0.25
_TOUCH: Final = "UPDATE head SET next = next WHERE id = 1"

FAILURES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What asyncpg raises when the database cannot be reached, or cannot do what it should."""

_log = logging.getLogger(__name__)


class PostgresLedger:
    """A `Ledger` that commits for itself, one batch at a time."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", compiled: Compiler, clock: Clock) -> None:
        self.up = True
        """Whether the last batch could be committed."""
        self._pool = pool
        self._compiled = compiled
        self._clock = clock
        self._waiting: list[Item] = []
        self._running: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def commit(self, work: Work) -> Committed:
        """Make `work` durable.

        Raises:
            SmartAgentError: The `lost` of the first claim or write that did not hold.
            StoreUnavailable: The database does not answer, or could not write.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise StoreUnavailable("the database does not answer")
        committed: asyncio.Future[Committed] = self._loop.create_future()
        self._add(Item(work, self._compiled, committed))
        return await committed

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon, without waiting."""
        if len(self._waiting) >= _MOST_WAITING:
            _log.error("a record is lost: the database has not answered for too long")
        else:
            self._add(Item(work, self._compiled, None))

    async def close(self) -> None:
        """Commit what waits, if that is possible at all."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        if self._running is not None:
            await asyncio.wait([self._running])

    def _add(self, item: Item) -> None:
        self._waiting.append(item)
        if self._running is None:
            self._running = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                items, rest = self._waiting[:_MOST_WORKS], self._waiting[_MOST_WORKS:]
                batch, later = without_rivals(items)
                self._waiting = later + rest
                await self._batch(batch)
        finally:
            self._running = None

    async def _batch(self, items: list[Item]) -> None:
        failure: Exception | None = None
        try:
            await self._try(items)
            self.up = True
        except Exception as error:  # noqa: BLE001 -- a bug too: whoever waits has to hear of it
            _log.exception("a batch could not be committed")
            self.up = False
            failure = error
            if self._probing is None or self._probing.done():
                self._probing = self._loop.create_task(self._probe())
        for item in items:
            _answer(item, failure)

    async def _probe(self) -> None:
        """Find out when the database can be written again: an unhealthy node is sent no work that would tell."""
        while not self.up:
            await asyncio.sleep(_PROBE_SECONDS)
            with contextlib.suppress(*FAILURES):
                await self._pool.execute(_TOUCH)
                self.up = True

    async def _try(self, items: list[Item]) -> None:
        for tries_left in reversed(range(_TRIES)):
            for item in items:
                item.outcome = None
            try:
                async with self._pool.acquire() as connection:
                    await commit(connection, items, int(self._clock.now()))
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                if not tries_left:
                    raise
            else:
                return


def _answer(item: Item, failure: Exception | None) -> None:
    outcome = item.outcome if failure is None else StoreUnavailable("the database could not write")
    if item.waiter is None:
        if not isinstance(outcome, Committed):
            _log.error("a work that nobody waited for did not happen: %s", outcome)
    elif item.waiter.done():
        return
    elif isinstance(outcome, Committed):
        item.waiter.set_result(outcome)
    else:
        item.waiter.set_exception(outcome or StoreUnavailable("the database could not write"))
