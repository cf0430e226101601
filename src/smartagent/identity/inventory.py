# SPDX-License-Identifier: Apache-2.0
"""The inventory: who is known, and what becomes of an agent."""

import re
from typing import Final

from msgspec import structs

from smartagent.crypto import PublicKey, b64u
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.identity.directory import Directory
from smartagent.identity.errors import AgentNotFound, MalformedName, OwnerUnknown
from smartagent.identity.means import Means, nothing_ends
from smartagent.identity.model import Agent, AgentStatus, Operator
from smartagent.identity.rules import check_by_hand, parse_reason
from smartagent.identity.shapes import (
    AgentPage,
    AgentView,
    OperatorList,
    OperatorView,
    StandingRequest,
    StatusRequest,
)
from smartagent.identity.store import Filter, agent_changed, read_agent, read_agents_like, set_standing
from smartagent.identity.usable import is_owner
from smartagent.kernel import Caller, IdPrefix, parse_id, rfc3339

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_FIELDS: Final = frozenset({"cursor", "limit", "status", "role", "owner"})
_STATUSES: Final = frozenset(status.value for status in AgentStatus)
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}")


class Inventory:
    """Shows agents and operators, and changes what an agent may do at all."""

    def __init__(self, means: Means, directory: Directory) -> None:
        self._means = means
        self._directory = directory

    async def list_agents(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of agents, oldest first.

        Raises:
            MalformedRequest: The query has an unknown or malformed field.
            MalformedId: The cursor is none of ours.
        """
        wanted, after, limit = _parse_query(inbound.query)
        found = await read_agents_like(self._means.database, wanted, after=after, most=limit + 1)
        page = [agent_view(agent) for agent in found[:limit]]
        cursor = page[-1].id if len(found) > limit else ""
        return Outcome(Reply(200, AgentPage(page, cursor)))

    async def get_agent(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show one agent.

        Raises:
            AgentNotFound: There is none with this id.
            MalformedId: It is no agent's id.
        """
        agent = await self._read(inbound)
        return Outcome(Reply(200, agent_view(agent)), subject=agent.id)

    async def change_status(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Suspend, resume or retire an agent.  What it holds stops working on every node at once, for good.

        Raises:
            AgentNotFound: There is none with this id.
            TransitionRefused: Its status cannot become that.
            OwnerUnknown: Nobody answers for it any more, so it cannot be resumed.
            AgentChanged: Somebody else changed it meanwhile.
        """
        request = parse_json(inbound.body, StatusRequest)
        reason = parse_reason(request.reason)
        agent = await self._read(inbound)
        check_by_hand(agent, request.status)
        resumed = request.status is AgentStatus.ACTIVE
        if resumed and not await is_owner(self._means, self._directory, agent.owner):
            raise OwnerUnknown("its owner is gone; assign it to somebody first")
        instant = self._means.clock.now()
        changed = structs.replace(agent, status=request.status, last_changed_at=int(instant))
        writes, changes = nothing_ends(agent.id, instant) if resumed else self._means.end(agent.id, instant)
        return Outcome(
            Reply(200, agent_view(changed)),
            subject=agent.id,
            detail={"from": agent.status.value, "to": request.status.value, "reason": reason},
            writes=(set_standing(agent, changed), *writes),
            changes=(agent_changed(agent.id), *changes),
        )

    async def change_standing(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Say how far an agent is trusted.  Policies that ask for it see it from the next decision on.

        Raises:
            AgentNotFound: There is none with this id.
            MalformedName: The reason is not one line, or empty.
            AgentChanged: Somebody else changed it meanwhile.
        """
        request = parse_json(inbound.body, StandingRequest)
        reason = parse_reason(request.reason)
        if not reason.strip():
            raise MalformedName("say why: it stands in the log")
        agent = await self._read(inbound)
        now = int(self._means.clock.now())
        changed = structs.replace(agent, standing=request.standing, last_changed_at=now)
        return Outcome(
            Reply(200, agent_view(changed)),
            subject=agent.id,
            detail={"from": agent.standing.value, "to": request.standing.value, "reason": reason},
            writes=(set_standing(agent, changed),),
            changes=(agent_changed(agent.id),),
        )

    async def list_operators(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Show all operators."""
        return Outcome(
            Reply(200, OperatorList([operator_view(each) for each in self._directory.operators()]))
        )

    async def _read(self, inbound: Inbound) -> Agent:
        # From the store, not from memory: a decision about an agent is made on what is true now.
        agent_id = parse_id(inbound.params["id"], IdPrefix.AGENT)
        agent = await read_agent(self._means.database, agent_id)
        if agent is None:
            raise AgentNotFound(agent_id)
        return agent


def agent_view(agent: Agent) -> AgentView:
    """Show an agent."""
    return AgentView(
        id=agent.id,
        name=agent.name,
        owner=agent.owner,
        role=agent.role,
        status=agent.status,
        public_key=b64u(agent.public_key),
        key_thumbprint=PublicKey.parse(agent.public_key).thumbprint if agent.public_key else "",
        created_at=rfc3339(agent.created_at),
        last_changed_at=rfc3339(agent.last_changed_at),
        standing=agent.standing,
    )


def operator_view(operator: Operator) -> OperatorView:
    """Show an operator."""
    thumbprint = PublicKey.parse(operator.public_key).thumbprint
    return OperatorView(operator.id, operator.name, thumbprint, rfc3339(operator.created_at))


def _parse_query(query: str) -> tuple[Filter, str, int]:
    fields = parse_form(query.encode("utf-8", "replace"))
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise MalformedRequest(f"unknown query field; known: {', '.join(sorted(_FIELDS))}")
    cursor = fields.get("cursor", "")
    limit = fields.get("limit", str(DEFAULT_LIMIT))
    if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT:
        raise MalformedRequest(f"limit is 1 to {MAX_LIMIT}")
    status = fields.get("status", "")
    if status and status not in _STATUSES:
        raise MalformedRequest(f"status is one of {', '.join(AgentStatus)}")
    for name in ("role", "owner"):
        if name in fields and not _WORD.fullmatch(fields[name]):
            raise MalformedRequest(f"{name} is malformed")
    wanted = Filter(status, fields.get("role", ""), fields.get("owner", ""))
    return wanted, parse_id(cursor, IdPrefix.AGENT) if cursor else "", int(limit)
