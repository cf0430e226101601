# SPDX-License-Identifier: Apache-2.0
"""The log on real stores: the sequencer follows what is committed, and any node can prove it.

Run as a program, `python test_audit_log.py STORE`, it is a writer process with the sequencer.
"""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import asyncpg
import msgspec
import pytest
import uvloop
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from smartagent.audit import CustodyReader, LogBehind, LogReader, Sequencer, check_log, export
from smartagent.audit import store as audit_store
from smartagent.crypto import (
    NoteSigner,
    SigningKey,
    SystemClock,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from smartagent.kernel import Caller, CallerKind, Record, Secret, Work
from smartagent.sdk.receipts import verify_custody, verify_export
from smartagent.storage import PostgresStore, SqliteStore, run_writer

TABLES = (audit_store.log_tree, audit_store.log_tile, audit_store.log_checkpoint, audit_store.log_index)
SIGNER = NoteSigner("authority.example/log", SigningKey.from_seed(Secret(b"\x07" * 32)))
OPERATOR = Caller("opr_1", CallerKind.OPERATOR)


def create_tables(dialect) -> list[str]:
    return [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)) for table in TABLES]


class OnSqlite:
    """A file, a writer process with the sequencer, and a node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for statement in create_tables(sqlite.dialect()):
                connection.execute(statement)
            connection.commit()
        self.writer = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}  # noqa: TID251 -- for the child
        writer = subprocess.Popen(
            [sys.executable, __file__, str(self.path)], stdout=subprocess.PIPE, env=environment
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        return writer

    async def node(self):
        store = SqliteStore(self.path)
        await store.start()
        return store

    async def kill_sequencer(self) -> None:
        self.writer.kill()
        self.writer.wait()
        self.writer.stdout.close()

    async def revive_sequencer(self) -> None:
        self.writer = self._spawn()

    async def close(self) -> None:
        await self.kill_sequencer()


class OnPostgres:
    """A database, and two nodes of which one holds the lease."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sequencing: list[PostgresStore] = []

    async def start(self) -> None:
        connection = await asyncpg.connect(self.url)
        for statement in create_tables(postgresql.dialect()):
            await connection.execute(statement)
        await connection.close()
        await self.revive_sequencer()

    async def node(self):
        store = PostgresStore(self.url, clock=SystemClock(), jobs=[Sequencer(SIGNER, SystemClock())])
        await store.start()
        return store

    async def kill_sequencer(self) -> None:
        for store in self._sequencing:
            await store.close()
        self._sequencing = []

    async def revive_sequencer(self) -> None:
        self._sequencing = [await self.node()]

    async def close(self) -> None:
        await self.kill_sequencer()


@pytest.fixture
async def on_sqlite(sqlite_path):
    place = OnSqlite(sqlite_path)
    yield place
    await place.close()


@pytest.fixture
async def on_postgres(postgres_site):
    place = OnPostgres(postgres_site.url)
    await place.start()
    yield place
    await place.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request):
    return request.getfixturevalue(f"on_{request.param}")


@pytest.fixture
async def node(place):
    store = await place.node()
    yield store
    await store.close()


async def commit(node, count: int, **members) -> int:
    works = [Work((Record(f"use.{n}", 1, f"req_{n}", **members),)) for n in range(count)]
    committed = await asyncio.gather(*[node.ledger.commit(work) for work in works])
    return max(each.index for each in committed)


def reader_of(node) -> LogReader:
    return LogReader(node.database, SystemClock())


async def test_what_is_committed_is_soon_signed_and_provable(node):
    reader = reader_of(node)
    for _ in range(3):
        last = await commit(node, 300, jti="aat_1")
        newest = await reader.integrated(last)
        for index in (0, last // 2, last):
            (leaf,) = await reader.leaves(index, 1)
            proof = await reader.inclusion(index, newest.size)
            assert verify_inclusion(leaf_hash(leaf), index, newest.size, proof, newest.root)

    assert await check_log(node.database, SystemClock(), SIGNER.vkey) == newest.size


async def test_a_custody_right_after_the_call_has_its_receipts(node):
    members = {"caller": "agt_1", "jti": "aat_1", "session": "ses_1"}
    await node.ledger.commit(Work((Record("agent.enrolled", 1, "req_e", subject="agt_1"),)))
    await node.ledger.commit(Work((Record("token.issued", 2, "req_i", **members),)))
    await node.ledger.commit(Work((Record("gateway.call", 3, "req_c", **members),)))
    await node.ledger.commit(Work((Record("gateway.done", 4, "req_c", **members),)))

    custody = await CustodyReader(node.database, reader_of(node)).custody("aat_1", OPERATOR, 0, 10)

    verified = verify_custody(msgspec.json.encode(custody), SIGNER.vkey)
    assert (verified.indexes, verified.gaps) == ((0, 1, 2, 3), ())


async def test_the_log_goes_on_when_whoever_sequenced_it_died(place, node):
    reader = reader_of(node)
    before = await reader.integrated(await commit(node, 700))

    await place.kill_sequencer()
    await place.revive_sequencer()
    await asyncio.wait_for(commit_when_possible(node), 10)
    after = await asyncio.wait_for(caught_up_at_last(reader), 20)

    proof = await reader.consistency(before.size, after.size)
    assert verify_consistency(before.size, after.size, proof, before.root, after.root)


async def commit_when_possible(node) -> None:
    while True:
        try:
            await commit(node, 300)
        except Exception:  # noqa: BLE001 -- the store is coming back
            await asyncio.sleep(0.05)
        else:
            return


async def caught_up_at_last(reader: LogReader):
    """On PostgreSQL the lease of the dead has to run out first."""
    while True:
        with contextlib.suppress(LogBehind):
            return await reader.caught_up()


async def test_the_whole_log_exported_proves_itself(node):
    reader = reader_of(node)
    await reader.integrated(await commit(node, 1500))

    lines = b"".join([part async for part in export(reader, 0)])

    assert verify_export(lines.splitlines(keepends=True), SIGNER.vkey).indexes == range(1500)


def say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def write(path: Path) -> None:
    clock = SystemClock()
    await run_writer(path, clock=clock, jobs=[Sequencer(SIGNER, clock)], ready=say_ready)


if __name__ == "__main__":
    uvloop.run(write(Path(sys.argv[1])))
