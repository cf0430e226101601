# SPDX-License-Identifier: Apache-2.0
"""The writer is killed under load, again and again; the log must not show it."""

import asyncio

import pytest

from smartagent.audit import LogReader, check_log, export
from smartagent.crypto import SystemClock, verify_consistency
from smartagent.kernel import Record, Work
from smartagent.sdk.checkpoints import Completeness, open_checkpoint
from smartagent.sdk.receipts import verify_export
from smartagent.storage import SqliteStore, StoreUnavailable, migrate
from tests.stores.test_audit_log import SIGNER, OnSqlite

KILLS = 6
CLIENTS = 32
MARGIN = 3000


class Load:
    """Clients that commit as fast as they are answered, and remember every answer."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._sent = 0
        self.answered: dict[int, Record] = {}
        self.enough = asyncio.Event()
        self.wanted = 0

    async def client(self) -> None:
        while True:
            self._sent += 1
            record = Record("gateway.call", 1, f"req_{self._sent}", jti=f"aat_{self._sent % 50}")
            try:
                committed = await self._store.ledger.commit(Work((record,)))
            except StoreUnavailable:
                await asyncio.sleep(0.02)
                continue
            self.answered[committed.index] = record
            if len(self.answered) >= self.wanted:
                self.enough.set()

    async def more(self, count: int) -> None:
        self.wanted = len(self.answered) + count
        self.enough.clear()
        await asyncio.wait_for(self.enough.wait(), 30)


@pytest.mark.crash
async def test_what_was_answered_and_what_was_signed_survives_every_kill(tmp_path):
    path = tmp_path / "store.db"
    await asyncio.to_thread(migrate, path)
    place = OnSqlite(path)
    store = await place.node()
    reader = LogReader(store.database, SystemClock())
    load = Load(store)
    clients = [asyncio.ensure_future(load.client()) for _ in range(CLIENTS)]
    notes = []
    for number in range(KILLS):
        await load.more(MARGIN + 617 * number)
        await reader.integrated(min(load.answered))
        notes.append((await reader.checkpoint()).note)
        await place.kill_sequencer()
        await place.revive_sequencer()
    await load.more(1)
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)

    newest = await reader.caught_up()
    assert await check_log(store.database, SystemClock(), SIGNER.vkey) == newest.size
    for index, record in load.answered.items():
        assert (await reader.leaves(index, 1)) == [record.encode()]
    for note in notes:
        seen = open_checkpoint(note, SIGNER.vkey)
        proof = await reader.consistency(seen.size, newest.size)
        assert verify_consistency(seen.size, newest.size, proof, seen.root, newest.root)
    lines = b"".join([part async for part in export(reader, 0)]).splitlines(keepends=True)
    assert verify_export(lines, SIGNER.vkey).completeness is Completeness.PROVED
    await store.close()
    await place.close()
