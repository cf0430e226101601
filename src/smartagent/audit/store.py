# SPDX-License-Identifier: Apache-2.0
"""The log's derived tables, as the workers read them.

All of them can be computed again from the segments.  Only the sequencer writes them; its
statements are in `tree_store`.
"""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, and_, bindparam, or_, select

from smartagent.audit.rules import ERA
from smartagent.audit.tiles import Tile, TileKey
from smartagent.storage import Database, metadata

_ROW = BigInteger().with_variant(Integer(), "sqlite")

log_tree: Final = Table(
    "log_tree",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
)
"""One row: how many entries are in the tiles and in the index."""

log_tile: Final = Table(
    "log_tile",
    metadata,
    Column("level", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""Tiles: on the bottom level full ones only, above also the unfinished one at the right edge."""

log_checkpoint: Final = Table(
    "log_checkpoint",
    metadata,
    Column("size", _ROW, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The newest checkpoint, and the last one of every hour before; `note` is empty until it is signed."""

log_index: Final = Table(
    "log_index",
    metadata,
    Column("era", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True),
    Column("bundle", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
"""In which bundles of 256 entries a subject occurs.

An era is 256 bundles.  It comes first in the key, so that filing touches only what was filed
lately and costs the same however long the log is; looking up takes a step for every era.
"""

_TILES_AT_ONCE: Final = 4
_TILES: Final = select(log_tile.c.level, log_tile.c.number, log_tile.c.hashes).where(
    or_(
        *[
            and_(log_tile.c.level == bindparam(f"level{n}"), log_tile.c.number == bindparam(f"number{n}"))
            for n in range(_TILES_AT_ONCE)
        ]
    )
)
_CHECKPOINT: Final = (
    select(log_checkpoint.c.size, log_checkpoint.c.root, log_checkpoint.c.note)
    .where(log_checkpoint.c.note != bindparam("unsigned", ""))
    .order_by(log_checkpoint.c.size.desc())
    .limit(bindparam("rows", 1))
)
_ERAS_AT_ONCE: Final = 64
_eras = select(bindparam("first_era", type_=BigInteger).label("era")).cte("eras", recursive=True)
_eras = _eras.union_all(select(_eras.c.era + 1).where(_eras.c.era < bindparam("last_era", type_=BigInteger)))
_FILED: Final = (
    select(log_index.c.bundle)
    .join(_eras, _eras.c.era == log_index.c.era)
    .where(
        log_index.c.subject == bindparam("subject"),
        log_index.c.bundle >= bindparam("first"),
        log_index.c.bundle <= bindparam("last"),
    )
)
_FROM: Final = _FILED.order_by(log_index.c.bundle).limit(bindparam("rows"))
_BACK_FROM: Final = _FILED.order_by(log_index.c.bundle.desc()).limit(bindparam("rows"))


class SignedSize(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint as it is stored; `note` is its signed text."""

    size: int
    root: bytes
    note: str


class _TileRow(msgspec.Struct, array_like=True):
    level: int
    number: int
    hashes: bytes


async def newest_checkpoint(database: Database) -> SignedSize | None:
    """Return the newest signed checkpoint; None before the first."""
    rows = await database.fetch(_CHECKPOINT)
    return msgspec.convert(rows[0], SignedSize) if rows else None


async def read_tiles(database: Database, keys: list[TileKey]) -> dict[TileKey, Tile]:
    """Return those of the tiles that are stored."""
    found: dict[TileKey, Tile] = {}
    for start in range(0, len(keys), _TILES_AT_ONCE):
        some = keys[start : start + _TILES_AT_ONCE]
        some += some[-1:] * (_TILES_AT_ONCE - len(some))
        parameters: dict[str, int] = {}
        for n, key in enumerate(some):
            parameters |= {f"level{n}": key.level, f"number{n}": key.number}
        for row in msgspec.convert(await database.fetch(_TILES, parameters), list[_TileRow]):
            found[TileKey(row.level, row.number)] = Tile.parse(row.hashes)
    return found


async def bundles_from(database: Database, subject: str, first: int, last: int, limit: int) -> list[int]:
    """Return the first of the bundles `first` to `last` in which `subject` occurs, in rising order."""
    found: list[int] = []
    while first <= last and len(found) < limit:
        end = min(last, (first // ERA + _ERAS_AT_ONCE) * ERA - 1)
        found += await _filed(database, _FROM, subject, (first, end), limit - len(found))
        first = end + 1
    return found


async def bundles_back_from(database: Database, subject: str, last: int, limit: int) -> list[int]:
    """Return the last bundles up to `last` in which `subject` occurs, in falling order."""
    found: list[int] = []
    while last >= 0 and len(found) < limit:
        begin = max(0, (last // ERA + 1 - _ERAS_AT_ONCE) * ERA)
        found += await _filed(database, _BACK_FROM, subject, (begin, last), limit - len(found))
        last = begin - 1
    return found


async def _filed(
    database: Database, statement: object, subject: str, span: tuple[int, int], limit: int
) -> list[int]:
    first, last = span
    parameters: dict[str, str | int] = {
        "first_era": first // ERA,
        "last_era": last // ERA,
        "subject": subject,
        "first": first,
        "last": last,
        "rows": limit,
    }
    rows = await database.fetch(statement, parameters)
    return [number for (number,) in msgspec.convert(rows, list[tuple[int]])]
