# SPDX-License-Identifier: Apache-2.0
"""The right edge of the tree: the unfinished tile of every level, and how entries extend it.

Everything to the left of the edge is finished for ever.  So the edge is all that appending
needs, and it is small: at most 255 hashes a level, four levels for four thousand million
entries.
"""

from collections.abc import Iterable

import msgspec

from smartagent.audit.rules import BUNDLE, filed_under
from smartagent.audit.tiles import HEIGHT, WIDTH, Tile, TileKey, fold, reader_of
from smartagent.crypto import EMPTY_ROOT, leaf_hash
from smartagent.crypto import root as merkle_root


class Growth(msgspec.Struct):
    """What a run of entries adds: finished or widened tiles, and (subject, bundle) of the index."""

    tiles: dict[TileKey, bytes] = msgspec.field(default_factory=dict)
    index: list[tuple[str, int]] = msgspec.field(default_factory=list)
    widened: set[int] = msgspec.field(default_factory=set)
    """Levels whose unfinished tile has more hashes than before."""


class RightEdge:
    """The tree's unfinished tiles, for a tree of `size` entries."""

    __slots__ = ("_filed", "_rows", "size")

    def __init__(self, size: int = 0, rows: Iterable[list[bytes]] = ()) -> None:
        self.size = size
        self._rows = [list(row) for row in rows] or [[]]
        # Subjects that are filed for the unfinished bundle already; forgotten after a restart, when
        # filing them once more changes nothing.
        self._filed: set[str] = {""}

    def extend(self, leaves: list[bytes]) -> Growth:
        """Append `leaves`."""
        growth = Growth()
        start = 0
        while start < len(leaves):
            some = leaves[start : start + WIDTH - len(self._rows[0])]
            start += len(some)
            self._file(some, growth)
            self._rows[0].extend([leaf_hash(leaf) for leaf in some])
            self.size += len(some)
            if len(self._rows[0]) == WIDTH:
                self._finish(0, growth)
        self._widen(growth)
        return growth

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        if not self.size:
            return EMPTY_ROOT
        tiles = {self._key(level): Tile(row) for level, row in enumerate(self._rows) if row}
        return merkle_root(self.size, reader_of(tiles))

    def _file(self, leaves: list[bytes], growth: Growth) -> None:
        bundle, filed = self.size // BUNDLE, self._filed
        for leaf in leaves:
            for subject in filed_under(leaf):
                if subject not in filed:
                    filed.add(subject)
                    growth.index.append((subject, bundle))

    def _finish(self, level: int, growth: Growth) -> None:
        """Close the full tile of `level`: its root is the next hash of the level above."""
        row = self._rows[level]
        number = (self.size >> HEIGHT * level) // WIDTH - 1
        growth.tiles[TileKey(level, number)] = b"".join(row)
        self._rows[level] = []
        if level == 0:
            self._filed = {""}
        if level + 1 == len(self._rows):
            self._rows.append([])
        above = self._rows[level + 1]
        above.append(fold(row))
        growth.widened.add(level + 1)
        if len(above) == WIDTH:
            self._finish(level + 1, growth)

    def _widen(self, growth: Growth) -> None:
        """Keep the unfinished tiles above the bottom, which could not be computed again cheaply."""
        for level in growth.widened:
            if self._rows[level]:
                growth.tiles[self._key(level)] = b"".join(self._rows[level])

    def _key(self, level: int) -> TileKey:
        return TileKey(level, (self.size >> HEIGHT * level) // WIDTH)
