# SPDX-License-Identifier: Apache-2.0
"""The log as it can be read: entries, tiles, checkpoints, proofs and receipts.

Any node reads it; only the sequencer extends it.  What is read here never reaches past the
newest signed checkpoint, so nothing is shown that could not be proved.

Spec: C2SP tlog-tiles, tlog-checkpoint, tlog-proof; RFC 9162 section 2.1.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from smartagent.audit.errors import LogBehind, LogDamaged, NotInLog
from smartagent.audit.rules import BUNDLE
from smartagent.audit.store import SignedSize, newest_checkpoint, read_tiles
from smartagent.audit.tiles import Tile, TileKey, gather
from smartagent.crypto import (
    consistency_positions,
    consistency_proof,
    format_proof,
    inclusion_positions,
    inclusion_proof,
    leaf_hash,
    root_positions,
)
from smartagent.crypto import root as merkle_root
from smartagent.kernel import Clock
from smartagent.storage import Database, read_leaves, read_size

PATIENCE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.01
_TILES_KEPT: Final = 128


class LogReader:
    """Reads the log of one store.

    Args:
        database: Where it stands.
        clock: Bounds the wait for a checkpoint.
        pause: Waits between two looks for one.
    """

    def __init__(
        self, database: Database, clock: Clock, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._database = database
        self._clock = clock
        self._pause = pause
        self._kept: OrderedDict[TileKey, Tile] = OrderedDict()

    async def checkpoint(self) -> SignedSize:
        """Return the newest signed checkpoint.

        Raises:
            LogBehind: Nothing was signed yet.
        """
        newest = await newest_checkpoint(self._database)
        if newest is None:
            raise LogBehind("nothing was signed yet")
        return newest

    async def integrated(self, index: int) -> SignedSize:
        """Return a checkpoint that covers the entry `index`; wait for it when it was just committed.

        Raises:
            LogBehind: There is none within two seconds.
        """
        until = self._clock.monotonic() + PATIENCE_SECONDS
        while True:
            newest = await newest_checkpoint(self._database)
            if newest is not None and newest.size > index:
                return newest
            if self._clock.monotonic() >= until:
                raise LogBehind("the sequencer does not keep up; ask again")
            await self._pause(_LOOK_SECONDS)

    async def caught_up(self) -> SignedSize:
        """Return a checkpoint that covers all that was committed before the call.

        Raises:
            LogBehind: There is none within two seconds.
        """
        return await self.integrated(await read_size(self._database) - 1)

    async def leaves(self, first: int, count: int) -> list[bytes]:
        """Return `count` leaves from `first` on.

        Raises:
            LogDamaged: They are not all there.
        """
        leaves = await read_leaves(self._database, first, count)
        if len(leaves) != count:
            raise LogDamaged(f"entries are missing after {first + len(leaves)}")
        return leaves

    async def bundle(self, number: int, size: int) -> tuple[int, list[bytes]]:
        """Return the first index and the leaves of a bundle, as far as the log of `size` entries has it."""
        first = number * BUNDLE
        return first, await self.leaves(first, max(0, min(BUNDLE, size - first)))

    async def tile(self, key: TileKey, width: int) -> bytes:
        """Return the first `width` hashes of a tile.

        Raises:
            NotInLog: The newest checkpoint does not have them.
        """
        newest = await self.checkpoint()
        if not 0 < width <= key.width(newest.size):
            raise NotInLog("no such tile")
        tiles = await self._tiles([key], newest.size)
        return b"".join(tiles[key].hashes[:width])

    async def entries(self, number: int, width: int) -> bytes:
        """Return the first `width` entries of a bundle, each after its length in two bytes.

        Raises:
            NotInLog: The newest checkpoint does not have them.
        """
        newest = await self.checkpoint()
        if not 0 < width <= TileKey(0, number).width(newest.size):
            raise NotInLog("no such entries")
        leaves = await self.leaves(number * BUNDLE, width)
        return b"".join([len(leaf).to_bytes(2) + leaf for leaf in leaves])

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the proof that the entry `index` is in the log of `size` entries.

        Raises:
            NotInLog: It is not, or the log is not that long.
        """
        if not 0 <= index < size <= (await self.checkpoint()).size:
            raise NotInLog("no such entry")
        return await self._inclusion(index, size)

    async def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """Return the proof that the log of `new_size` entries begins with that of `old_size`.

        Raises:
            NotInLog: The log is not that long, or the sizes are not in rising order.
        """
        if not 0 < old_size <= new_size <= (await self.checkpoint()).size:
            raise NotInLog("give two sizes that the log has reached, the smaller one first")
        positions = consistency_positions(old_size, new_size)
        return consistency_proof(old_size, new_size, await gather(positions, self._fetch(new_size)))

    async def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries, computed from the tiles."""
        return merkle_root(size, await gather(root_positions(size), self._fetch(size)))

    async def receipt(self, index: int, newest: SignedSize) -> str:
        """Return the `.tlog-proof` of the entry `index`, which `newest` covers."""
        return format_proof(index, await self._inclusion(index, newest.size), newest.note)

    async def nodes_before(self, size: int) -> list[bytes]:
        """Return the roots of the complete subtrees that the first `size` entries consist of, from the left."""
        positions = root_positions(size)
        return (await gather(positions, self._fetch(size)))(positions)

    async def _inclusion(self, index: int, size: int) -> list[bytes]:
        positions = inclusion_positions(index, size)
        return inclusion_proof(index, size, await gather(positions, self._fetch(size)))

    def _fetch(self, size: int) -> Callable[[Iterable[TileKey]], Awaitable[dict[TileKey, Tile]]]:
        async def fetch(keys: Iterable[TileKey]) -> dict[TileKey, Tile]:
            return await self._tiles(keys, size)

        return fetch

    async def _tiles(self, keys: Iterable[TileKey], size: int) -> dict[TileKey, Tile]:
        """Return tiles at least as wide as in the log of `size` entries; finished ones come from memory."""
        found: dict[TileKey, Tile] = {}
        missing = []
        for key in keys:
            kept = self._kept.get(key)
            if kept is not None and len(kept.hashes) >= key.width(size):
                self._kept.move_to_end(key)
                found[key] = kept
            else:
                missing.append(key)
        if missing:
            stored = await read_tiles(self._database, missing)
            for key in missing:
                found[key] = self._keep(key, await self._complete(key, stored.get(key), size))
        return found

    async def _complete(self, key: TileKey, stored: Tile | None, size: int) -> Tile:
        """Return the tile; the unfinished one of the bottom level is made from its leaves."""
        width = key.width(size)
        if stored is None and key.level == 0:
            stored = Tile([leaf_hash(leaf) for leaf in await self.leaves(key.number * BUNDLE, width)])
        if stored is None or len(stored.hashes) < width:
            raise LogDamaged(f"tile {key.level}/{key.number} is not whole")
        return stored

    def _keep(self, key: TileKey, tile: Tile) -> Tile:
        self._kept[key] = tile
        self._kept.move_to_end(key)
        if len(self._kept) > _TILES_KEPT:
            self._kept.popitem(last=False)
        return tile
