# SPDX-License-Identifier: Apache-2.0
"""What an elevation begins and ends with, as writes: the same for one by an operator and for a break-glass."""

from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.store import (
    add_elevation,
    elevation_changed,
    end_elevation,
    read_open,
)
from smartagent.governance.errors import MalformedElevation
from smartagent.governance.means import Means
from smartagent.identity import Agent, AgentNotFound, AgentStatus, read_agent
from smartagent.kernel import Change, IdPrefix, Write, parse_id
from smartagent.tokens import RevocationKind, revocation_of


async def eligible(means: Means, agent_id: str, role: str) -> Agent:
    """Return the agent that may be elevated to `role`.

    Raises:
        AgentNotFound: There is no such agent.
        MalformedElevation: It is not active, or the role is none or its own.
    """
    agent = await active_agent(means, agent_id)
    if role == agent.role or means.grants(role) is None:
        raise MalformedElevation("role", "one that there is, and not the agent's own")
    return agent


async def active_agent(means: Means, agent_id: str) -> Agent:
    """Return the agent that may be elevated at all.

    Raises:
        AgentNotFound: There is no such agent.
        MalformedElevation: It is not active.
    """
    agent = await read_agent(means.database, parse_id(agent_id, IdPrefix.AGENT))
    if agent is None:
        raise AgentNotFound(agent_id)
    if agent.status is not AgentStatus.ACTIVE:
        raise MalformedElevation("agent", f"it is {agent.status.value}")
    return agent


async def beginning(means: Means, elevation: Elevation) -> tuple[Write, ...]:
    """Return what begins an elevation; one that is over, and whose end is not recorded yet, is cleared away.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    now = means.clock.now()
    cleared = (
        end_elevation(each.id, now=int(now))
        for each in await read_open(means.database, elevation.agent)
        if not each.is_in_force(now, revoked_at_ms=means.revocations.revoked_at_ms(elevation.agent))
    )
    return (*cleared, add_elevation(elevation))


def ending(elevation: Elevation, now: float) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
    """Return what ends an elevation early, and all that was given under it."""
    writes, changes = revocation_of(RevocationKind.ELEVATION, elevation.id, now=now)
    ended = end_elevation(elevation.id, now=int(now))
    return (ended, *writes), (elevation_changed(elevation.agent), *changes)
