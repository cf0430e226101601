# SPDX-License-Identifier: Apache-2.0
"""A store in memory: the real tables and the real session, no writer and no socket.

Faults can be planted at any statement or commit, and each of them both ways: it failed, or it
failed and happened all the same.
"""

import sqlite3
from collections.abc import Mapping

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from smartagent.audit import LogReader, Sequencer
from smartagent.audit import store as audit_store
from smartagent.crypto import NoteSigner, SigningKey
from smartagent.kernel import Record, Secret
from smartagent.storage.book_session import BookSession
from smartagent.storage.schema import head, log_segment
from smartagent.storage.statement import sqlite_compiler

ORIGIN = "authority.example/log"
KEY = SigningKey.from_seed(Secret(b"\x07" * 32))
SIGNER = NoteSigner(ORIGIN, KEY)
VKEY = SIGNER.vkey
TABLES = (
    log_segment,
    head,
    audit_store.log_tree,
    audit_store.log_tile,
    audit_store.log_checkpoint,
    audit_store.log_index,
)


class Stopped(Exception):
    """The planted fault."""


class StillClock:
    """A clock that stands, but for what is waited."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at

    async def pause(self, seconds: float) -> None:
        self.at += seconds


class Fault:
    """Strikes at the n-th chance; `after` says whether what it struck happened."""

    def __init__(self, at: int = -1, *, after: bool = False) -> None:
        self.at = at
        self.after = after
        self.chances = 0

    def strike(self) -> bool:
        self.chances += 1
        return self.chances - 1 == self.at


class FaultySession(BookSession):
    def __init__(self, connection, fault):
        super().__init__(connection)
        self._fault = fault

    async def fetch(self, sql, parameters=()):
        return await self._guard(super().fetch(sql, dict(parameters)))

    async def execute(self, sql, parameters=()):
        return await self._guard(super().execute(sql, dict(parameters)))

    async def execute_many(self, sql, parameters):
        return await self._guard(super().execute_many(sql, parameters))

    async def leaves(self, first, count):
        return await self._guard(super().leaves(first, count))

    async def _guard(self, action):
        strikes = self._fault.strike()
        if strikes and not self._fault.after:
            action.close()
            raise Stopped
        answer = await action
        if strikes:
            raise Stopped
        return answer


class SmallStore:
    """One store; `append` commits a batch, `settle` lets the sequencer finish."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        for table in TABLES:
            self.connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
        self.connection.execute('INSERT INTO head (id, "next", version) VALUES (1, 0, 0)')
        self.clock = StillClock()
        self.fault = Fault()
        self.leaves: list[bytes] = []
        self.fetches = 0
        self._compile = sqlite_compiler()

    def append(self, *leaves: bytes) -> int:
        first = len(self.leaves)
        entries = b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)
        row = (first, len(leaves), entries, b"", 0, 0)
        self.connection.execute("INSERT INTO log_segment VALUES (?, ?, ?, ?, ?, ?)", row)
        self.leaves += leaves
        self.connection.execute('UPDATE head SET "next" = ?', (len(self.leaves),))
        return first

    def record(self, event: str, **members: object) -> int:
        number = len(self.leaves)
        record = Record(event, 1_800_000_000_000 + number, f"req_{number}", **members)
        return self.append(record.encode())

    async def step(self, job: Sequencer) -> bool:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            more = await job.step(FaultySession(self.connection, self.fault))
            self._commit(strikes=self.fault.strike())
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise
        return more

    def _commit(self, *, strikes: bool) -> None:
        if strikes and not self.fault.after:
            raise Stopped
        self.connection.execute("COMMIT")
        if strikes:
            raise Stopped

    async def settle(self, job: Sequencer | None = None) -> int:
        job = job or self.sequencer()
        steps = 1
        while await self.step(job):
            steps += 1
        return steps

    def sequencer(self) -> Sequencer:
        return Sequencer(SIGNER, self.clock)

    def reader(self) -> LogReader:
        return LogReader(self, self.clock, self.clock.pause)

    async def fetch(self, statement: object, parameters: Mapping[str, object] = {}) -> list[tuple]:
        self.fetches += 1
        compiled = self._compile(statement)
        return self.connection.execute(compiled.sql, compiled.values(parameters)).fetchall()

    def derived(self) -> dict[str, list[tuple]]:
        """Return the derived tables, without the dates."""
        queries = {
            "log_tree": "SELECT id, size FROM log_tree",
            "log_tile": "SELECT level, number, hashes FROM log_tile ORDER BY 1, 2",
            "log_index": "SELECT subject, bundle FROM log_index ORDER BY 1, 2",
        }
        return {table: self.connection.execute(query).fetchall() for table, query in queries.items()}

    def checkpoints(self) -> list[tuple[int, bytes, str]]:
        return self.connection.execute("SELECT size, root, note FROM log_checkpoint ORDER BY size").fetchall()
