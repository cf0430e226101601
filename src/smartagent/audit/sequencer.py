# SPDX-License-Identifier: Apache-2.0
"""The sequencer: brings what was committed into the tree, and signs how far it reaches.

    committed --integrate--> in the tiles --promise--> size and root stored --sign--> published
              (a step)                    (the same step)                  (the next step)

A root is durable before it is signed, and the primary key of its table is the size: whatever
crashes in between, two roots for one size are never signed.  Everything but the signature is
computed from what was committed, so a step that failed, or failed and happened all the same,
is simply done again.

Spec: C2SP tlog-tiles, tlog-checkpoint, signed-note.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from smartagent.audit.errors import LogDamaged, LogNameChanged
from smartagent.audit.growth import RightEdge
from smartagent.audit.tiles import HEIGHT, WIDTH, Fetch, Tile, TileKey, gather
from smartagent.audit.tree_store import (
    StoredCheckpoint,
    read_checkpoints,
    read_tile,
    read_tree_size,
    sign_checkpoint,
    write_checkpoint,
    write_growth,
)
from smartagent.crypto import BadNote, Checkpoint, NoteSigner, open_note, root_positions
from smartagent.crypto import root as merkle_root
from smartagent.kernel import Clock
from smartagent.storage import LogSession

STEP_ENTRIES: Final = 1024
"""How many entries one step takes: about three milliseconds' worth."""


class _Position(msgspec.Struct, frozen=True):
    """How far the stored tree and the stored checkpoints reach."""

    size: int
    checkpoints: list[StoredCheckpoint]

    @property
    def newest(self) -> StoredCheckpoint | None:
        return self.checkpoints[0] if self.checkpoints else None

    @property
    def promised(self) -> StoredCheckpoint | None:
        """The checkpoint that is stored and not signed yet."""
        return self.newest if self.newest is not None and not self.newest.note else None

    @property
    def covered(self) -> int:
        return self.newest.size if self.newest is not None else 0


class Sequencer:
    """A log job (see `storage.LogJob`), the same on both engines.

    Args:
        signer: Holds the log key, and the log's name (its origin).
        clock: Dates the checkpoints.
    """

    def __init__(self, signer: NoteSigner, clock: Clock) -> None:
        self._signer = signer
        self._origin = signer.vkey.partition("+")[0]
        self._clock = clock
        self._edge: RightEdge | None = None

    async def step(self, session: LogSession) -> bool:
        """Sign what was promised, or integrate what is new; say whether more is at hand.

        Raises:
            LogDamaged: The store contradicts itself or a checkpoint; nothing is signed any more.
            LogNameChanged: The newest checkpoint is not one of ours.
        """
        edge, self._edge = (
            self._edge,
            None,
        )  # given back at the end: a step that failed begins with a fresh one
        position = _Position(await read_tree_size(session), await read_checkpoints(session))
        if edge is None or edge.size != position.size:
            edge = await self._load(session, position)
        size = await session.size()
        if position.promised is not None:
            await self._sign(session, edge, position.promised)
        elif size > edge.size:
            await self._integrate(session, edge, size)
        elif edge.size > position.covered:
            await self._promise(session, edge)
        self._edge = edge
        return size > edge.size or (position.promised is None and edge.size > position.covered)

    async def _integrate(self, session: LogSession, edge: RightEdge, size: int) -> None:
        wanted = min(STEP_ENTRIES, size - edge.size)
        leaves = await session.leaves(edge.size, wanted)
        if len(leaves) != wanted:
            raise LogDamaged(f"the log should hold {size} entries, and ends at {edge.size + len(leaves)}")
        growth = edge.extend(leaves)
        await write_growth(session, edge.size, growth.tiles, growth.index)
        if edge.size == size:
            await self._promise(session, edge)

    async def _promise(self, session: LogSession, edge: RightEdge) -> None:
        await write_checkpoint(session, edge.size, edge.root(), int(self._clock.now()))

    async def _sign(self, session: LogSession, edge: RightEdge, promised: StoredCheckpoint) -> None:
        if (promised.size, promised.root) != (edge.size, edge.root()):
            raise LogDamaged(f"the tree of {edge.size} entries is not the one that was to be signed")
        note = self._signer.sign(Checkpoint(self._origin, promised.size, promised.root).text())
        await sign_checkpoint(session, promised.size, note, int(self._clock.now()))

    async def _load(self, session: LogSession, position: _Position) -> RightEdge:
        """Build the right edge again, and hold the tree against the checkpoints that stand."""
        size = position.size
        if await session.size() < size or position.covered > size:
            raise LogDamaged(
                "the log is shorter than its tree or its newest checkpoint: an old copy was put back"
            )
        rows: list[list[bytes]] = []
        while not rows or size >> HEIGHT * len(rows):
            level = len(rows)
            key = TileKey(level, (size >> HEIGHT * level) // WIDTH)
            rows.append((await read_tile(session, key, size)).hashes if key.width(size) else [])
        edge = RightEdge(size, rows)
        fetch = _fetch_from(session, size)
        for checkpoint in position.checkpoints:
            await self._check(checkpoint, fetch)
        return edge

    async def _check(self, checkpoint: StoredCheckpoint, fetch: Fetch) -> None:
        root = merkle_root(checkpoint.size, await gather(root_positions(checkpoint.size), fetch))
        if root != checkpoint.root:
            raise LogDamaged(f"the first {checkpoint.size} entries are not those of the checkpoint")
        if not checkpoint.note:
            return
        try:
            signed = open_note(checkpoint.note, self._signer.vkey)
        except BadNote as error:
            raise LogNameChanged(self._origin) from error
        if signed != Checkpoint(self._origin, checkpoint.size, root).text():
            raise LogDamaged(
                f"the checkpoint of {checkpoint.size} entries does not say what is stored beside it"
            )


def _fetch_from(session: LogSession, size: int) -> Fetch:
    async def fetch(keys: Iterable[TileKey]) -> dict[TileKey, Tile]:
        return {key: await read_tile(session, key, size) for key in keys}

    return fetch
