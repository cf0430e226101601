# SPDX-License-Identifier: Apache-2.0
"""The tables `agent_terms`, `agent_sightings`, `agent_uses` and `log_followers`, and everything that is said to them."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, insert, select, update

from smartagent.governance.errors import GovernanceChanged
from smartagent.governance.model import ANYTHING, Sighting, Terms, Use
from smartagent.kernel import Scalar, Write
from smartagent.storage import Database, metadata, new_values

agent_terms: Final = Table(
    "agent_terms",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("expires_at", BigInteger),
    Column("idle_seconds", BigInteger),
    Column("version", BigInteger, nullable=False),
)
agent_sightings: Final = Table(
    "agent_sightings",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("agent", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
agent_uses: Final = Table(
    "agent_uses",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("last_used_at", BigInteger, nullable=False),
)
log_followers: Final = Table(
    "log_followers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)


_ALL_TERMS: Final = select(agent_terms)
_ONE_TERMS: Final = select(agent_terms).where(agent_terms.c.agent == bindparam("old_agent"))
_ADD_TERMS: Final = insert(agent_terms).values(new_values(*Terms.__struct_fields__))
_SET_TERMS: Final = (
    update(agent_terms)
    .where(agent_terms.c.agent == bindparam("old_agent"), agent_terms.c.version == bindparam("old_version"))
    .values(
        expires_at=bindparam("new_expires_at", type_=BigInteger()),
        idle_seconds=bindparam("new_idle_seconds", type_=BigInteger()),
        version=bindparam("new_version", type_=BigInteger()),
    )
)
_SIGHTING: Final = select(agent_sightings).where(agent_sightings.c.reference == bindparam("old_reference"))
_SIGHTING_OF: Final = select(agent_sightings).where(agent_sightings.c.agent == bindparam("old_agent"))
_ADD_SIGHTING: Final = insert(agent_sightings).values(new_values(*Sighting.__struct_fields__))
_USES_OF: Final = select(agent_uses).where(agent_uses.c.agent == bindparam("old_agent"))
_LAST_USES: Final = select(agent_uses.c.agent, agent_uses.c.last_used_at).where(
    agent_uses.c.what == bindparam("anything")
)
_DROP_USE: Final = delete(agent_uses).where(
    agent_uses.c.agent == bindparam("old_agent"), agent_uses.c.what == bindparam("old_what")
)
_ADD_USE: Final = insert(agent_uses).values(new_values(*Use.__struct_fields__))
_NEXT: Final = select(log_followers.c.next).where(log_followers.c.name == bindparam("old_name"))
_BEGIN: Final = insert(log_followers).values(new_values("name", "next"))
_GO_ON: Final = (
    update(log_followers)
    .where(log_followers.c.name == bindparam("old_name"), log_followers.c.next == bindparam("old_next"))
    .values(next=bindparam("new_next", type_=BigInteger()))
)


async def read_all_terms(database: Database) -> dict[str, Terms]:
    """Read the terms of all agents that have their own.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return {terms.agent: terms for terms in msgspec.convert(await database.fetch(_ALL_TERMS), list[Terms])}


async def read_terms(database: Database, agent: str) -> Terms | None:
    """Read an agent's own terms.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_ONE_TERMS, {"old_agent": agent}), list[Terms])
    return found[0] if found else None


def put_terms(terms: Terms) -> Write:
    """Write an agent's terms over the version before them; version 1 are its first."""
    values: dict[str, Scalar] = {
        "new_expires_at": terms.expires_at,
        "new_idle_seconds": terms.idle_seconds,
        "new_version": terms.version,
    }
    lost = GovernanceChanged(terms.agent)
    if terms.version == 1:
        return Write(_ADD_TERMS, values | {"new_agent": terms.agent}, lost)
    return Write(_SET_TERMS, values | {"old_agent": terms.agent, "old_version": terms.version - 1}, lost)


async def read_sighting(database: Database, reference: str) -> Sighting | None:
    """Read what is seen under a name.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_SIGHTING, {"old_reference": reference}), list[Sighting])
    return found[0] if found else None


async def sighting_of(database: Database, agent: str) -> Sighting | None:
    """Read where an agent was seen before anybody registered it.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_SIGHTING_OF, {"old_agent": agent}), list[Sighting])
    return found[0] if found else None


def add_sighting(sighting: Sighting) -> Write:
    """Note where an agent was seen; lost when somebody noted it meanwhile."""
    values: dict[str, Scalar] = {
        "new_reference": sighting.reference,
        "new_agent": sighting.agent,
        "new_source": sighting.source,
        "new_seen_at": sighting.seen_at,
    }
    return Write(_ADD_SIGHTING, values, GovernanceChanged(sighting.reference))


async def read_uses(database: Database, agent: str) -> dict[str, int]:
    """Read what an agent used, and when last.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_USES_OF, {"old_agent": agent}), list[Use])
    return {use.what: use.last_used_at for use in found}


async def read_last_uses(database: Database) -> dict[str, int]:
    """Read when each agent that ever did anything did so last.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return dict(
        msgspec.convert(await database.fetch(_LAST_USES, {"anything": ANYTHING}), list[tuple[str, int]])
    )


def put_uses(uses: Iterable[Use]) -> tuple[Write, ...]:
    """Write when things were used last."""
    writes: list[Write] = []
    for use in uses:
        lost = GovernanceChanged(use.agent)
        same: dict[str, Scalar] = {"old_agent": use.agent, "old_what": use.what}
        values: dict[str, Scalar] = {
            "new_agent": use.agent,
            "new_what": use.what,
            "new_last_used_at": use.last_used_at,
        }
        writes += [Write(_DROP_USE, same, lost, rows=None), Write(_ADD_USE, values, lost)]
    return tuple(writes)


async def read_position(database: Database, name: str) -> int | None:
    """Read how far a follower of the log is; None before its first step.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_NEXT, {"old_name": name})
    return msgspec.convert(rows[0][0], int) if rows else None


def set_position(name: str, seen: int | None, following: int) -> Write:
    """Write how far a follower of the log is, over what was seen."""
    lost = GovernanceChanged(name)
    if seen is None:
        return Write(_BEGIN, {"new_name": name, "new_next": following}, lost)
    return Write(_GO_ON, {"old_name": name, "old_next": seen, "new_next": following}, lost)
