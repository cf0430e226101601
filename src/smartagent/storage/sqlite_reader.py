# SPDX-License-Identifier: Apache-2.0
"""Reads a SQLite store beside its writer.

A short query runs at once: a thread would cost more than the query.  SQLite itself breaks off
one that turns out to be long, and a thread runs it again.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from smartagent.kernel import Scalar
from smartagent.storage.errors import StoreUnavailable
from smartagent.storage.log import NO_PARAMETERS, Row
from smartagent.storage.statement import sqlite_compiler

_SHORT: Final = 20_000
"""Steps of SQLite's machine, about a millisecond, after which a query is long."""
_THREADS: Final = 2
_PATIENCE_SECONDS: Final = 5.0


class SqliteDatabase:
    """A `Database` of read-only connections: one for this thread, one for each of the others."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._compiled = sqlite_compiler()
        self._here: sqlite3.Connection | None = None
        self._there = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._threads: ThreadPoolExecutor | None = None

    async def fetch(self, statement: object, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a SQLAlchemy Core select.

        Raises:
            StoreUnavailable: The file cannot be read.
        """
        compiled = self._compiled(statement)
        values = compiled.values(parameters)
        try:
            try:
                return self._connection().execute(compiled.sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            return await asyncio.get_running_loop().run_in_executor(
                self._pool(), self._long, compiled.sql, values
            )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # the statement's fault: a bug, not the disk's
                raise
            raise StoreUnavailable("the store cannot be read") from error

    def close(self) -> None:
        """Close all connections."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._here = None
        self._there = threading.local()

    def _connection(self) -> sqlite3.Connection:
        if self._here is None:
            self._here = self._open()
            self._here.set_progress_handler(lambda: 1, _SHORT)
        return self._here

    def _long(self, sql: str, values: tuple[Scalar, ...]) -> list[Row]:
        connection = getattr(self._there, "connection", None)
        if connection is None:
            connection = self._there.connection = self._open()
        return connection.execute(sql, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=_PATIENCE_SECONDS,
            cached_statements=256,
            check_same_thread=False,  # each is used by one thread, but closed by this one
        )
        connection.execute("PRAGMA query_only=ON").fetchall()
        self._opened.append(connection)
        return connection

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-read")
        return self._threads
