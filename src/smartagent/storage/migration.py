# SPDX-License-Identifier: Apache-2.0
"""Brings a store's schema up to this release.  Forwards only; quick when there is nothing to do.

The steps are Alembic's (`migrations/versions`, numbered 0001, 0002, ...), rendered as SQL for
the store's dialect and run in one transaction.  Alembic and SQLAlchemy are loaded only when a
step is due: a process that finds its store current stays small.
"""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smartagent.storage.beside import alone
from smartagent.storage.errors import SchemaTooNew, SchemaTooOld
from smartagent.storage.migrations.steps import latest_revision

if TYPE_CHECKING:
    import asyncpg

_CURRENT: Final = "SELECT version_num FROM alembic_version"
_LOCK: Final = 0x736D617274  # this number names our migrations among the database's advisory locks


def migrate(store: str | Path) -> None:
    """Bring the store up to this release: a path is SQLite's, a `postgresql://` URL is PostgreSQL's.

    A store that is not there yet is made (SQLite: with mode 0600).  Call it where no event
    loop runs.

    Raises:
        SchemaTooNew: A newer release made the store; nothing was touched.
        WriterRuns: The SQLite store needs steps, and another process is writing it.
    """
    if isinstance(store, str) and store.startswith(("postgresql://", "postgres://")):
        asyncio.run(_migrate_postgres(store))
    else:
        _migrate_sqlite(Path(store))


def require_current(connection: sqlite3.Connection) -> None:
    """Return when the store's schema is this release's.

    Raises:
        SchemaTooNew: It is not, and has to be read by a newer release.
        SchemaTooOld: It is not, and has to be migrated.
    """
    require_revision(_found(connection))


def require_revision(found: str) -> None:
    """Return when `found`, "" for an empty store, is this release's revision.

    Raises:
        SchemaTooNew, SchemaTooOld: As `require_current`.
    """
    if _due(found):
        raise SchemaTooOld(
            f"the store has schema {found or 'none'}, and this release needs {latest_revision()}"
        )


def _migrate_sqlite(path: Path) -> None:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if _due(_found(connection)):
            with alone(path):
                connection.execute("PRAGMA journal_mode=WAL").fetchall()
                # Read again: whoever held the lock before may have done it.
                found = _found(connection)
                if _due(found):
                    connection.executescript(f"BEGIN IMMEDIATE;\n{_script('sqlite', found)}\nCOMMIT;")


async def _migrate_postgres(url: str) -> None:
    import asyncpg  # noqa: PLC0415 -- a node on SQLite does not load it

    connection = await asyncpg.connect(url)
    try:
        if _due(await _found_postgres(connection)):
            await connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
            found = await _found_postgres(connection)
            if _due(found):
                await connection.execute(_script("postgresql", found))
    finally:
        await connection.close()


def _found(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute(_CURRENT).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return ""
    return str(row[0]) if row else ""


async def _found_postgres(connection: "asyncpg.Connection[asyncpg.Record]") -> str:
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return ""
    return str(await connection.fetchval(_CURRENT) or "")


def _due(found: str) -> bool:
    _refuse_newer(found)
    return found != latest_revision()


def _refuse_newer(found: str) -> None:
    if found > latest_revision():
        raise SchemaTooNew(found, latest_revision())


def _script(dialect: str, found: str) -> str:
    from smartagent.storage.migrations.render import script  # noqa: PLC0415 -- loads Alembic

    return script(dialect, found)
