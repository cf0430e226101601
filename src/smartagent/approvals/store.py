# SPDX-License-Identifier: Apache-2.0
"""The tables `approvals` and `approval_grants`, and everything that is said to them.

`slot` is unique: whichever nodes are asked for the same call at once, one approval waits.  Each change is of the
version before it, so of two who decide, or use it, at once the second loses.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from smartagent.approvals.errors import ApprovalChanged, ApprovalGrantNotFound
from smartagent.approvals.model import Approval, Card, Grant, Vote
from smartagent.kernel import Change, Scalar, SmartAgentError, Write
from smartagent.storage import Database, metadata

APPROVALS_TOPIC: Final = "approvals"
GRANTS_TOPIC: Final = "approval-grants"

approvals: Final = Table(
    "approvals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("slot", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("confirm", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    Column("rules", Text, nullable=False),
    Column("votes", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("place", Text, nullable=False),
    Column("card", Text, nullable=False),
    Index("approvals_state", "state", "id"),
    Index("approvals_agent", "agent", "id"),
)
approval_grants: Final = Table(
    "approval_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("approval", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("methods", Text, nullable=False),
    Column("paths", Text, nullable=False),
    Column("seat", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at_ms", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Index("approval_grants_ended_at", "ended_at"),
)


class Shown(msgspec.Struct, frozen=True):
    """An approval with what belongs to it and is not held in memory."""

    approval: Approval
    place: str
    card: Card


_COLUMNS: Final = [approvals.c[name] for name in Approval.__struct_fields__]
_WHOLE: Final = [*_COLUMNS, approvals.c.place, approvals.c.card]
_GRANT_COLUMNS: Final = [approval_grants.c[name] for name in Grant.__struct_fields__]
_LIVE: Final = approvals.c.slot != approvals.c.id
_OPEN: Final = select(*_COLUMNS).where(_LIVE).order_by(approvals.c.id)
_ONE: Final = select(*_WHOLE).where(approvals.c.id == bindparam("old_id"))
_SLOT: Final = select(*_COLUMNS).where(approvals.c.slot == bindparam("old_slot"))
_OVER: Final = (
    select(*_COLUMNS)
    .where(_LIVE, approvals.c.ends_at <= bindparam("now", type_=BigInteger()))
    .order_by(approvals.c.id)
    .limit(bindparam("most", type_=BigInteger()))
)


def _page_of(*more: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    return (
        select(*_WHOLE)
        .where(approvals.c.id < bindparam("before"), *more)
        .order_by(approvals.c.id.desc())
        .limit(bindparam("most", type_=BigInteger()))
    )


_BY_STATE: Final = approvals.c.state == bindparam("old_state")
_BY_AGENT: Final = approvals.c.agent == bindparam("old_agent")
_PAGES: Final = {
    (False, False): _page_of(),
    (True, False): _page_of(_BY_STATE),
    (False, True): _page_of(_BY_AGENT),
    (True, True): _page_of(_BY_STATE, _BY_AGENT),
}
_VOTES: Final = (
    select(approvals.c.votes, approvals.c.created_at_ms)
    .where(approvals.c.votes != "[]")
    .order_by(approvals.c.id.desc())
    .limit(bindparam("most", type_=BigInteger()))
)
_ADD: Final = insert(approvals).values(
    {name: bindparam("new_" + name) for name in (*Approval.__struct_fields__, "place", "card")}
)
_SET: Final = (
    update(approvals)
    .where(
        approvals.c.id == bindparam("old_id"),
        approvals.c.version == bindparam("old_version", type_=BigInteger()),
    )
    .values(
        slot=bindparam("new_slot"),
        state=bindparam("new_state"),
        votes=bindparam("new_votes"),
        ends_at=bindparam("new_ends_at", type_=BigInteger()),
        version=bindparam("new_version", type_=BigInteger()),
    )
)
_FORGET: Final = delete(approvals).where(
    approvals.c.slot == approvals.c.id,
    approvals.c.created_at_ms < bindparam("before_ms", type_=BigInteger()),
)
_GRANTS: Final = select(*_GRANT_COLUMNS).where(approval_grants.c.ended_at == 0).order_by(approval_grants.c.id)
_ONE_GRANT: Final = select(*_GRANT_COLUMNS).where(approval_grants.c.id == bindparam("old_id"))
_ADD_GRANT: Final = insert(approval_grants).values(
    {name: bindparam("new_" + name) for name in Grant.__struct_fields__}
)
_END_GRANT: Final = (
    update(approval_grants)
    .where(approval_grants.c.id == bindparam("old_id"), approval_grants.c.ended_at == 0)
    .values(ended_at=bindparam("new_ended_at", type_=BigInteger()))
)
_USE_GRANT: Final = (
    update(approval_grants)
    .where(approval_grants.c.id == bindparam("old_id"), approval_grants.c.ended_at == 0)
    .values(uses=approval_grants.c.uses + 1)
)
_FORGET_GRANTS: Final = delete(approval_grants).where(
    approval_grants.c.ended_at > 0,
    approval_grants.c.ended_at < bindparam("before", type_=BigInteger()),
)


async def read_open(database: Database) -> list[Approval]:
    """Read all approvals that matter still: those that wait, can be used, or keep the same from being asked again.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_approval(row) for row in await database.fetch(_OPEN)]


async def read_over(database: Database, *, now: int, most: int) -> list[Approval]:
    """Read approvals whose time is over, and of which nobody has said so yet.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_approval(row) for row in await database.fetch(_OVER, {"now": now, "most": most})]


async def read_approval(database: Database, approval: str) -> Shown | None:
    """Read one approval.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_ONE, {"old_id": approval})
    return _shown(rows[0]) if rows else None


async def read_slot(database: Database, slot: str) -> Approval | None:
    """Read the approval that has a slot.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_SLOT, {"old_slot": slot})
    return _approval(rows[0]) if rows else None


async def read_page(
    database: Database, *, before: str, most: int, state: str = "", agent: str = ""
) -> list[Shown]:
    """Read a page of approvals, newest first: those with an id below `before`, in a state, of an agent.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"before": before, "most": most}
    if state:
        parameters["old_state"] = state
    if agent:
        parameters["old_agent"] = agent
    rows = await database.fetch(_PAGES[bool(state), bool(agent)], parameters)
    return [_shown(row) for row in rows]


async def read_votes(database: Database, *, most: int) -> list[tuple[tuple[Vote, ...], int]]:
    """Read what was said to the newest `most` approvals, each with when it was asked for (Unix milliseconds).

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = msgspec.convert(await database.fetch(_VOTES, {"most": most}), list[tuple[str, int]])
    return [(msgspec.json.decode(votes, type=tuple[Vote, ...]), at_ms) for votes, at_ms in rows]


def add_approval(approval: Approval, place: str, card: Card) -> Write:
    """File an approval; lost when the same waits already."""
    values = {f"new_{name}": value for name, value in _values(approval).items()}
    values |= {"new_place": place, "new_card": msgspec.json.encode(card).decode()}
    return Write(_ADD, values, ApprovalChanged("the same waits already"))


def set_approval(approval: Approval, lost: SmartAgentError | None = None) -> Write:
    """Write an approval over the version before it; `lost` is raised when it is not that any more."""
    values = _values(approval)
    parameters = {f"new_{name}": values[name] for name in ("slot", "state", "votes", "ends_at", "version")}
    seen: dict[str, Scalar] = {"old_id": approval.id, "old_version": approval.version - 1}
    return Write(_SET, parameters | seen, lost or ApprovalChanged(approval.id))


def forget_old(before: int) -> tuple[Write, ...]:
    """Forget approvals and grants that were over before an instant (Unix seconds)."""
    lost = ApprovalChanged("")
    return (
        Write(_FORGET, {"before_ms": before * 1000}, lost, rows=None),
        Write(_FORGET_GRANTS, {"before": before}, lost, rows=None),
    )


async def read_grants(database: Database, grant: str = "") -> list[Grant]:
    """Read the grants that have not ended, or the one with an id whether it has ended or not.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE_GRANT, {"old_id": grant}) if grant else await database.fetch(_GRANTS)
    return [_grant(row) for row in found]


def add_grant(grant: Grant) -> Write:
    """Write a grant."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(grant, name) for name in Grant.__struct_fields__}
    values["new_methods"] = msgspec.json.encode(grant.methods).decode()
    values["new_paths"] = msgspec.json.encode(grant.paths).decode()
    values["new_seat"] = grant.seat.value
    return Write(_ADD_GRANT, values, ApprovalChanged(grant.id))


def end_grant(grant: str, *, now: int) -> Write:
    """End a grant; lost when it has ended."""
    return Write(_END_GRANT, {"old_id": grant, "new_ended_at": now}, ApprovalGrantNotFound(grant))


def use_grant(grant: str) -> Write:
    """Count a use of a grant; lost when it has ended."""
    return Write(_USE_GRANT, {"old_id": grant}, ApprovalChanged("the grant has ended; ask again"))


def approval_changed(approval: str) -> Change:
    """Tell every node that this approval is not what it was."""
    return Change(APPROVALS_TOPIC, approval)


def grant_changed(grant: str) -> Change:
    """Tell every node that this grant is not what it was."""
    return Change(GRANTS_TOPIC, grant)


def _values(approval: Approval) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {name: getattr(approval, name) for name in Approval.__struct_fields__}
    values["state"] = approval.state.value
    values["confirm"] = int(approval.confirm)
    values["votes"] = msgspec.json.encode(approval.votes).decode()
    return values


def _approval(row: Sequence[Scalar]) -> Approval:
    members: dict[str, object] = dict(zip(Approval.__struct_fields__, row, strict=False))
    members["confirm"] = bool(members["confirm"])
    members["votes"] = msgspec.json.decode(str(members["votes"]), type=tuple[Vote, ...])
    return msgspec.convert(list(members.values()), Approval)


def _shown(row: Sequence[Scalar]) -> Shown:
    place, card = row[-2:]
    return Shown(_approval(row[:-2]), str(place), msgspec.json.decode(str(card), type=Card))


def _grant(row: Sequence[Scalar]) -> Grant:
    members: dict[str, object] = dict(zip(Grant.__struct_fields__, row, strict=True))
    for name in ("methods", "paths"):
        members[name] = msgspec.json.decode(str(members[name]), type=tuple[str, ...])
    return msgspec.convert(list(members.values()), Grant)
