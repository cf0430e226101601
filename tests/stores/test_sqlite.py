# SPDX-License-Identifier: Apache-2.0
"""What only the store in one file has: its writer, its socket, its reader."""

import asyncio
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from smartagent.crypto import SystemClock
from smartagent.storage import SqliteStore, StoreUnavailable, WriterRuns, run_writer
from smartagent.storage.beside import socket_of
from smartagent.storage.wire import Hello, frame
from tests.stores.sites import SqliteSite, reap, spawn_writer, until
from tests.stores.works import plain

LONG = sa.text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT count(*) FROM n"
).columns(sa.column("count", sa.Integer))
NOWHERE = sa.select(sa.table("nowhere", sa.column("x", sa.Integer)))


async def test_a_long_query_goes_to_a_thread_and_the_loop_goes_on(sqlite_site: SqliteSite):
    node = await sqlite_site.node()
    for _ in range(3):
        assert await node.database.fetch(LONG) == [(200_000,)]


async def test_a_query_that_makes_no_sense_is_a_bug_and_not_an_outage(sqlite_site: SqliteSite):
    node = await sqlite_site.node()
    with pytest.raises(Exception, match="no such table"):
        await node.database.fetch(NOWHERE)


async def test_only_one_process_writes_a_store(sqlite_site: SqliteSite):
    with pytest.raises(WriterRuns):
        await run_writer(sqlite_site.path, clock=SystemClock())


async def test_only_the_owner_reaches_the_socket(sqlite_site: SqliteSite):
    assert stat.S_IMODE(socket_of(sqlite_site.path).stat().st_mode) == 0o600


async def test_a_worker_without_a_writer_does_not_start(sqlite_path: Path):
    store = SqliteStore(sqlite_path, patience_seconds=0.1)
    with pytest.raises(StoreUnavailable):
        await store.start()


async def test_a_store_may_lie_deeper_than_a_socket_address_is_long(sqlite_path: Path, tmp_path: Path):
    deep = tmp_path / ("d" * 90) / "store.db"
    deep.parent.mkdir()
    sqlite_path.rename(deep)  # noqa: ASYNC240 -- nothing else runs
    site = SqliteSite(deep)
    node = await site.node()
    assert (await node.ledger.commit(plain("deep"))).index == 0
    await site.close()


async def test_a_stranger_on_the_socket_is_hung_up_on_and_harms_nobody(sqlite_site: SqliteSite):
    node = await sqlite_site.node()
    for garbage in (b"\xff" * 64, b"\x03\x00\x00\x00abc", frame(Hello(-1)) + b"\x01\x00\x00\x00\x07"):
        reader, writer = await asyncio.open_unix_connection(socket_of(sqlite_site.path))
        writer.write(garbage)
        async with asyncio.timeout(5):
            try:
                while await reader.read(4096):
                    pass
            except ConnectionResetError:
                pass
        writer.close()
    assert (await node.ledger.commit(plain("fine"))).index == 0


async def test_lingering_delays_nothing_for_good(sqlite_site: SqliteSite):
    node = await sqlite_site.node(linger=True)
    commits = []
    for number in range(40):
        commits.append(asyncio.ensure_future(node.ledger.commit(plain(f"r{number}"))))
        await asyncio.sleep(0)
    committed = await asyncio.gather(*commits)
    assert [each.index for each in committed] == list(range(40))


async def test_what_nobody_waits_for_is_kept_for_the_next_writer(sqlite_site: SqliteSite):
    node = await sqlite_site.node()
    await sqlite_site.die()
    await until(lambda: not node.healthy)
    node.ledger.commit_later(plain("kept"))
    with pytest.raises(StoreUnavailable):
        await node.ledger.commit(plain("refused"))
    await sqlite_site.revive()
    await until(lambda: node.healthy)
    assert (await node.ledger.commit(plain("next"))).index == 1


async def test_a_writer_that_only_takes_and_never_answers_is_given_up(sqlite_path: Path):
    """A hung writer must not hang its workers."""
    writer = spawn_writer(sqlite_path)
    node = SqliteStore(sqlite_path, silence_seconds=0.05)
    await node.start()
    writer.send_signal(19)  # SIGSTOP: it lives, and does nothing
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(5):
            await node.ledger.commit(plain("hung"))
    await until(lambda: not node.healthy)
    await node.close()
    reap(writer)
