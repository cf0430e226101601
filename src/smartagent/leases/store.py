# SPDX-License-Identifier: Apache-2.0
"""The tables `providers`, `credentials`, `leases` and `lease_ties`, and everything that is said to them.

A tie says what a lease hangs on: its agent, session and token, and all that the token derives from.  When one of
them ends, so does the lease.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from smartagent.kernel import Caller, CallerKind, Change, IdPrefix, Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.leases.errors import LeasesChanged
from smartagent.leases.model import (
    By,
    Lease,
    LeaseState,
)
from smartagent.leases.rules import sealed_as
from smartagent.storage import Database, metadata, new_values

LEASES_TOPIC: Final = "leases"
PAGE: Final = 200
_AGENT: Final = f"{IdPrefix.AGENT.value}_"

leases: Final = Table(
    "leases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("credential", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("jti", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("max_expires_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("ttl_seconds", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", Text, nullable=False),
    Column("ended_why", Text, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("outlives_until", BigInteger, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Column("grant", Text, nullable=False),
    Index("leases_due_at", "due_at"),
    Index("leases_agent", "agent"),
    Index("leases_provider", "provider"),
)
KEPT_VALUES: Final = envelopes_in("leases", "kept", ("id",), lambda key: sealed_as(str(key[0])))
lease_ties: Final = Table(
    "lease_ties",
    metadata,
    Column("tie", Text, primary_key=True),
    Column("lease_id", Text, primary_key=True),
    Index("lease_ties_lease_id", "lease_id"),
)
_LIVE: Final = (LeaseState.REQUESTED.value, LeaseState.ACTIVE.value)


class _HolderRow(msgspec.Struct, array_like=True, gc=False):
    id: str
    agent: str
    session: str
    jti: str
    subject: str
    tie: str


class Counted(msgspec.Struct, array_like=True):
    """How many leases are in a state, and how many of them could not be ended at the first attempt."""

    state: LeaseState
    number: int
    failing: int


class Filter(msgspec.Struct, frozen=True):
    """Which leases to show; an empty field does not restrict."""

    state: str = ""
    agent: str = ""
    session: str = ""
    role: str = ""
    credential: str = ""
    provider: str = ""
    prefix: str = ""
    after: str = ""


_FIELDS: Final = Lease.__struct_fields__


def _is(column: Column[str], name: str) -> ColumnElement[bool]:
    given = bindparam(f"only_{name}", type_=Text)
    return or_(given == "", column == given)


_COLUMNS: Final = [leases.c[name] for name in _FIELDS]
_ONE_LEASE: Final = select(*_COLUMNS).where(leases.c.id == bindparam("old_id"))
_DUE: Final = (
    select(*_COLUMNS)
    .where(leases.c.due_at <= bindparam("now"))
    .order_by(leases.c.due_at)
    .limit(bindparam("most"))
)
_SOME: Final = (
    select(*_COLUMNS)
    .where(
        _is(leases.c.state, "state"),
        _is(leases.c.agent, "agent"),
        _is(leases.c.session, "session"),
        _is(leases.c.role, "role"),
        _is(leases.c.credential, "credential"),
        _is(leases.c.provider, "provider"),
        func.substr(leases.c.credential, 1, func.length(bindparam("only_prefix", type_=Text)))
        == bindparam("only_prefix", type_=Text),
        leases.c.id > bindparam("after"),
    )
    .order_by(leases.c.id)
    .limit(bindparam("most"))
)
_COUNT: Final = (
    select(
        leases.c.state, func.count(), func.coalesce(func.sum(case((leases.c.attempts > 0, 1), else_=0)), 0)
    )
    .where(leases.c.state != LeaseState.DEAD.value)
    .group_by(leases.c.state)
)
_LIVE_TIES: Final = (
    select(leases.c.id, leases.c.agent, leases.c.session, leases.c.jti, leases.c.subject, lease_ties.c.tie)
    .join(leases, leases.c.id == lease_ties.c.lease_id)
    .where(leases.c.state.in_([literal(state) for state in _LIVE]))
    .order_by(leases.c.id)
)

_ADD_LEASE: Final = insert(leases).values(new_values(*_FIELDS))
_ADD_TIE: Final = insert(lease_ties).values(new_values("tie", "lease_id"))
_SET_LEASE: Final = (
    update(leases)
    .where(leases.c.id == bindparam("old_id"), leases.c.version == bindparam("old_version"))
    .values(new_values(*[name for name in _FIELDS if name != "id"]))
)
_DROP_TIES: Final = delete(lease_ties).where(lease_ties.c.lease_id == bindparam("old_id"))
_FORGET: Final = delete(leases).where(
    leases.c.state == LeaseState.DEAD.value,
    leases.c.ended_at < bindparam("old_before"),
    leases.c.outlives_until < bindparam("old_before"),
)
_TIED: Final = leases.c.id.in_(select(lease_ties.c.lease_id).where(lease_ties.c.tie == bindparam("which")))
_WHICH: Final = {
    By.LEASE: leases.c.id == bindparam("which"),
    By.SESSION: _TIED,
    By.AGENT: _TIED,
    By.ROLE: leases.c.role == bindparam("which"),
    By.CREDENTIAL: leases.c.credential == bindparam("which"),
    By.PROVIDER: leases.c.provider == bindparam("which"),
    By.PREFIX: func.substr(leases.c.credential, 1, func.length(bindparam("which", type_=Text)))
    == bindparam("which", type_=Text),
}
_END: Final = {
    by: update(leases)
    .where(and_(leases.c.state.in_([literal(state) for state in _LIVE]), which))
    .values(
        state=LeaseState.REVOKING.value,
        ended_why=bindparam("why"),
        version=leases.c.version + 1,
        # What is still being made can be ended only when nobody can be making it any more.
        due_at=case((leases.c.state == LeaseState.REQUESTED.value, leases.c.due_at), else_=bindparam("now")),
    )
    for by, which in _WHICH.items()
}


async def read_lease(database: Database, lease_id: str) -> Lease | None:
    """Read one lease.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE_LEASE, {"old_id": lease_id})
    return _lease(found[0]) if found else None


async def read_due(database: Database, *, now: int, most: int) -> list[Lease]:
    """Read the leases about which something must be done, those first that wait longest.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_lease(row) for row in await database.fetch(_DUE, {"now": now, "most": most})]


async def read_leases(database: Database, which: Filter, most: int = PAGE) -> list[Lease]:
    """Read a page of leases in the order of their ids.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {
        f"only_{name}": value for name, value in msgspec.structs.asdict(which).items() if name != "after"
    }
    parameters |= {"after": which.after, "most": most}
    return [_lease(row) for row in await database.fetch(_SOME, parameters)]


async def leases_of_agent(database: Database, agent: str, after: str = "") -> list[Lease]:
    """Read a page of an agent's leases, after the id `after`; empty at the end.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return await read_leases(database, Filter(agent=agent, after=after))


async def read_counts(database: Database) -> list[Counted]:
    """Count the leases that are not dead.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_COUNT), list[Counted])


async def read_holders(database: Database) -> list[tuple[str, Caller]]:
    """Read the live leases' ids, each with whoever holds it as a caller, so that it can be asked whether they are live.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = msgspec.convert(await database.fetch(_LIVE_TIES), list[_HolderRow])
    return [(lease_id, _holder(list(group))) for lease_id, group in groupby(rows, key=lambda row: row.id)]


def add_lease(lease: Lease, ties: Sequence[str]) -> tuple[Write, ...]:
    """Write down a lease before anything of it is made."""
    lost = LeasesChanged(lease.id)
    tied = [
        Write(_ADD_TIE, {"new_tie": tie, "new_lease_id": lease.id}, lost)
        for tie in dict.fromkeys(ties)
        if tie
    ]
    return Write(_ADD_LEASE, _row(lease, _FIELDS), lost), *tied


def set_lease(lease: Lease) -> Write:
    """Write a lease over the version before it."""
    changed = _row(lease, [name for name in _FIELDS if name != "id"])
    seen: dict[str, Scalar] = {"old_id": lease.id, "old_version": lease.version - 1}
    return Write(_SET_LEASE, changed | seen, LeasesChanged(lease.id))


def bury(lease: Lease) -> tuple[Write, ...]:
    """Write down that a lease is dead: it hangs on nothing any more."""
    untie = Write(_DROP_TIES, {"old_id": lease.id}, LeasesChanged(lease.id), rows=None)
    return set_lease(lease), untie


def end_by(by: By, which: str, why: str, *, now: int) -> Write:
    """Say of every live lease of something that it is to be ended."""
    return Write(_END[by], {"which": which, "why": why, "now": now}, LeasesChanged(which[:64]), rows=None)


def end_tied(tie: str, why: str, *, now: int) -> Write:
    """Say of every live lease that hangs on `tie` that it is to be ended."""
    return end_by(By.AGENT, tie, why, now=now)


def forget(*, before: int) -> Write:
    """Forget leases that have been dead for long."""
    return Write(_FORGET, {"old_before": before}, LeasesChanged(""), rows=None)


def lease_ending(which: str) -> Change:
    """Tell whoever ends leases that there are some."""
    return Change(LEASES_TOPIC, which[:128])


def _holder(rows: Sequence[_HolderRow]) -> Caller:
    first, ties = rows[0], tuple(row.tie for row in rows)
    agents = tuple(tie for tie in ties if tie.startswith(_AGENT))
    return Caller(
        first.agent, CallerKind.AGENT, session=first.session, jti=first.jti, subject=first.subject,
        actors=agents, lineage=ties,
    )  # fmt: skip


def _lease(row: object) -> Lease:
    return msgspec.convert(dict(zip(_FIELDS, msgspec.convert(row, list[object]), strict=True)), Lease)


def _row(lease: Lease, names: Sequence[str]) -> dict[str, Scalar]:
    row: dict[str, Scalar] = {}
    for name in names:
        value = getattr(lease, name)
        row[f"new_{name}"] = value.value if isinstance(value, LeaseState) else value
    return row
