# SPDX-License-Identifier: Apache-2.0
"""What a decision brings about, as writes for the commit that records it.

Whatever takes something away also ends all that the agent was given so far: it starts again with less.
"""

import msgspec
from msgspec import structs

from smartagent.delegation import delegation_changed, revoke_delegation
from smartagent.governance.errors import MalformedDecision
from smartagent.governance.means import Means
from smartagent.governance.reviews.afterwards import check_reviewer
from smartagent.governance.reviews.model import BREAK_GLASS, CREDENTIAL, DELEGATION, ROLE, Decision, Item
from smartagent.governance.reviews.store import withdraw, withdrawals_changed
from smartagent.identity import Agent, AgentStatus, agent_changed, read_agent, set_standing
from smartagent.kernel import Change, Write
from smartagent.tokens import RevocationKind, revocation_of


class Effect(msgspec.Struct, frozen=True):
    """What happens besides the decision's being written down; `note` says so where nothing was left to do."""

    writes: tuple[Write, ...] = ()
    changes: tuple[Change, ...] = ()
    note: str = ""


GONE = Effect(note="it is gone already")


async def effect_of(means: Means, item: Item, now: float) -> Effect:
    """Return what the decision in `item` brings about at `now` (Unix seconds).

    Raises:
        MalformedDecision: What the item is about cannot become that.
        StoreUnavailable: The store cannot be read.
    """
    decision = Decision(item.decision)
    if item.what.startswith(BREAK_GLASS):
        await check_reviewer(means, item, now)
    if decision is Decision.KEEP:
        return Effect()
    if item.what.startswith(DELEGATION):
        return _without_delegation(means, item, now)
    agent = await read_agent(means.database, item.agent)
    if agent is None or agent.status is AgentStatus.RETIRED:
        return GONE
    if decision is Decision.SHRINK:
        return _shrunk(means, agent, item, now)
    return _removed(agent, item, now)


def _without_delegation(means: Means, item: Item, now: float) -> Effect:
    if item.decision == Decision.SHRINK:
        raise MalformedDecision("decision", "a delegation is kept or removed")
    name = item.what.removeprefix(DELEGATION)
    if not any(each.id == name and each.is_live(now) for each in means.delegations()):
        return GONE
    writes, changes = revocation_of(RevocationKind.DELEGATION, name, now=now)
    ended = revoke_delegation(name, f"review {item.review}", now=int(now))
    return Effect((ended, *writes), (delegation_changed(name), *changes))


def _removed(agent: Agent, item: Item, now: float) -> Effect:
    if item.what.startswith(CREDENTIAL):
        writes, changes = revocation_of(RevocationKind.AGENT, agent.id, now=now)
        taken = withdraw(agent.id, item.what.removeprefix(CREDENTIAL))
        return Effect((*taken, *writes), (withdrawals_changed(agent.id), *changes))
    if agent.status is not AgentStatus.ACTIVE:
        return GONE
    # Without its role an agent has nothing; whoever resumes it gives the role back.
    return _changed(agent, structs.replace(agent, status=AgentStatus.SUSPENDED), now)


def _shrunk(means: Means, agent: Agent, item: Item, now: float) -> Effect:
    if not item.what.startswith(ROLE):
        raise MalformedDecision("decision", "a role is shrunk; a credential is kept or removed")
    smaller, present = means.grants(item.to_role), means.grants(agent.role)
    if smaller is None or item.to_role == agent.role:
        raise MalformedDecision("to_role", "a role that there is, and not the agent's own")
    if present is not None and not set(smaller.scopes) <= set(present.scopes):
        raise MalformedDecision("to_role", "it has scopes that the present role does not have")
    if agent.role != item.what.removeprefix(ROLE):
        raise MalformedDecision("decision", "the agent has another role by now")
    return _changed(agent, structs.replace(agent, role=item.to_role), now)


def _changed(agent: Agent, changed: Agent, now: float) -> Effect:
    writes, changes = revocation_of(RevocationKind.AGENT, agent.id, now=now)
    changed = structs.replace(changed, last_changed_at=int(now))
    return Effect((set_standing(agent, changed), *writes), (agent_changed(agent.id), *changes))
