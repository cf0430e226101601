# SPDX-License-Identifier: Apache-2.0
"""The log's derived tables, as the sequencer writes them.

Plain SQL that both engines understand, apart from `store`: the writer process runs this, and
must not load SQLAlchemy for it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from smartagent.audit.errors import LogDamaged
from smartagent.audit.rules import ERA
from smartagent.audit.tiles import Tile, TileKey
from smartagent.crypto import leaf_hash
from smartagent.kernel import Scalar
from smartagent.storage import LogSession

_READ_SIZE: Final = "SELECT size FROM log_tree WHERE id = 1"
_WRITE_SIZE: Final = (
    "INSERT INTO log_tree (id, size) VALUES (1, :size) ON CONFLICT (id) DO UPDATE SET size = excluded.size"
)
_READ_TILE: Final = "SELECT hashes FROM log_tile WHERE level = :level AND number = :number"
_WRITE_TILE: Final = (
    "INSERT INTO log_tile (level, number, hashes) VALUES (:level, :number, :hashes)"
    " ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"
)
_WRITE_INDEX: Final = (
    "INSERT INTO log_index (era, subject, bundle) VALUES (:era, :subject, :bundle)"
    " ON CONFLICT (era, subject, bundle) DO NOTHING"
)
_READ_CHECKPOINTS: Final = "SELECT size, root, note FROM log_checkpoint ORDER BY size DESC LIMIT 2"
_WRITE_CHECKPOINT: Final = (
    'INSERT INTO log_checkpoint (size, root, note, "at") VALUES (:size, :root, :note, :at)'
)
_SIGN_CHECKPOINT: Final = "UPDATE log_checkpoint SET note = :note WHERE size = :size AND note = :unsigned"
_FORGET_CHECKPOINTS: Final = 'DELETE FROM log_checkpoint WHERE size < :size AND "at" >= :hour'

_Rows = list[Mapping[str, Scalar]]

UNSIGNED: Final = ""
_HOUR_SECONDS: Final = 3600


class StoredCheckpoint(msgspec.Struct, frozen=True, array_like=True):
    """A row of `log_checkpoint`."""

    size: int
    root: bytes
    note: str


async def read_tree_size(session: LogSession) -> int:
    """Return how many entries are in the tiles."""
    rows = await session.fetch(_READ_SIZE)
    return msgspec.convert(rows[0][0], int) if rows else 0


async def read_checkpoints(session: LogSession) -> list[StoredCheckpoint]:
    """Return the newest two checkpoints, the newest first."""
    return msgspec.convert(await session.fetch(_READ_CHECKPOINTS), list[StoredCheckpoint])


async def read_tile(session: LogSession, key: TileKey, size: int) -> Tile:
    """Return the tile as wide as it is when the log holds `size` entries.

    Raises:
        LogDamaged: It is not all there.
    """
    width = key.width(size)
    rows = await session.fetch(_READ_TILE, {"level": key.level, "number": key.number})
    if rows:
        hashes = Tile.parse(msgspec.convert(rows[0][0], bytes)).hashes
    elif key.level == 0:
        hashes = [leaf_hash(leaf) for leaf in await session.leaves(key.number * 256, width)]
    else:
        hashes = []
    if len(hashes) < width:
        raise LogDamaged(f"tile {key.level}/{key.number} has {len(hashes)} hashes and should have {width}")
    return Tile(hashes[:width])


async def write_growth(
    session: LogSession, size: int, tiles: Mapping[TileKey, bytes], index: Iterable[tuple[str, int]]
) -> None:
    """Store what a run of entries added to the tree, and how far it reaches now."""
    rows: _Rows = [{"level": key.level, "number": key.number, "hashes": raw} for key, raw in tiles.items()]
    if rows:
        await session.execute_many(_WRITE_TILE, rows)
    marks: _Rows = [{"era": bundle // ERA, "subject": subject, "bundle": bundle} for subject, bundle in index]
    if marks:
        await session.execute_many(_WRITE_INDEX, marks)
    await session.execute(_WRITE_SIZE, {"size": size})


async def write_checkpoint(session: LogSession, size: int, root: bytes, at: int) -> None:
    """Promise that the log of `size` entries has `root`: from here on it can be signed, and no other."""
    await session.execute(_WRITE_CHECKPOINT, {"size": size, "root": root, "note": UNSIGNED, "at": at})


async def sign_checkpoint(session: LogSession, size: int, note: str, at: int) -> None:
    """Publish the checkpoint, and forget the older ones of this hour."""
    await session.execute(_SIGN_CHECKPOINT, {"size": size, "note": note, "unsigned": UNSIGNED})
    await session.execute(_FORGET_CHECKPOINTS, {"size": size, "hour": at - at % _HOUR_SECONDS})
