# SPDX-License-Identifier: Apache-2.0
"""A lease on a store whose workers share one machine, and so one clock: SQLite.

On PostgreSQL `storage.Lease` does it, by the database's clock.
"""

from contextlib import suppress
from typing import Final

from smartagent.kernel import Clock, Ledger, Work
from smartagent.signals.errors import CursorMoved
from smartagent.signals.store import free_lease, hold_lease, read_lease
from smartagent.storage import Database

LIFE_SECONDS: Final = 20
"""How long a lease is held without being kept, unless it is said otherwise."""


class LedgerLease:
    """One worker's claim to the lease `name`.  Looking costs a read; only taking and keeping is written."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        name: str,
        holder: str,
        life_seconds: int = LIFE_SECONDS,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._name = name
        self._holder = holder
        self._life_seconds = life_seconds

    async def acquire(self) -> bool:
        """Take the lease, or keep it; say whether it is held now.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        now = int(self._clock.now())
        holder, until = await read_lease(self._database, self._name)
        if holder and holder != self._holder and until >= now:
            return False
        if holder == self._holder and until - now > self._life_seconds // 2:
            return True
        writes = (
            free_lease(self._name, self._holder, now=now),
            hold_lease(self._name, self._holder, until=now + self._life_seconds),
        )
        try:
            await self._ledger.commit(Work((), writes=writes))
        except CursorMoved:
            return False
        return True

    async def release(self) -> None:
        """Let somebody else have it at once.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        with suppress(CursorMoved):
            freed = free_lease(self._name, self._holder, now=0)
            await self._ledger.commit(Work((), writes=(freed,)))
