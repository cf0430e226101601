# SPDX-License-Identifier: Apache-2.0
"""Storage: the engine, its transactions, group commit, the change feed and the migrations.

One store, two engines behind the same seams.  SQLite: one writer process owns the file, and
the workers send it their works.  PostgreSQL: every node commits for itself, and the database
keeps the order.

The names are loaded when they are first used: the writer process must stay small, and has no
use for SQLAlchemy, nor has a node on SQLite for asyncpg.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smartagent.storage.copying import copy_in, copy_out
    from smartagent.storage.database import Database, Store
    from smartagent.storage.entries import Entries, new_values
    from smartagent.storage.errors import (
        CopyRefused,
        SchemaTooNew,
        SchemaTooOld,
        StoreUnavailable,
        WriterRuns,
    )
    from smartagent.storage.feed import Feed, Reload
    from smartagent.storage.leaves import read_leaves, read_size
    from smartagent.storage.log import LogJob, LogSession, Row
    from smartagent.storage.migration import migrate
    from smartagent.storage.postgres import PostgresStore
    from smartagent.storage.postgres_lease import Lease
    from smartagent.storage.schema import metadata
    from smartagent.storage.sqlite import SqliteStore
    from smartagent.storage.writer import run_writer

__all__ = [
    "CopyRefused",
    "Database",
    "Entries",
    "Feed",
    "Lease",
    "LogJob",
    "LogSession",
    "PostgresStore",
    "Reload",
    "Row",
    "SchemaTooNew",
    "SchemaTooOld",
    "SqliteStore",
    "Store",
    "StoreUnavailable",
    "WriterRuns",
    "copy_in",
    "copy_out",
    "metadata",
    "migrate",
    "new_values",
    "read_leaves",
    "read_size",
    "run_writer",
]

_MODULES: Final = {
    "copying": ("copy_in", "copy_out"),
    "database": ("Database", "Store"),
    "entries": ("Entries", "new_values"),
    "errors": ("CopyRefused", "SchemaTooNew", "SchemaTooOld", "StoreUnavailable", "WriterRuns"),
    "feed": ("Feed", "Reload"),
    "leaves": ("read_leaves", "read_size"),
    "log": ("LogJob", "LogSession", "Row"),
    "migration": ("migrate",),
    "postgres": ("PostgresStore",),
    "postgres_lease": ("Lease",),
    "schema": ("metadata",),
    "sqlite": ("SqliteStore",),
    "writer": ("run_writer",),
}
_HOME: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module that defines `name`."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
