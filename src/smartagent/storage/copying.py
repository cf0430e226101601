# SPDX-License-Identifier: Apache-2.0
"""A whole store as one stream: every table as it is at one instant, while everything goes on.

    {"engine", "revision"}  then for each table  [name, columns]  [row, ...]  [row, ...]  null     (MessagePack)

Whatever each row says is kept; who held which turn is not, because they will not be there.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from smartagent.storage.errors import CopyRefused
from smartagent.storage.migration import migrate
from smartagent.storage.migrations.steps import latest_revision

SQLITE: Final = "sqlite"
POSTGRES: Final = "postgresql"
_ROWS: Final = 200
_CREATED: Final = re.compile(r'CREATE TABLE "?(\w+)"?')
_LEFT_OUT: Final = frozenset({"alembic_version", "lease"})
_FRAME: Final = 4
_MAX_FRAME_BYTES: Final = 256 * 1024 * 1024


class Preamble(msgspec.Struct, frozen=True):
    """What the stream is of."""

    engine: str
    revision: str


class _Table(msgspec.Struct, frozen=True, array_like=True):
    name: str
    columns: tuple[str, ...]


Rows = list[list[object]]


async def copy_out(store: str | Path) -> AsyncIterator[bytes]:
    """Yield the store as it is at this instant; it may be in use.

    Args:
        store: As for `migrate`.

    Raises:
        CopyRefused: It is of another release, or is not there.
    """
    if isinstance(store, str):
        async for piece in _postgres_out(store):
            yield piece
        return
    for piece in _sqlite_out(store):
        yield piece


async def copy_in(store: str | Path, pieces: Iterator[bytes]) -> None:
    """Make a store of what `copy_out` yielded: all of it, or nothing.

    Raises:
        CopyRefused: There is a store already, or the stream is of another engine or release, or is damaged.
    """
    frames = _frames(pieces)
    engine = POSTGRES if isinstance(store, str) else SQLITE
    preamble = msgspec.msgpack.decode(next(frames, b"\xc0"), type=Preamble | None)
    if preamble is None or preamble.engine != engine:
        raise CopyRefused(
            f"it is a copy of {'nothing' if preamble is None else preamble.engine}, not of {engine}"
        )
    if preamble.revision != latest_revision():
        raise CopyRefused(f"it is of schema {preamble.revision}, and this release has {latest_revision()}")
    if isinstance(store, str):
        await _postgres_in(store, frames)
    else:
        _sqlite_in(store, frames)


def _sqlite_out(path: Path) -> Iterator[bytes]:
    if not path.exists():
        raise CopyRefused(f"there is no store at {path}")
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        # In WAL mode everything that is read in one transaction is of one instant.
        connection.execute("BEGIN")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        yield _frame(Preamble(SQLITE, _current(revision)))
        for name in _names(SQLITE):
            cursor = connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608 -- the schema's own name
            yield _frame(_Table(name, tuple(column[0] for column in cursor.description)))
            while rows := cursor.fetchmany(_ROWS):
                yield _frame(rows)
            yield _frame(None)


def _sqlite_in(path: Path, frames: Iterator[bytes]) -> None:
    if path.exists():
        raise CopyRefused(f"there is a store at {path} already")
    coming = path.with_name(path.name + ".coming")
    _clear(coming)
    try:
        _fill(coming, frames)
        coming.rename(path)
    finally:
        _clear(coming)


def _fill(coming: Path, frames: Iterator[bytes]) -> None:
    migrate(coming)
    with contextlib.closing(sqlite3.connect(coming, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in _tables(frames):
            marks = ", ".join("?" * len(table.columns))
            names = ", ".join(_quoted(table.columns))
            (name,) = _quoted([table.name])
            if rows is None:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 -- quoted
            else:
                connection.executemany(f"INSERT INTO {name} ({names}) VALUES ({marks})", rows)  # noqa: S608 -- quoted
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with coming.open("rb") as file:
        os.fsync(file.fileno())


def _clear(path: Path) -> None:
    for end in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + end).unlink(missing_ok=True)


async def _postgres_out(url: str) -> AsyncIterator[bytes]:
    import asyncpg  # noqa: PLC0415 -- a node on SQLite does not load it

    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
            yield _frame(Preamble(POSTGRES, _current(str(revision))))
            for name in _names(POSTGRES):
                statement = await connection.prepare(f'SELECT * FROM "{name}"')  # noqa: S608 -- the schema's own name
                yield _frame(_Table(name, tuple(each.name for each in statement.get_attributes())))
                cursor = await statement.cursor()
                while rows := await cursor.fetch(_ROWS):
                    yield _frame([tuple(row) for row in rows])
                yield _frame(None)
    finally:
        await connection.close()


async def _postgres_in(url: str, frames: Iterator[bytes]) -> None:
    import asyncpg  # noqa: PLC0415 -- a node on SQLite does not load it

    from smartagent.storage.migrations.render import script  # noqa: PLC0415 -- loads Alembic

    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
            raise CopyRefused("there is a store in this database already")
        async with connection.transaction():
            await connection.execute(script(POSTGRES, ""))
            for table, rows in _tables(frames):
                (name,) = _quoted([table.name])
                if rows is None:
                    await connection.execute(f"DELETE FROM {name}")  # noqa: S608 -- quoted
                else:
                    await connection.copy_records_to_table(table.name, records=rows, columns=table.columns)
    finally:
        await connection.close()


def _names(dialect: str) -> list[str]:
    """Return the names of this release's tables, whatever else lives beside them."""
    from smartagent.storage.migrations.render import script  # noqa: PLC0415 -- loads Alembic

    return [name for name in _CREATED.findall(script(dialect, "")) if name not in _LEFT_OUT]


def _tables(frames: Iterator[bytes]) -> Iterator[tuple[_Table, Rows | None]]:
    """Yield each table, first with None: what a fresh store has in it goes; then with its rows."""
    seen = 0
    for frame in frames:
        table = msgspec.msgpack.decode(frame, type=_Table)
        seen += 1
        yield table, None
        for rows_frame in frames:
            rows = msgspec.msgpack.decode(rows_frame, type=Rows | None)
            if rows is None:
                break
            yield table, rows
        else:
            raise CopyRefused("it ends in the middle of a table")
    if not seen:
        raise CopyRefused("it has no tables")


def _quoted(names: Sequence[str]) -> list[str]:
    """Quote names that came in a file.

    Raises:
        CopyRefused: One is no name of ours.
    """
    if not all(name.isidentifier() and name.isascii() for name in names):
        raise CopyRefused("it names a table or column that is none")
    return [f'"{name}"' for name in names]


def _current(revision: str) -> str:
    if revision != latest_revision():
        raise CopyRefused(
            f"the store has schema {revision}, and this release {latest_revision()}: start it once"
        )
    return revision


def _frame(value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(_FRAME) + body


def _frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= _FRAME and len(held) >= (end := _FRAME + int.from_bytes(held[:_FRAME])):
            yield bytes(held[_FRAME:end])
            del held[:end]
        if len(held) > _MAX_FRAME_BYTES:
            raise CopyRefused("it is damaged")
    if held:
        raise CopyRefused("it ends in the middle")
