# SPDX-License-Identifier: Apache-2.0
"""Which engine the settings name."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from smartagent.crypto import SystemClock
from smartagent.kernel import Clock
from smartagent.server.settings import Settings
from smartagent.storage import LogJob, Store


def open_store(settings: Settings, clock: Clock, jobs: Sequence[LogJob] = ()) -> Store:
    """Return the store, not yet started.  Call it on the loop that will use it.

    On PostgreSQL `jobs` run on the node that holds the lease; on SQLite the writer runs its own.
    """
    if settings.is_postgres:
        from smartagent.storage import PostgresStore  # noqa: PLC0415 -- a node on SQLite does not load asyncpg

        return PostgresStore(settings.store, clock=clock, jobs=jobs)
    from smartagent.storage import SqliteStore  # noqa: PLC0415 -- nor the other way round

    return SqliteStore(Path(settings.store))


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Give the store to look into: on SQLite without its writer, so that it need not run.

    Raises:
        SmartAgentError: It does not answer, or has another release's schema.
    """
    store = open_store(settings, SystemClock())
    try:
        if settings.is_postgres:
            await store.start()
        yield store
    finally:
        await store.close()
