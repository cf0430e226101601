# SPDX-License-Identifier: Apache-2.0
"""Identity's tables, and everything that is said to them.

`keys` has one row for every key that was ever accepted, over agents and operators, and
nothing is ever deleted from it: its primary key is what makes a key name one principal.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from smartagent.edge import AuthenticationFailed
from smartagent.identity.errors import AgentChanged, KeyAlreadyKnown
from smartagent.identity.model import Agent, AgentStatus, ClaimLink, Enrolment, Operator
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata, new_values

AGENTS_TOPIC: Final = "agents"
OPERATORS_TOPIC: Final = "operators"
_PAGE: Final = 500

agents: Final = Table(
    "agents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_changed_at", BigInteger, nullable=False),
    Column("key_since", BigInteger, nullable=False, server_default="0"),
    Column("standing", Text, nullable=False, server_default="normal"),
)
operators: Final = Table(
    "operators",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
keys: Final = Table(
    "keys",
    metadata,
    Column("thumbprint", Text, primary_key=True),
    Column("principal", Text, nullable=False),
)
enrolments: Final = Table(
    "enrolments",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", Text),
    Column("owner", Text, nullable=False, server_default=""),
    Column("agent", Text, nullable=False, server_default=""),
)
claim_links: Final = Table(
    "claim_links",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", Text),
)


def _any_or(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    return or_(bindparam(name, type_=Text) == "", column == bindparam(name, type_=Text))


_ADD_AGENT: Final = insert(agents).values(new_values(*Agent.__struct_fields__))
_ADD_OPERATOR: Final = insert(operators).values(new_values(*Operator.__struct_fields__))
_ADD_KEY: Final = insert(keys).values(new_values("thumbprint", "principal"))
_ADD_ENROLMENT: Final = insert(enrolments).values(new_values("token_hash", *Enrolment.__struct_fields__))
_ADD_CLAIM_LINK: Final = insert(claim_links).values(new_values("code_hash", *ClaimLink.__struct_fields__))

# `used_at IS NULL` and the row count are what makes a token work once, on any number of nodes.
_USE_ENROLMENT: Final = (
    update(enrolments)
    .where(enrolments.c.id == bindparam("old_id"), enrolments.c.used_at.is_(None))
    .values(
        used_at=bindparam("new_used_at", type_=BigInteger()), used_by=bindparam("new_used_by", type_=Text())
    )
)
_USE_CLAIM_LINK: Final = (
    update(claim_links)
    .where(claim_links.c.id == bindparam("old_id"), claim_links.c.used_at.is_(None))
    .values(
        used_at=bindparam("new_used_at", type_=BigInteger()), used_by=bindparam("new_used_by", type_=Text())
    )
)
_USE_FIRST_LINKS: Final = (
    update(claim_links)
    .where(claim_links.c.created_by == "", claim_links.c.used_at.is_(None))
    .values(
        used_at=bindparam("new_used_at", type_=BigInteger()), used_by=bindparam("new_used_by", type_=Text())
    )
)
_SET_KEY: Final = (
    update(agents)
    .where(
        agents.c.id == bindparam("old_id"),
        agents.c.public_key == bindparam("old_public_key"),
        agents.c.status == AgentStatus.ACTIVE.value,
    )
    .values(
        public_key=bindparam("new_public_key", type_=LargeBinary()),
        key_since=bindparam("new_key_since", type_=BigInteger()),
        last_changed_at=bindparam("new_key_since", type_=BigInteger()),
    )
)
# The owner and the status are named too: an agent whose standing changed meanwhile is looked at again.
_SET_STANDING: Final = (
    update(agents)
    .where(
        agents.c.id == bindparam("old_id"),
        agents.c.status == bindparam("old_status"),
        agents.c.owner == bindparam("old_owner"),
        agents.c.role == bindparam("old_role"),
        agents.c.standing == bindparam("old_standing"),
    )
    .values(**new_values("status", "owner", "role", "standing", "last_changed_at"))
)
_TAKE_UP: Final = (
    update(agents)
    .where(agents.c.id == bindparam("old_id"), agents.c.status == AgentStatus.PENDING.value)
    .values(
        status=AgentStatus.ACTIVE.value,
        **new_values("name", "owner", "role", "public_key", "created_at", "last_changed_at", "key_since"),
    )
)
_SUSPEND_WHEN_ACTIVE: Final = (
    update(agents)
    .where(agents.c.id == bindparam("old_id"), agents.c.status == AgentStatus.ACTIVE.value)
    .values(
        status=AgentStatus.SUSPENDED.value,
        last_changed_at=bindparam("new_last_changed_at", type_=BigInteger()),
    )
)

_ONE_AGENT: Final = select(agents).where(agents.c.id == bindparam("old_id"))
_AGENTS_AFTER: Final = (
    select(agents)
    .where(agents.c.id > bindparam("after"))
    .order_by(agents.c.id)
    .limit(bindparam("most", type_=BigInteger()))
)
_AGENTS_LIKE: Final = (
    select(agents)
    .where(
        agents.c.id > bindparam("after"),
        _any_or(agents.c.status, "status_or_any"),
        _any_or(agents.c.role, "role_or_any"),
        _any_or(agents.c.owner, "owner_or_any"),
    )
    .order_by(agents.c.id)
    .limit(bindparam("most", type_=BigInteger()))
)
_ONE_OPERATOR: Final = select(operators).where(operators.c.id == bindparam("old_id"))
_ALL_OPERATORS: Final = select(operators).order_by(operators.c.id)
_KEY: Final = select(keys.c.principal).where(keys.c.thumbprint == bindparam("old_thumbprint"))
_ENROLMENT: Final = select(
    enrolments.c.id,
    enrolments.c.role,
    enrolments.c.name,
    enrolments.c.created_by,
    enrolments.c.expires_at,
    enrolments.c.used_at,
    enrolments.c.owner,
    enrolments.c.agent,
).where(enrolments.c.token_hash == bindparam("old_token_hash"))
_CLAIM_LINK: Final = select(
    claim_links.c.id, claim_links.c.created_by, claim_links.c.expires_at, claim_links.c.used_at
).where(claim_links.c.code_hash == bindparam("old_code_hash"))


class Filter(msgspec.Struct, frozen=True):
    """Which agents to read; an empty member means any."""

    status: str = ""
    role: str = ""
    owner: str = ""


async def read_agents(database: Database, *, after: str, most: int) -> list[Agent]:
    """Read up to `most` agents whose ids come after `after`, in the order of their ids."""
    return msgspec.convert(await database.fetch(_AGENTS_AFTER, {"after": after, "most": most}), list[Agent])


async def read_agents_like(database: Database, wanted: Filter, *, after: str, most: int) -> list[Agent]:
    """Read up to `most` agents that match `wanted`, whose ids come after `after`."""
    values: dict[str, Scalar] = {
        "after": after,
        "most": most,
        "status_or_any": wanted.status,
        "role_or_any": wanted.role,
        "owner_or_any": wanted.owner,
    }
    return msgspec.convert(await database.fetch(_AGENTS_LIKE, values), list[Agent])


async def read_agents_of(database: Database, owner: str) -> list[Agent]:
    """Read all agents that `owner` answers for."""
    found: list[Agent] = []
    while page := await read_agents_like(
        database, Filter(owner=owner), after=found[-1].id if found else "", most=_PAGE
    ):
        found += page
    return found


async def read_agent(database: Database, agent_id: str) -> Agent | None:
    """Read one agent."""
    found = msgspec.convert(await database.fetch(_ONE_AGENT, {"old_id": agent_id}), list[Agent])
    return found[0] if found else None


async def read_operators(database: Database) -> list[Operator]:
    """Read all operators."""
    return msgspec.convert(await database.fetch(_ALL_OPERATORS), list[Operator])


async def read_operator(database: Database, operator_id: str) -> Operator | None:
    """Read one operator."""
    found = msgspec.convert(await database.fetch(_ONE_OPERATOR, {"old_id": operator_id}), list[Operator])
    return found[0] if found else None


async def read_enrolment(database: Database, token_hash: bytes) -> Enrolment | None:
    """Read the enrolment whose token hashes to `token_hash`."""
    found = await database.fetch(_ENROLMENT, {"old_token_hash": token_hash})
    return msgspec.convert(found[0], Enrolment) if found else None


async def read_claim_link(database: Database, code_hash: bytes) -> ClaimLink | None:
    """Read the claim link whose code hashes to `code_hash`."""
    found = await database.fetch(_CLAIM_LINK, {"old_code_hash": code_hash})
    return msgspec.convert(found[0], ClaimLink) if found else None


async def is_key_known(database: Database, thumbprint: str) -> bool:
    """Say whether a key was ever accepted."""
    return bool(await database.fetch(_KEY, {"old_thumbprint": thumbprint}))


def add_key(thumbprint: str, principal: str) -> Write:
    """Give a key to `principal`, for ever."""
    return Write(_ADD_KEY, {"new_thumbprint": thumbprint, "new_principal": principal}, lost=KeyAlreadyKnown())


def add_agent(agent: Agent) -> Write:
    """Add an agent."""
    return Write(_ADD_AGENT, {"new_id": agent.id, **_row(agent)}, lost=AgentChanged(agent.id))


def take_up(agent: Agent) -> Write:
    """Let a pending agent be `agent`, which has a key, and keep its standing; lost when it is not pending any more."""
    values = _row(agent)
    del values["new_status"], values["new_standing"]
    return Write(_TAKE_UP, {"old_id": agent.id, **values}, lost=AgentChanged(agent.id))


def _row(agent: Agent) -> dict[str, Scalar]:
    return {
        "new_name": agent.name,
        "new_owner": agent.owner,
        "new_role": agent.role,
        "new_status": agent.status.value,
        "new_public_key": agent.public_key,
        "new_created_at": agent.created_at,
        "new_last_changed_at": agent.last_changed_at,
        "new_key_since": agent.key_since,
        "new_standing": agent.standing.value,
    }


def set_key(agent: Agent, public_key: bytes, *, now: int) -> Write:
    """Give an agent another key, provided that it still has the one that was seen, and may act."""
    values: dict[str, Scalar] = {
        "old_id": agent.id,
        "old_public_key": agent.public_key,
        "new_public_key": public_key,
        "new_key_since": now,
    }
    return Write(_SET_KEY, values, lost=AgentChanged(agent.id))


def add_operator(operator: Operator) -> Write:
    """Add an operator."""
    values: dict[str, Scalar] = {
        "new_id": operator.id,
        "new_name": operator.name,
        "new_public_key": operator.public_key,
        "new_created_at": operator.created_at,
    }
    return Write(_ADD_OPERATOR, values, lost=KeyAlreadyKnown())


def add_enrolment(enrolment: Enrolment, token_hash: bytes) -> Write:
    """Add an enrolment; of its token only the hash is kept."""
    values: dict[str, Scalar] = {
        "new_token_hash": token_hash,
        "new_id": enrolment.id,
        "new_role": enrolment.role,
        "new_name": enrolment.name,
        "new_created_by": enrolment.created_by,
        "new_expires_at": enrolment.expires_at,
        "new_used_at": None,
        "new_owner": enrolment.owner,
        "new_agent": enrolment.agent,
    }
    return Write(_ADD_ENROLMENT, values, lost=AuthenticationFailed("the enrolment token exists"))


def add_claim_link(link: ClaimLink, code_hash: bytes) -> Write:
    """Add a claim link; of its code only the hash is kept."""
    values: dict[str, Scalar] = {
        "new_code_hash": code_hash,
        "new_id": link.id,
        "new_created_by": link.created_by,
        "new_expires_at": link.expires_at,
        "new_used_at": None,
    }
    return Write(_ADD_CLAIM_LINK, values, lost=AuthenticationFailed("the claim link exists"))


def use_enrolment(enrolment_id: str, agent_id: str, *, now: int) -> Write:
    """Use up an enrolment token; lost when it was used before."""
    values: dict[str, Scalar] = {"old_id": enrolment_id, "new_used_at": now, "new_used_by": agent_id}
    return Write(_USE_ENROLMENT, values, lost=AuthenticationFailed("the enrolment token was used"))


def use_claim_link(link: ClaimLink, operator_id: str, *, now: int) -> tuple[Write, ...]:
    """Use up a claim link.  A first link takes the other first links with it: there is one first operator."""
    values: dict[str, Scalar] = {"new_used_at": now, "new_used_by": operator_id}
    lost = AuthenticationFailed("the claim link was used")
    used = Write(_USE_CLAIM_LINK, values | {"old_id": link.id}, lost=lost)
    if link.created_by:
        return (used,)
    return (used, Write(_USE_FIRST_LINKS, values, lost=lost, rows=None))


def set_standing(seen: Agent, changed: Agent) -> Write:
    """Change an agent's status, owner, role and standing from what was seen."""
    values: dict[str, Scalar] = {
        "old_id": seen.id,
        "old_status": seen.status.value,
        "old_owner": seen.owner,
        "old_role": seen.role,
        "old_standing": seen.standing.value,
        "new_status": changed.status.value,
        "new_owner": changed.owner,
        "new_role": changed.role,
        "new_standing": changed.standing.value,
        "new_last_changed_at": changed.last_changed_at,
    }
    return Write(_SET_STANDING, values, lost=AgentChanged(seen.id))


def suspend_when_active(agent_id: str, *, now: int) -> Write:
    """Suspend an agent, whatever became of it meanwhile: one that is not active stays what it is."""
    values: dict[str, Scalar] = {"old_id": agent_id, "new_last_changed_at": now}
    return Write(_SUSPEND_WHEN_ACTIVE, values, lost=AgentChanged(agent_id), rows=None)


def agent_changed(agent_id: str) -> Change:
    """Tell every node that this agent is not what it was."""
    return Change(AGENTS_TOPIC, agent_id)


def operator_changed(operator_id: str) -> Change:
    """Tell every node that this operator is not what it was."""
    return Change(OPERATORS_TOPIC, operator_id)
