# SPDX-License-Identifier: Apache-2.0
"""A store in PostgreSQL, as a node sees it: every node is like every other."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Final

import asyncpg

from smartagent.kernel import Clock, Scalar
from smartagent.storage.errors import StoreUnavailable
from smartagent.storage.feed import Feed
from smartagent.storage.log import NO_PARAMETERS, LogJob, Row
from smartagent.storage.migration import require_revision
from smartagent.storage.postgres_follow import Follower
from smartagent.storage.postgres_jobs import PostgresJobs
from smartagent.storage.postgres_lease import Lease
from smartagent.storage.postgres_ledger import FAILURES, PostgresLedger
from smartagent.storage.statement import Compiler, postgres_compiler

_COMMAND_SECONDS: Final = 10.0
_START_SECONDS: Final = 5.0
_CONNECTIONS: Final = 6
_JOBS: Final = "log-jobs"

_HEAD: Final = "INSERT INTO head (id, next, version) VALUES (1, 0, 0) ON CONFLICT DO NOTHING"
_REVISION: Final = "SELECT version_num FROM alembic_version"
_NAME: Final = "SELECT gen_random_uuid()::text"


class PostgresDatabase:
    """A `Database` on a pool of connections."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", compiled: Compiler) -> None:
        self._pool = pool
        self._compiled = compiled

    async def fetch(self, statement: object, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a SQLAlchemy Core select.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        compiled = self._compiled(statement)
        values = compiled.values(parameters)
        try:
            return [tuple(row) for row in await self._pool.fetch(compiled.sql, *values)]
        except (asyncpg.SyntaxOrAccessError, asyncpg.DataError):
            raise  # the statement's fault: a bug
        except FAILURES as error:
            raise StoreUnavailable("the database does not answer") from error


class PostgresStore:
    """Connects to the database at `url`, and again whenever it comes back.

    `jobs` run on the node that holds the lease.  Make it on the loop that will use it.  The
    schema must be current: `migrate` comes first.
    """

    def __init__(self, url: str, *, clock: Clock, jobs: Sequence[LogJob] = ()) -> None:
        compiled = postgres_compiler()
        self._pool = asyncpg.create_pool(
            url,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_START_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            server_settings={"synchronous_commit": "on"},  # whatever the database's own setting is
        )
        self.feed = Feed()
        self.database = PostgresDatabase(self._pool, compiled)
        self.ledger = PostgresLedger(self._pool, compiled, clock)
        self._follower = Follower(url, self.feed)
        self._jobs = jobs
        self._clock = clock
        self._node = ""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def healthy(self) -> bool:
        """Whether the last commit could be made, and this node's memory is known to be fresh."""
        return self.ledger.up and self.feed.healthy

    async def start(self) -> None:
        """Connect, and load everything that is registered with the feed.

        Raises:
            StoreUnavailable: The database does not answer.
            SchemaTooNew, SchemaTooOld: It is another release's; see `migrate`.
        """
        try:
            await self._connect()
            self._spawn(self._follower.run())
            await asyncio.wait_for(self._follower.greeted.wait(), _START_SECONDS)
            await self.feed.start()
        except FAILURES as error:
            await self.close()
            raise StoreUnavailable("the database does not answer") from error
        except BaseException:
            await self.close()
            raise
        self._spawn(PostgresJobs(self._pool, self.lease(_JOBS), self._jobs, self._clock).run())

    def lease(self, name: str, *, ttl_seconds: int = 5) -> Lease:
        """Return this node's claim to the lease `name`; nothing is acquired yet.  Only after `start`."""
        return Lease(self._pool, name, self._node, ttl_seconds=ttl_seconds)

    async def close(self) -> None:
        """Commit what waits, and let go of the database."""
        await self.ledger.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        await self.feed.close()
        self._pool.terminate()

    async def _connect(self) -> None:
        await self._pool
        try:
            require_revision(str(await self._pool.fetchval(_REVISION) or ""))
        except asyncpg.UndefinedTableError:
            require_revision("")
        await self._pool.execute(_HEAD)
        self._node = str(await self._pool.fetchval(_NAME))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))
