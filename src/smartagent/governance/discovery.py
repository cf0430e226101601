# SPDX-License-Identifier: Apache-2.0
"""Agents that nobody registered: in a list from elsewhere, or seen calling.  They can do nothing until they enrol."""

from typing import Final

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_json
from smartagent.governance.errors import GovernanceChanged
from smartagent.governance.means import Means
from smartagent.governance.model import Sighting
from smartagent.governance.owners import Owners
from smartagent.governance.store import add_sighting, read_sighting
from smartagent.governance.views import ImportRequest, ImportView, Known
from smartagent.identity import (
    Agent,
    AgentStatus,
    OwnerUnknown,
    add_agent,
    agent_changed,
    parse_name,
    parse_reason,
)
from smartagent.kernel import Caller, Change, Decision, IdPrefix, Record, Work, Write

MAX_IMPORTED: Final = 500
MAX_WAITING: Final = 1000
_NAME_CHARS: Final = 80
_CLIENT: Final = f"{IdPrefix.CLIENT.value}_"


class Discovery:
    """Puts strangers into the inventory."""

    def __init__(self, means: Means, owners: Owners) -> None:
        self._means = means
        self._owners = owners

    async def take_in(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Take in a list of agents that are known elsewhere; those that were taken in before stay as they are.

        Raises:
            MalformedRequest: The list is empty or too long, or names one twice.
            MalformedName: A name or a reference is none.
            OwnerUnknown: An owner is nobody who could answer for it.
        """
        asked = parse_json(inbound.body, ImportRequest)
        source = parse_name(asked.source)
        references = {parse_reason(each.reference) for each in asked.agents}
        if (
            not 0 < len(asked.agents) <= MAX_IMPORTED
            or len(references) < len(asked.agents)
            or "" in references
        ):
            raise MalformedRequest(f"1 to {MAX_IMPORTED} agents, each with a reference of its own")
        found = [
            await self._discovered(each, source)
            for each in asked.agents
            if await read_sighting(self._means.database, each.reference) is None
        ]
        changes: tuple[Change, ...] = tuple(agent_changed(agent.id) for agent, _ in found)
        ids = [agent.id for agent, _ in found]
        return Outcome(
            Reply(200, ImportView(ids, len(asked.agents) - len(ids))),
            target=f"source/{source}",
            detail={"discovered": len(ids)},
            writes=tuple(write for _, writes in found for write in writes),
            changes=changes,
        )

    async def notice(self, reference: str, source: str) -> None:
        """Take in somebody who was seen calling, unless they are known, or too many wait to be looked at.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if await read_sighting(self._means.database, reference) is not None:
            return
        waiting = sum(agent.status is AgentStatus.DISCOVERED for agent in self._means.directory.agents())
        if waiting >= MAX_WAITING:
            # Whoever calls under ever new names must not fill every node's memory.
            return
        name = reference
        if reference.startswith(_CLIENT):
            name = await self._means.strange_client(reference)
            if not name:
                return
        agent, writes = await self._discovered(Known(reference, _shown(name)), source)
        record = Record(
            event="agent.discovered",
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            subject=agent.id,
            decision=Decision.PERMIT,
            rule="governance",
            detail={"source": source, "reference": reference[:_NAME_CHARS]},
        )
        try:
            await self._means.ledger.commit(
                Work((record,), writes=writes, changes=(agent_changed(agent.id),))
            )
        except GovernanceChanged:
            return

    async def _discovered(self, known: Known, source: str) -> tuple[Agent, tuple[Write, ...]]:
        if known.owner and not await self._owners.is_owner(known.owner):
            raise OwnerUnknown(f"of {known.reference[:_NAME_CHARS]}")
        now = int(self._means.clock.now())
        agent = Agent(
            id=self._means.ids.new(IdPrefix.AGENT),
            name=parse_name(known.name or _shown(known.reference)),
            owner=known.owner,
            role="",
            status=AgentStatus.DISCOVERED,
            public_key=b"",
            created_at=now,
            last_changed_at=now,
        )
        return agent, (add_sighting(Sighting(known.reference, agent.id, source, now)), add_agent(agent))


def _shown(name: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in name)
    return printable[:_NAME_CHARS].strip() or "unnamed"
