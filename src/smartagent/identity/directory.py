# SPDX-License-Identifier: Apache-2.0
"""The directory: everybody the house knows, in this node's memory.

A hundred thousand agents are not quite forty megabytes: rows become structs without a stop,
what repeats is one object, and a key is checked again and made ready for the curve only when
its agent calls.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from smartagent.crypto import PublicKey
from smartagent.identity.model import Agent, Operator
from smartagent.identity.store import read_agent, read_agents, read_operator, read_operators
from smartagent.storage import Database

_PAGE: Final = 1000
_KEYS_READY: Final = 8_192


class Directory:
    """Finds agents and operators without asking the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agents: dict[str, Agent] = {}
        self._operators: dict[str, Operator] = {}
        self._operators_by_thumbprint: dict[str, Operator] = {}
        self._ready: dict[bytes, PublicKey] = {}
        self._in_order: tuple[Agent, ...] | None = None
        self._listeners: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self._agents)

    def agent(self, agent_id: str) -> Agent | None:
        """Return the agent, whatever its status."""
        return self._agents.get(agent_id)

    def agents(self) -> Iterable[Agent]:
        """Return all agents, in no particular order: a snapshot, which later changes leave alone."""
        return tuple(self._agents.values())

    def agents_after(self, agent_id: str) -> Iterator[Agent]:
        """Yield the agents whose ids come after `agent_id`, in the order of their ids: a snapshot.

        The order is found once after each change, so that a page of a long list costs what it shows.
        """
        if self._in_order is None:
            self._in_order = tuple(sorted(self._agents.values(), key=_id_of))
        return islice(self._in_order, bisect_right(self._in_order, agent_id, key=_id_of), None)

    def operator(self, operator_id: str) -> Operator | None:
        """Return the operator."""
        return self._operators.get(operator_id)

    def operator_by_thumbprint(self, thumbprint: str) -> Operator | None:
        """Return the operator whose key has this RFC 7638 thumbprint."""
        return self._operators_by_thumbprint.get(thumbprint)

    @property
    def has_operators(self) -> bool:
        """Whether anybody has claimed the house."""
        return bool(self._operators)

    def operators(self) -> list[Operator]:
        """Return all operators, in the order of their ids."""
        return [self._operators[key] for key in sorted(self._operators)]

    def key_of(self, principal: Agent | Operator) -> PublicKey:
        """Return the principal's key, ready to verify with."""
        ready = self._ready.get(principal.public_key)
        if ready is None:
            ready = PublicKey.parse(principal.public_key)
            if len(self._ready) >= _KEYS_READY:
                del self._ready[next(iter(self._ready))]
            self._ready[principal.public_key] = ready
        return ready

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after agents or operators changed in memory."""
        self._listeners.append(listener)

    async def reload_agents(self, agent_ids: Sequence[str]) -> None:
        """Read these agents again; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if agent_ids:
            for agent_id in dict.fromkeys(agent_ids):
                await self._reload_agent(agent_id)
        else:
            self._agents = await _all_agents(self._database)
        self._tell()

    async def reload_operators(self, operator_ids: Sequence[str]) -> None:
        """Read these operators again; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if operator_ids:
            known = dict(self._operators)
            for operator_id in dict.fromkeys(operator_ids):
                operator = await read_operator(self._database, operator_id)
                known.pop(operator_id, None)
                if operator is not None:
                    known[operator_id] = operator
        else:
            known = {operator.id: operator for operator in await read_operators(self._database)}
        self._operators = known
        self._operators_by_thumbprint = {self.key_of(each).thumbprint: each for each in known.values()}
        self._tell()

    async def _reload_agent(self, agent_id: str) -> None:
        agent = await read_agent(self._database, agent_id)
        if agent is None:
            self._agents.pop(agent_id, None)
        else:
            self._agents[agent_id] = agent

    def _tell(self) -> None:
        self._in_order = None
        for listener in self._listeners:
            listener()


def _id_of(agent: Agent) -> str:
    return agent.id


async def _all_agents(database: Database) -> dict[str, Agent]:
    found: dict[str, Agent] = {}
    shared: dict[str, str] = {}
    after = ""
    while page := await read_agents(database, after=after, most=_PAGE):
        for agent in page:
            found[agent.id] = msgspec.structs.replace(
                agent,
                owner=shared.setdefault(agent.owner, agent.owner),
                role=shared.setdefault(agent.role, agent.role),
                # Most agents never change: one object for both instants.
                last_changed_at=agent.created_at
                if agent.last_changed_at == agent.created_at
                else agent.last_changed_at,
            )
        after = page[-1].id
        await asyncio.sleep(0)
    return found
