# SPDX-License-Identifier: Apache-2.0
"""When somebody leaves: what becomes of the agents they answered for, as writes for the commit that says so.

Whatever the rule is, everything live of those agents ends; so does everything that the person gave others.
An agent that is enrolled for them at that very instant is found a little later, by whoever has the turn.
"""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.federation import person_id
from smartagent.governance.means import Means
from smartagent.governance.owners import Owners, shown_name
from smartagent.governance.people.model import OnLeave, Person, Source
from smartagent.governance.people.store import read_gone, read_source
from smartagent.identity import (
    Agent,
    AgentChanged,
    AgentStatus,
    agent_changed,
    read_agents_of,
    set_standing,
)
from smartagent.kernel import Change, Decision, Record, Work, Write
from smartagent.notices import NoticeKind
from smartagent.tokens import RevocationKind, revocation_of

EVENT: Final = "owner.left"
LOOK_SECONDS: Final = 30.0
_BECAME: Final = {
    OnLeave.SUSPEND: "suspended",
    OnLeave.REASSIGN: "somebody else's",
    OnLeave.RETIRE: "retired",
}
_LIVE: Final = frozenset(
    {AgentStatus.ACTIVE, AgentStatus.SUSPENDED, AgentStatus.PENDING, AgentStatus.DISCOVERED}
)


class Left(msgspec.Struct, frozen=True):
    """What somebody's leaving brings about."""

    agents: int
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]


class Leaving:
    """Knows what becomes of leavers' agents."""

    def __init__(self, means: Means, owners: Owners) -> None:
        self._means = means
        self._owners = owners
        self._look_at = 0.0

    async def of(self, person: Person, source: Source | None, now: float) -> Left:
        """Say what `person`'s leaving brings about at `now` (Unix seconds).

        Without a directory any more, or with an heir who has left, too, agents are suspended.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        ended = [revocation_of(RevocationKind.PERSON, person.id, now=now)]
        if source is not None and source.issuer and person.external_id:
            outside = person_id(source.issuer, person.external_id)
            ended.append(revocation_of(RevocationKind.PERSON, outside, now=now))
        agents = await self._end_agents(person, source, now)
        return Left(
            agents.agents,
            (*(write for writes, _ in ended for write in writes), *agents.writes),
            (*(change for _, changes in ended for change in changes), *agents.changes),
        )

    async def tend(self, now: float) -> None:
        """Find agents that were enrolled for somebody while they left, and do with them as with the others.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        owned = {
            agent.owner for agent in self._means.directory.agents() if agent.status is AgentStatus.ACTIVE
        }
        for person in await read_gone(self._means.database):
            if person.id not in owned:
                continue
            source = await read_source(self._means.database, person.source)
            left = await self._end_agents(person, source, now)
            record = Record(
                event=EVENT,
                at_ms=int(now * 1000),
                request="",
                subject=person.id,
                decision=Decision.PERMIT,
                rule="governance",
                detail={"agents": left.agents},
            )
            try:
                await self._means.ledger.commit(Work((record,), writes=left.writes, changes=left.changes))
            except AgentChanged:
                continue

    async def _end_agents(self, person: Person, source: Source | None, now: float) -> Left:
        rule, heir = await self._rule(source)
        writes: list[Write] = []
        changes: list[Change] = []
        number = 0
        for agent in await read_agents_of(self._means.database, person.id):
            changed = _after(agent, rule, heir, int(now))
            if changed == agent:
                continue
            number += 1
            more, told = revocation_of(RevocationKind.AGENT, agent.id, now=now)
            writes += [set_standing(agent, changed), *more]
            changes += [agent_changed(agent.id), *told]
        if number:
            writes.append(self._told(person, number, rule))
        return Left(number, tuple(writes), tuple(changes))

    def _told(self, person: Person, number: int, rule: OnLeave) -> Write:
        name = shown_name(person.document) or person.id
        became = _BECAME[rule]
        agents = "1 agent" if number == 1 else f"{number} agents"
        lines = (
            f"{agents} of {name} ({person.id}): {became}.  Everything live of them has ended.",
            f"smartagentctl agent list --owner {person.id}",
            "smartagentctl agent list --orphans",
        )
        title = f"{name} left, and {agents} lost their owner"
        return self._means.tell(NoticeKind.AGENTS, person.id, title, lines, "/v1/inventory")

    async def _rule(self, source: Source | None) -> tuple[OnLeave, str]:
        if source is None:
            return OnLeave.SUSPEND, ""
        if source.on_leave is OnLeave.REASSIGN and not await self._owners.is_owner(source.heir):
            return OnLeave.SUSPEND, ""
        return source.on_leave, source.heir


def _after(agent: Agent, rule: OnLeave, heir: str, now: int) -> Agent:
    """Return what becomes of an agent; the same one when nothing does."""
    if agent.status not in _LIVE:
        return agent
    if rule is OnLeave.REASSIGN:
        return structs.replace(agent, owner=heir, last_changed_at=now)
    if rule is OnLeave.RETIRE:
        return structs.replace(agent, status=AgentStatus.RETIRED, last_changed_at=now)
    if agent.status is AgentStatus.ACTIVE:
        return structs.replace(agent, status=AgentStatus.SUSPENDED, last_changed_at=now)
    return agent
