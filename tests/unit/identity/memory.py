# SPDX-License-Identifier: Apache-2.0
"""A clock that is set, repeatable chance, and a store on SQLite's `:memory:`."""

import hashlib
import itertools
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence

from smartagent.kernel import Committed, Record, Scalar, Work, Write
from smartagent.storage import metadata
from smartagent.storage.statement import sqlite_compiler
from tests.unit.identity.ddl import create_all

START = 1_800_000_000.0


class FakeClock:
    """Stands still until it is set."""

    def __init__(self, now: float = START) -> None:
        self.at = now

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


class FakeEntropy:
    """Repeatable chance."""

    def __init__(self, seed: str = "seed") -> None:
        self._counter = itertools.count()
        self._seed = seed

    def __call__(self, size_bytes: int, /) -> bytes:
        return hashlib.shake_256(f"{self._seed}{next(self._counter)}".encode()).digest(size_bytes)


class MemoryStore:
    """Ledger, database and feed in one: what is committed is in every node's memory at once."""

    def __init__(self, clock: FakeClock) -> None:
        self.records: list[Record] = []
        self.claims: dict[bytes, int] = {}
        self.reloads: dict[str, list[Callable[[Sequence[str]], Awaitable[None]]]] = {}
        self._clock = clock
        self._compile = sqlite_compiler()
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        create_all(self._connection, metadata)

    def close(self) -> None:
        self._connection.close()

    def register(self, topic: str, reload: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        self.reloads.setdefault(topic, []).append(reload)

    async def start(self) -> None:
        for reloads in self.reloads.values():
            for reload in reloads:
                await reload(())

    async def fetch(
        self, statement: object, parameters: Mapping[str, Scalar] = {}
    ) -> list[tuple[Scalar, ...]]:
        compiled = self._compile(statement)
        return self._connection.execute(compiled.sql, compiled.values(parameters)).fetchall()

    async def commit(self, work: Work) -> Committed:
        for claim in work.claims:
            if claim.key in self.claims:
                raise claim.lost
        self._connection.execute("BEGIN")
        try:
            for write in work.writes:
                self._apply(write)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self.claims |= {claim.key: claim.expires_at for claim in work.claims}
        self.records.extend(work.records)
        for change in work.changes:
            for reload in self.reloads.get(change.topic, ()):
                await reload([change.key])
        return Committed(len(self.records) - len(work.records), len(self.records))

    def _apply(self, write: Write) -> None:
        compiled = self._compile(write.statement)
        try:
            touched = self._connection.execute(compiled.sql, compiled.values(write.parameters)).rowcount
        except sqlite3.IntegrityError:
            raise write.lost from None
        if write.rows is not None and touched != write.rows:
            raise write.lost

    def commit_later(self, work: Work) -> None:
        raise NotImplementedError

    def forget_claims(self) -> None:
        """Forget what may be forgotten at this instant."""
        now = self._clock.now()
        self.claims = {key: until for key, until in self.claims.items() if until > now}
