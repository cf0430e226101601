# SPDX-License-Identifier: Apache-2.0
"""Kills the writer while workers commit, and then audits what every store promises."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from smartagent.crypto import SystemClock
from smartagent.kernel import Record, Work
from smartagent.storage import SqliteStore, StoreUnavailable, migrate, read_leaves
from smartagent.storage.book import Book
from smartagent.storage.wire import Failed, Refusal, Replied, WireWork
from tests.stores.sites import reap, spawn_writer, until
from tests.stores.works import Taken, claim, insertion, plain, writing

pytestmark = pytest.mark.crash

KILLS = 6


def spawn_load(store: Path, name: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("storage_load.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}  # noqa: TID251 -- the child gets what the test has
    return subprocess.Popen(
        [sys.executable, str(script), str(store), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )


def segments(path: Path) -> list[tuple[int, int]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT first, count FROM log_segment ORDER BY first").fetchall()
    connection.close()
    return rows


async def log_of(path: Path) -> list[str]:
    writer = spawn_writer(path)
    node = SqliteStore(path)
    await node.start()
    leaves = await read_leaves(node.database, 0, 1 << 40)
    await node.close()
    reap(writer)
    return [Record.decode(leaf).request for leaf in leaves]


async def test_a_writer_killed_at_any_moment_loses_nothing_and_repeats_nothing(sqlite_path: Path):
    writer = spawn_writer(sqlite_path)
    loads = [spawn_load(sqlite_path, name) for name in ("one", "two")]
    told = [asyncio.ensure_future(asyncio.to_thread(load.stdout.read)) for load in loads]
    await asyncio.sleep(0.6)
    for _ in range(KILLS):
        await asyncio.sleep(0.05 + int.from_bytes(os.urandom(2)) / 65536 * 0.25)
        reap(writer)
        writer = spawn_writer(sqlite_path)
    for load in loads:
        load.stdin.close()
    lines = "".join(await asyncio.gather(*told)).splitlines()
    for load in loads:
        assert load.wait() == 0
        load.stdout.close()
    reap(writer)

    in_log = await log_of(sqlite_path)
    assert len(lines) > KILLS
    assert max(Counter(in_log).values()) == 1
    acknowledged = [line.split() for line in lines]
    assert sorted(in_log) == sorted(words[1] for words in acknowledged)
    for words in acknowledged:
        if words[0] == "ack":
            assert in_log[int(words[2])] == words[1]
    expected = 0
    for first, count in segments(sqlite_path):
        assert first == expected
        expected += count


async def test_claims_and_changes_survive_the_writer(sqlite_path: Path):
    writer = spawn_writer(sqlite_path)
    node = SqliteStore(sqlite_path)
    await node.start()
    await node.ledger.commit(plain("once", claim(1), claim(2)))
    await node.ledger.commit(writing("row", insertion("x"), claims=(claim(3),)))
    reap(writer)
    await until(lambda: not node.healthy)
    writer = spawn_writer(sqlite_path)
    await until(lambda: node.healthy)
    for number in (1, 2, 3):
        with pytest.raises(Taken):
            await node.ledger.commit(plain("again", claim(number)))
    await node.close()
    reap(writer)


async def test_a_full_disk_fails_works_and_not_the_writer(sqlite_path: Path):
    """`max_page_count` is not kept in the file, so a bare `Book` stands in for the writer."""
    book = Book(sqlite_path, SystemClock())
    book.start()
    connection = book.open()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 1}").fetchall()
    small, large = work_of(b"small", 1), work_of(b"x" * 60_000, 2)
    assert book.commit([[small], [large]]) == [Failed(), Failed()]
    assert book.next == 0
    assert book.news() is None
    # Settling opened the file anew, and with it the limit is gone: space returned.
    assert book.commit([[small, large]]) == [Replied(0, 0)]
    assert book.commit([[small]]) == [Replied(2, 0, (Refusal(0, claim=0),))]
    assert book.commit([[]]) == [Replied(2, 0)]
    book.close()


def work_of(leaf: bytes, number: int) -> WireWork:
    return WireWork(len(leaf).to_bytes(2) + leaf, 1, number.to_bytes(16) + (4_000_000_000).to_bytes(8))


async def test_a_writer_on_a_full_disk_recovers_when_space_returns(tiny_disk: Path):
    path = tiny_disk / "store.db"
    migrate(path)
    writer = spawn_writer(path)
    node = SqliteStore(path)
    await node.start()
    padding = tiny_disk / "padding"
    padding.write_bytes(bytes(2 << 20))
    acknowledged = 0
    with pytest.raises(StoreUnavailable):
        for number in range(1_000):
            await node.ledger.commit(Work((Record(event="load", at_ms=1, request="x" * 20_000),)))
            acknowledged = number + 1
    assert writer.poll() is None
    padding.unlink()
    committed = await node.ledger.commit(plain("space again", claim(1)))
    assert committed.index == acknowledged
    await node.close()
    reap(writer)
