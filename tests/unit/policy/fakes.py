# SPDX-License-Identifier: Apache-2.0
"""A store with memory: the room's real statements on a database that lives in the process."""

import msgspec
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool

from smartagent.kernel import Caller, CallerKind
from smartagent.policy import Book
from smartagent.policy.model import StoredPolicy, StoredRole
from smartagent.policy.staged.store import staged_rules, staged_shifts
from smartagent.policy.store import policies, put_policy, put_role, roles
from smartagent.policy.versions.store import rule_versions
from smartagent.policy.writing import Stamp, written_policy, written_role
from smartagent.storage import metadata

NOW = 1_780_000_000
OPERATOR = Caller("opr_1", CallerKind.OPERATOR)


class FakeClock:
    def now(self):
        return NOW + 0.5

    def monotonic(self):
        return 0.0


class FakeStore:
    def __init__(self, *tables):
        self._engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self._engine, tables=tables)

    async def fetch(self, statement, parameters=None):
        with self._engine.begin() as connection:
            return [tuple(row) for row in connection.execute(statement, parameters or {})]

    def apply(self, *writes):
        """All of `writes` or none, as a ledger does."""
        with self._engine.begin() as connection:
            for write in writes:
                try:
                    done = connection.execute(write.statement, dict(write.parameters))
                except IntegrityError:
                    raise write.lost from None
                if write.rows is not None and done.rowcount != write.rows:
                    raise write.lost

    def execute(self, statement):
        """Change something behind the room's back, as whoever holds the file could."""
        with self._engine.begin() as connection:
            connection.execute(statement)

    def close(self):
        self._engine.dispose()


def policy_store():
    return FakeStore(roles, policies, rule_versions, staged_rules, staged_shifts)


def role(text, *, allow_broad=False, version=1) -> StoredRole:
    name = next(line for line in text.splitlines() if line.startswith("name")).split('"')[1]
    return written_role(name, text, Stamp(version, NOW, "opr_1"), allow_broad=allow_broad)


def policy(name, text, *, allow_broad=False, version=1) -> StoredPolicy:
    return written_policy(name, text, Stamp(version, NOW, "opr_1"), allow_broad=allow_broad)


async def book_of(store, *stored) -> Book:
    for one in stored:
        store.apply(put_role(one) if isinstance(one, StoredRole) else put_policy(one))
    book = Book(store)
    await book.reload_roles(())
    await book.reload_policies(())
    return book


def agent(role="order-reader", *, name="agt_1", scopes=("orders:read",), client_ip="10.1.2.3"):
    return Caller(name, CallerKind.AGENT, role=role, scopes=frozenset(scopes), client_ip=client_ip)


def body_of(outcome):
    return msgspec.json.decode(msgspec.json.encode(outcome.reply.body))
