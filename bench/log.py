# SPDX-License-Identifier: Apache-2.0
"""The audit log: what appending costs as it grows, and how long an inclusion proof takes.

The sequencer runs as in the writer process: its own session, on a SQLite file with
synchronous=FULL, on batches of records in `log_segment`, commits included.  Segments that were
integrated are dropped again, so that ten million records do not need the disk they would.
"""

import asyncio
import contextlib
import gc
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from bench.figures import Part, Rounds, Sample, Target
from smartagent.audit import LogReader, Sequencer
from smartagent.audit import store as audit_store
from smartagent.crypto import NoteSigner, SigningKey, SystemClock, leaf_hash, verify_inclusion
from smartagent.kernel import Secret
from smartagent.storage.book_session import step
from smartagent.storage.schema import head, log_segment
from smartagent.storage.sqlite_reader import SqliteDatabase

AGENTS: Final = 1000
TOKENS_AT_ONCE: Final = 64
USES: Final = 50
BATCH: Final = 64
TURN: Final = 4096
PROOFS: Final = 2000
WINDOW: Final = 64
SMALL_LOGS: Final = 15
SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
_TABLES = (
    log_segment,
    head,
    audit_store.log_tree,
    audit_store.log_tile,
    audit_store.log_checkpoint,
    audit_store.log_index,
)
_LEAF = (
    '{"event":"gateway.call","at_ms":1800000%06d,"request":"req_%026d","caller":"agt_%026d",'
    '"session":"ses_%026d","jti":"aat_%026d","permission":"orders.read","target":"GET orders/orders/%d",'
    '"decision":"permit","rule":"role.order-reader.0","detail":{"upstream":"orders","path":"/orders/%d"}}'
)


def run(scale: int) -> dict[str, Sample]:
    """Build a log of `scale` entries; return what was measured at 10 k, 100 k, 1 M, 10 M, and at `scale`."""
    with tempfile.TemporaryDirectory(prefix="bench-log-") as folder:
        return _build(Path(folder) / "log.db", scale)


def measure(work: Path, entries: int, rounds: int) -> Part:  # noqa: ARG001 -- one log is built: minutes, not seconds
    """Measure as a part of the bench."""
    path = work / "log.db"
    found = _build(path, entries)
    path.unlink()
    subjects: Rounds = {name: [sample] for name, sample in found.items()}
    samples = list(found.values())
    costs = [sample["append_us"] for sample in samples]
    targets = [
        Target("append cost, dearest size over the cheapest", max(costs) / min(costs), 1.2, at_least=False),
        Target(
            "inclusion proof p50 at the largest size, ms",
            samples[-1]["proof_p50_us"] / 1000,
            1.0,
            at_least=False,
        ),
    ]
    note = "append: integrated, indexed, hashed, committed (synchronous=FULL), signed; per entry"
    return Part("log", "The audit log", subjects, targets, (note,))


def _build(path: Path, scale: int) -> dict[str, Sample]:
    marks = sorted({size for size in SIZES if size < scale} | {scale})
    found: dict[str, Sample] = {}
    with contextlib.closing(_store(path)) as connection:
        sequencer = Sequencer(_signer(), SystemClock())
        recent: list[tuple[float, float, int]] = []
        for size in _turns(marks):
            _append(connection, size[0], size[1])
            recent.append(_integrate(connection, sequencer, size[1] - size[0]))
            recent = recent[-WINDOW:]
            if size[1] in marks:
                gc.collect()
                if size[1] == SIZES[0]:
                    recent += _small(path.with_name("small.db"))
                found[f"{size[1]:,} entries"] = _sample(path, size[1], recent)
                shown = " ".join(f"{k}={v:.4g}" for k, v in found[f"{size[1]:,} entries"].items())
                print(f"  {size[1]:,}: {shown}", flush=True)
    return found


def _small(path: Path) -> list[tuple[float, float, int]]:
    """Build the smallest log a few times more: once takes too little time to mean anything."""
    costs = []
    for _ in range(SMALL_LOGS):
        with contextlib.closing(_store(path)) as connection:
            sequencer = Sequencer(_signer(), SystemClock())
            for first, end in _turns([SIZES[0]]):
                _append(connection, first, end)
                costs.append(_integrate(connection, sequencer, end - first))
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()
    return costs


def _turns(marks: list[int]) -> Iterator[tuple[int, int]]:
    first = 0
    for mark in marks:
        while first < mark:
            end = min(first + TURN, mark)
            yield first, end
            first = end


def _store(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode=WAL", "wal_autocheckpoint=4000"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for table in _TABLES:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
    connection.execute('INSERT INTO head (id, "next", version) VALUES (1, 0, 0)')
    return connection


def _signer() -> NoteSigner:
    return NoteSigner("bench.example/log", SigningKey.from_seed(Secret(b"\x01" * 32)))


def _leaf(n: int) -> bytes:
    token = n // (TOKENS_AT_ONCE * USES) * TOKENS_AT_ONCE + n % TOKENS_AT_ONCE
    return (_LEAF % (n % 1_000_000, n, token * 7919 % AGENTS, token, token, n, n)).encode()


def _append(connection: sqlite3.Connection, first: int, end: int) -> None:
    """Commit records as the ledger does; not part of what is measured."""
    connection.execute("PRAGMA synchronous=OFF").fetchall()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM log_segment WHERE first < ?", (first - 1024,))
    for start in range(first, end, BATCH):
        leaves = [_leaf(n) for n in range(start, min(start + BATCH, end))]
        entries = b"".join([len(leaf).to_bytes(2) + leaf for leaf in leaves])
        row = (start, len(leaves), entries, b"", 0, 0)
        connection.execute("INSERT INTO log_segment VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute('UPDATE head SET "next" = ?', (end,))
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    connection.execute("PRAGMA synchronous=FULL").fetchall()


def _integrate(connection: sqlite3.Connection, sequencer: Sequencer, count: int) -> tuple[float, float, int]:
    wall, cpu = time.perf_counter(), time.process_time()
    while step(connection, sequencer):
        pass
    return time.perf_counter() - wall, time.process_time() - cpu, count


def _sample(path: Path, size: int, recent: list[tuple[float, float, int]]) -> Sample:
    entries = sum(count for _, _, count in recent)
    proofs = asyncio.run(_proofs(path, size))
    return {
        "append_us": sum(wall for wall, _, _ in recent) / entries * 1e6,
        "append_cpu_us": sum(cpu for _, cpu, _ in recent) / entries * 1e6,
        "proof_p50_us": statistics.median(proofs) * 1e6,
        "proof_p99_us": sorted(proofs)[len(proofs) * 99 // 100] * 1e6,
        "file_mb": (path.stat().st_size) / 1e6,
        "resident_mb": _resident() / 1e6,
    }


async def _proofs(path: Path, size: int) -> list[float]:
    """Time proofs of entries all over the log, each with its own reads; and verify some of them."""
    database = SqliteDatabase(path)
    reader = LogReader(database, SystemClock())
    newest = await reader.checkpoint()
    chance = random.Random(size)  # noqa: S311 -- the same entries in every run
    times = []
    for turn in range(PROOFS):
        index = chance.randrange(size)
        start = time.perf_counter()
        proof = await reader.inclusion(index, newest.size)
        times.append(time.perf_counter() - start)
        if turn % 100 == 0:
            assert verify_inclusion(leaf_hash(_leaf(index)), index, newest.size, proof, newest.root)
    database.close()
    return times


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    run(SIZES[-1])
