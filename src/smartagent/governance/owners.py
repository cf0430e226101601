# SPDX-License-Identifier: Apache-2.0
"""Who answers for agents: operators, and people of a directory who have not left."""

import msgspec

from smartagent.governance.people.store import read_here, read_person
from smartagent.identity import Agent, AgentStatus, Directory
from smartagent.storage import Database


class Owners:
    """Knows who can answer for an agent."""

    def __init__(self, directory: Directory, database: Database) -> None:
        self._directory = directory
        self._database = database

    async def is_owner(self, owner: str) -> bool:
        """Say whether `owner` can answer for agents at this instant.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        return self._directory.operator(owner) is not None or await is_person_here(self._database, owner)

    async def name_of(self, owner: str) -> str:
        """Return what people call `owner`; empty for somebody who is not known.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        operator = self._directory.operator(owner)
        if operator is not None:
            return operator.name
        person = await read_person(self._database, owner)
        return shown_name(person.document) if person is not None else ""

    async def orphans(self) -> frozenset[str]:
        """Return the ids of all agents that could still do something, or come to, and for whom nobody answers.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        here = await read_here(self._database)
        agents = self._directory.agents()
        # Owners are few, and most of them are here: who is gone is asked once for each.
        owners = {agent.owner for agent in agents} - here
        gone = {owner for owner in owners if self._directory.operator(owner) is None}
        if not gone:
            return frozenset()
        return frozenset(
            agent.id for agent in agents if agent.owner in gone and agent.status is not AgentStatus.RETIRED
        )

    async def is_orphan(self, agent: Agent) -> bool:
        """Say whether `agent` is one of those.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        return agent.status is not AgentStatus.RETIRED and not await self.is_owner(agent.owner)


async def is_person_here(database: Database, person: str) -> bool:
    """Say whether `person` is one of a directory, and has not left.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await read_person(database, person)
    return found is not None and found.is_here


class _Names(msgspec.Struct):
    userName: str = ""  # noqa: N815 -- SCIM's name
    displayName: str = ""  # noqa: N815 -- SCIM's name


def shown_name(document: str) -> str:
    """Return what people are shown of somebody."""
    names = msgspec.json.decode(document, type=_Names)
    return names.displayName or names.userName
