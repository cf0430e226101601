# SPDX-License-Identifier: Apache-2.0
"""The inventory: every agent with who answers for it, until when it may act, and all that it could use."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from msgspec import structs

from smartagent.crypto import PublicKey
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.governance.breakglass.views import BreakGlassView, break_glass_view
from smartagent.governance.breakglass.watch import Watch
from smartagent.governance.elevation.register import Register
from smartagent.governance.errors import MalformedTerms
from smartagent.governance.means import Means
from smartagent.governance.model import ANYTHING, DAY_SECONDS, Terms
from smartagent.governance.owners import Owners
from smartagent.governance.rules import expires_at, idle_seconds, parse_instant
from smartagent.governance.store import (
    put_terms,
    read_last_uses,
    read_terms,
    read_uses,
    sighting_of,
)
from smartagent.governance.views import (
    AgentLine,
    CredentialsView,
    DelegationLine,
    InventoryPage,
    KeyLine,
    LeaseLine,
    SessionLine,
    TermsRequest,
)
from smartagent.identity import (
    Agent,
    AgentNotFound,
    AgentStatus,
    OwnerUnknown,
    agent_changed,
    check_transition,
    parse_reason,
    read_agent,
    set_standing,
)
from smartagent.kernel import Caller, Change, Decision, IdPrefix, Record, Write, made_at_ms, parse_id, rfc3339
from smartagent.leases import LeaseState

MAX_IDLE_DAYS: Final = 3650
TOKENS_LIVE_SECONDS: Final = 3600
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
_FIELDS: Final = frozenset({"cursor", "limit", "status", "role", "owner", "orphan", "unused_days", "q"})
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_NEVER: Final = "never"
_TERMS: Final = frozenset({"expires_at", "idle_days"})
_ISSUED: Final = "token.issued"


class Inventory:
    """Shows agents as those see them who answer for them."""

    def __init__(self, means: Means, owners: Owners, elevated: Register, watch: Watch) -> None:
        self._means = means
        self._owners = owners
        self._elevated = elevated
        self._watch = watch

    async def show_all(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of agents, oldest first.

        Raises:
            MalformedRequest: The query has an unknown or malformed field.
            MalformedId: The cursor is none of ours.
        """
        fields, after, limit = _parse_query(inbound.query)
        known = _fitting(self._means.directory.agents_after(after), fields)
        unused = int(fields.get("unused_days", "0"))
        uses = await read_last_uses(self._means.database) if unused else {}
        before = self._means.clock.now() - unused * DAY_SECONDS
        if unused:
            known = (agent for agent in known if max(uses.get(agent.id, 0), agent.created_at) <= before)
        if "orphan" in fields:
            orphans, wanted = await self._owners.orphans(), fields["orphan"] == "true"
            known = (agent for agent in known if (agent.id in orphans) is wanted)
        found = list(islice(known, limit + 1))
        page = [await self.line_of(agent) for agent in found[:limit]]
        cursor = page[-1].id if len(found) > limit else ""
        return Outcome(Reply(200, InventoryPage(page, cursor, self._emergencies())))

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show one agent, and all that it could use at this instant.

        Raises:
            AgentNotFound: There is none with this id.
            MalformedId: It is no agent's id.
        """
        agent = await self._read(inbound.params["id"])
        uses = await read_uses(self._means.database, agent.id)
        sessions = await self._sessions(agent)
        view = CredentialsView(
            agent=await self.line_of(agent),
            keys=_keys(agent),
            sessions=sessions,
            tokens=sum(each.tokens for each in sessions),
            leases=[
                LeaseLine(lease.id, lease.credential, lease.state.value, rfc3339(lease.expires_at))
                for lease in await self._means.leases_of(agent.id)
                if lease.state is not LeaseState.DEAD
            ],
            delegations=self._delegations(agent, uses),
        )
        return Outcome(Reply(200, view), subject=agent.id)

    async def set_terms(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Say who answers for an agent, until when it may act, and for how long it may do nothing.

        Raises:
            AgentNotFound: There is none with this id.
            OwnerUnknown: The owner is nobody who could answer for it.
            MalformedTerms: An instant or a number of days is none.
            TransitionRefused: The agent is retired.
            AgentChanged: Somebody else changed it meanwhile.
            GovernanceChanged: Somebody else changed its terms meanwhile.
        """
        asked = parse_json(inbound.body, TermsRequest)
        reason = parse_reason(asked.reason)
        agent = await self._read(inbound.params["id"])
        if agent.status is AgentStatus.RETIRED:
            check_transition(agent, AgentStatus.ACTIVE)
        writes: list[Write] = []
        changes: list[Change] = []
        if asked.owner:
            if not await self._owners.is_owner(asked.owner):
                raise OwnerUnknown("name an operator, or a person who has not left")
            assigned = structs.replace(agent, owner=asked.owner)
            writes.append(set_standing(agent, assigned))
            changes.append(agent_changed(agent.id))
        else:
            assigned = agent
        terms = _changed(await read_terms(self._means.database, agent.id) or Terms(agent.id), asked)
        writes.append(put_terms(terms))
        line = await self._line(assigned, terms)
        return Outcome(
            Reply(200, line),
            subject=agent.id,
            detail={"owner": assigned.owner, "from": agent.owner, "reason": reason},
            writes=tuple(writes),
            changes=tuple(changes),
        )

    def _emergencies(self) -> list[BreakGlassView]:
        now = self._means.clock.now()
        return [break_glass_view(each, now) for each in self._watch.all()]

    async def line_of(self, agent: Agent) -> AgentLine:
        """Show an agent as the inventory does."""
        return await self._line(agent, await read_terms(self._means.database, agent.id))

    async def _line(self, agent: Agent, terms: Terms | None) -> AgentLine:
        database = self._means.database
        end = expires_at(agent, terms, self._means.defaults)
        elevation = self._elevated.find(agent.id)
        used_at = (await read_uses(database, agent.id)).get(ANYTHING, 0)
        seen = await sighting_of(database, agent.id)
        return AgentLine(
            id=agent.id,
            name=agent.name,
            status=agent.status,
            owner=agent.owner,
            owner_name=await self._owners.name_of(agent.owner),
            orphan=await self._owners.is_orphan(agent),
            role=agent.role,
            created_at=rfc3339(agent.created_at),
            last_changed_at=rfc3339(agent.last_changed_at),
            last_used_at=rfc3339(used_at) if used_at else "",
            expires_at=rfc3339(end) if end else "",
            idle_days=idle_seconds(terms, self._means.defaults) // DAY_SECONDS,
            source=seen.source if seen is not None else "",
            reference=seen.reference if seen is not None else "",
            elevated_to=elevation.role if elevation is not None else "",
        )

    async def _read(self, raw: str) -> Agent:
        # From the store, not from memory: a decision about an agent is made on what is true now.
        agent = await read_agent(self._means.database, parse_id(raw, IdPrefix.AGENT))
        if agent is None:
            raise AgentNotFound(raw)
        return agent

    async def _sessions(self, agent: Agent) -> list[SessionLine]:
        """Say which of the agent's tokens are alive: they live an hour at most, and the log has each one."""
        now = self._means.clock.now()
        dead = self._means.revocations
        alive: dict[str, list[int]] = {}
        if agent.status is not AgentStatus.ACTIVE:
            return []
        for record in await self._means.records_of(agent.id, int((now - TOKENS_LIVE_SECONDS) * 1000)):
            end = _issued_until(record, agent)
            if end <= now or made_at_ms(record.jti) <= dead.revoked_at_ms(agent.id):
                continue
            if not dead.is_dead(record.jti) and not dead.is_dead(record.session):
                alive.setdefault(record.session, []).append(end)
        return [SessionLine(name, len(ends), rfc3339(max(ends))) for name, ends in sorted(alive.items())]

    def _delegations(self, agent: Agent, uses: Mapping[str, int]) -> list[DelegationLine]:
        now = self._means.clock.now()
        lines = []
        for each in self._means.delegations():
            if agent.id in {each.from_id, each.to_agent} and each.is_live(now):
                used_at = uses.get(f"delegation/{each.id}", 0)
                lines.append(
                    DelegationLine(
                        each.id,
                        each.from_id,
                        each.to_agent,
                        each.scope,
                        rfc3339(each.until),
                        rfc3339(used_at) if used_at else "",
                    )
                )
        return lines


def _issued_until(record: Record, agent: Agent) -> int:
    """Return until when the token lives whose issuance a record is; 0 for any other record."""
    if record.event != _ISSUED or record.decision is not Decision.PERMIT or not record.jti:
        return 0
    end = record.detail.get("exp", 0)
    return end if isinstance(end, int) and record.caller == agent.id else 0


def _keys(agent: Agent) -> list[KeyLine]:
    if not agent.public_key:
        return []
    since = agent.key_since or agent.created_at
    return [KeyLine(PublicKey.parse(agent.public_key).thumbprint, rfc3339(since))]


def _changed(terms: Terms, asked: TermsRequest) -> Terms:
    if not _TERMS.issuperset(asked.default):
        raise MalformedTerms("default", f"of {', '.join(sorted(_TERMS))}")
    end, idle = terms.expires_at, terms.idle_seconds
    if "expires_at" in asked.default:
        end = None
    if "idle_days" in asked.default:
        idle = None
    if asked.expires_at:
        end = 0 if asked.expires_at == _NEVER else _instant(asked.expires_at)
    if asked.idle_days is not None:
        if not 0 <= asked.idle_days <= MAX_IDLE_DAYS:
            raise MalformedTerms("idle_days", f"0 to {MAX_IDLE_DAYS}")
        idle = asked.idle_days * DAY_SECONDS
    return structs.replace(terms, expires_at=end, idle_seconds=idle, version=terms.version + 1)


def _instant(raw: str) -> int:
    try:
        return parse_instant(raw)
    except (ValueError, OverflowError):
        raise MalformedTerms("expires_at", "an RFC 3339 instant with an offset, or `never`") from None


def _fitting(agents: Iterator[Agent], fields: Mapping[str, str]) -> Iterator[Agent]:
    """Yield those that fit; each filter is a step of its own, so what nobody asked for costs nothing."""
    status, role, owner, words = (fields.get(name) for name in ("status", "role", "owner", "q"))
    if status is not None:
        wanted = AgentStatus(status)
        agents = (agent for agent in agents if agent.status is wanted)
    if role is not None:
        agents = (agent for agent in agents if agent.role == role)
    if owner is not None:
        agents = (agent for agent in agents if agent.owner == owner)
    return agents if words is None else _called(agents, words)


def _called(agents: Iterator[Agent], words: str) -> Iterator[Agent]:
    # Names are searched in, ids begin: nobody looks for the middle of an id.
    folded = words.casefold()
    return (agent for agent in agents if agent.id.startswith(words) or folded in agent.name.casefold())


def _parse_query(query: str) -> tuple[dict[str, str], str, int]:
    fields = parse_form(query.encode("utf-8", "replace"))
    if fields.keys() - _FIELDS:
        raise MalformedRequest(f"unknown query field; known: {', '.join(sorted(_FIELDS))}")
    limit = fields.get("limit", str(DEFAULT_LIMIT))
    if not _NUMBER.fullmatch(limit) or int(limit) > MAX_LIMIT:
        raise MalformedRequest(f"limit is 1 to {MAX_LIMIT}")
    if not _NUMBER.fullmatch(fields.get("unused_days", "1")):
        raise MalformedRequest("unused_days is a number of days")
    _check_one_of("orphan", fields, ("true", "false"))
    _check_one_of("status", fields, tuple(AgentStatus))
    cursor = fields.get("cursor", "")
    return fields, parse_id(cursor, IdPrefix.AGENT) if cursor else "", int(limit)


def _check_one_of(name: str, fields: Mapping[str, str], values: Sequence[str]) -> None:
    if fields.get(name, values[0]) not in values:
        raise MalformedRequest(f"{name} is one of {', '.join(values)}")
