# SPDX-License-Identifier: Apache-2.0
r"""Tiles: the Merkle tree cut into squares of 256 hashes, and what can be computed over them.

    tile level 1      [ root of tile 0 | root of tile 1 | ... ]
                           /                \
    tile level 0      [ 256 leaf hashes ][ 256 leaf hashes ][ 17: unfinished ]

A stored tile holds its bottom row alone; the seven rows above it are computed when they are
wanted.  A tile only ever grows to the right, so one that is wider than asked for answers all
the same.

Spec: C2SP tlog-tiles.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

import msgspec

from smartagent.crypto import HashReader, Position, node_hash

HEIGHT: Final = 8
WIDTH: Final = 256
HASH_BYTES: Final = 32


class TileKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """Which tile: its level, and how many tiles stand to its left."""

    level: int
    number: int

    def width(self, size: int) -> int:
        """Return how many hashes the tile has when the log holds `size` entries."""
        return max(0, min(WIDTH, (size >> HEIGHT * self.level) - self.number * WIDTH))


Fetch = Callable[[Iterable[TileKey]], Awaitable[Mapping[TileKey, "Tile"]]]


class Tile:
    """A row of at most 256 hashes, and the complete subtrees over them."""

    __slots__ = ("_rows",)

    def __init__(self, hashes: list[bytes]) -> None:
        self._rows = [hashes]

    @classmethod
    def parse(cls, raw: bytes) -> "Tile":
        """Read a stored tile."""
        return cls([raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)])

    @property
    def hashes(self) -> list[bytes]:
        """The bottom row."""
        return self._rows[0]

    def node(self, height: int, position: int) -> bytes:
        """Return the hash of the complete subtree at `position` of the row `height`.

        Raises:
            IndexError: The tile is not that wide.
        """
        rows = self._rows
        while len(rows) <= height:
            rows.append(_row_above(rows[-1]))
        return rows[height][position]


def fold(hashes: list[bytes]) -> bytes:
    """Return the root over a number of hashes that is a power of two."""
    while len(hashes) > 1:
        hashes = _row_above(hashes)
    return hashes[0]


def place(level: int, index: int) -> tuple[TileKey, int, int]:
    """Return where the complete subtree `index` of the tree's `level` stands: tile, row, position."""
    tile_level, height = divmod(level, HEIGHT)
    per_tile = WIDTH >> height
    return TileKey(tile_level, index // per_tile), height, index % per_tile


async def gather(positions: Iterable[Position], fetch: Fetch) -> HashReader:
    """Return what reads the tree's nodes at `positions`, having fetched the few tiles they stand in."""
    return reader_of(await fetch({place(*position)[0] for position in positions}))


def reader_of(tiles: Mapping[TileKey, Tile]) -> HashReader:
    """Return what reads the tree's nodes from `tiles`."""

    def read(positions: list[Position]) -> list[bytes]:
        found = []
        for level, index in positions:
            key, height, position = place(level, index)
            found.append(tiles[key].node(height, position))
        return found

    return read


def _row_above(row: list[bytes]) -> list[bytes]:
    return [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
