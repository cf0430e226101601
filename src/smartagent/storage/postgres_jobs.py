# SPDX-License-Identifier: Apache-2.0
"""Log jobs and tidying on PostgreSQL: by whichever node holds the lease."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smartagent.kernel import Clock
from smartagent.storage.log import LogJob
from smartagent.storage.postgres_session import PostgresSession

if TYPE_CHECKING:
    import asyncpg

    from smartagent.storage.postgres_lease import Lease

_LOOK_SECONDS: Final = 0.05
_RENEW_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 1.0
_TIDY_SECONDS: Final = 30.0
_CHANGES_KEPT: Final = 20_000

_SIZE: Final = "SELECT next FROM head WHERE id = 1"
_FORGET_CLAIMS: Final = "DELETE FROM claim WHERE expires_at < $1"
_FORGET_CHANGES: Final = (
    "DELETE FROM change WHERE version <= (SELECT version FROM head WHERE id = 1) - $1::bigint"
)

_log = logging.getLogger(__name__)


class PostgresJobs:
    """Follows the log whenever this node holds the lease."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", lease: "Lease", jobs: Sequence[LogJob], clock: Clock
    ) -> None:
        self._pool = pool
        self._lease = lease
        self._jobs = jobs
        self._clock = clock
        self._tidied_at = clock.monotonic()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        while True:
            try:
                size = await self._turn()
                await self._rest(size)
            except Exception:  # noqa: BLE001 -- a job's bug or a lost connection: the log is followed all the same
                _log.exception("a log job failed; it is tried again")
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _turn(self) -> int:
        """Step until all jobs have caught up with the log; return how long it was before."""
        more, size = True, -1
        while more:
            async with self._pool.acquire() as connection:
                size = int(await connection.fetchval(_SIZE))
                more = False
                for job in self._jobs:
                    async with connection.transaction():
                        if not await self._lease.hold(connection):
                            return size
                        more |= await job.step(PostgresSession(connection))
        await self._tidy()
        return size

    async def _rest(self, size: int) -> None:
        """Return when the log has grown beyond `size`, or the lease has to be renewed."""
        until = self._clock.monotonic() + _RENEW_SECONDS
        while self._clock.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._jobs and await self._pool.fetchval(_SIZE) != size:
                return

    async def _tidy(self) -> None:
        now = self._clock.monotonic()
        if now - self._tidied_at >= _TIDY_SECONDS and await self._lease.acquire():
            self._tidied_at = now
            await self._pool.execute(_FORGET_CLAIMS, int(self._clock.now()))
            await self._pool.execute(_FORGET_CHANGES, _CHANGES_KEPT)
