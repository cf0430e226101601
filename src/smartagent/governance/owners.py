# SPDX-License-Identifier: Apache-2.0
"""Who answers for agents: operators."""

from smartagent.identity import Agent, AgentStatus, Directory


class Owners:
    """Knows who can answer for an agent."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def is_owner(self, owner: str) -> bool:
        """Say whether `owner` can answer for agents at this instant."""
        return self._directory.operator(owner) is not None

    async def name_of(self, owner: str) -> str:
        """Return what people call `owner`; empty for somebody who is not known."""
        operator = self._directory.operator(owner)
        return operator.name if operator is not None else ""

    async def is_orphan(self, agent: Agent) -> bool:
        """Say whether nobody answers for an agent that could still do something, or come to."""
        return agent.status is not AgentStatus.RETIRED and not await self.is_owner(agent.owner)
