# SPDX-License-Identifier: Apache-2.0
"""Recording delegations: who may act for whom, and that they may no more.

An operator may record any.  An agent may record that another agent acts for it, within what its own
role has, and with a token of its own: not with one that it was given to act for somebody else.
"""

import re
from typing import Final

from msgspec import structs

from smartagent.delegation.errors import DelegationNotFound, MalformedDelegation, TooManyDelegations
from smartagent.delegation.means import Means
from smartagent.delegation.model import Delegation
from smartagent.delegation.register import Register
from smartagent.delegation.rules import MAX_LIVE_PER_DELEGATOR, parse_audience, parse_scope, parse_term
from smartagent.delegation.shapes import (
    DelegationPage,
    DelegationRequest,
    RevokeRequest,
    delegation_view,
)
from smartagent.delegation.store import add_delegation, delegation_changed, read_delegation, revoke_delegation
from smartagent.edge import Inbound, MalformedRequest, NotPermitted, Outcome, Reply, parse_form, parse_json
from smartagent.identity import AgentStatus, parse_reason
from smartagent.kernel import Caller, CallerKind, IdPrefix, parse_id
from smartagent.tokens import Ceiling, RevocationKind, revocation_of

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
# What ended can matter to nobody any more; for a month it can still be asked why.
KEPT_SECONDS: Final = 30 * 86_400
_FIELDS: Final = frozenset({"cursor", "limit", "from", "to", "live"})
_LIMIT: Final = re.compile(r"[1-9][0-9]{0,2}")
_PERSON: Final = f"{IdPrefix.PERSON.value}_"
_DELEGATORS: Final = (IdPrefix.AGENT, IdPrefix.OPERATOR, IdPrefix.PERSON)


class Recording:
    """Records, shows and revokes delegations."""

    def __init__(self, means: Means, register: Register) -> None:
        self._means = means
        self._register = register

    async def create(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Record that an agent may act for somebody.

        Raises:
            NotPermitted: An agent may speak for itself only, and with its own token.
            MalformedDelegation: It does not say well who, for whom, or for what; names the field.
            TooManyDelegations: There are too many from there already.
        """
        request = parse_json(inbound.body, DelegationRequest)
        now = int(self._means.clock.now())
        delegation = Delegation(
            id=self._means.ids.new(IdPrefix.DELEGATION),
            from_id=self._delegator(caller, request.from_id),
            to_agent=self._agent(request.to_agent),
            scope=parse_scope(request.scope),
            audience=parse_audience(request.audience),
            until=now + request.ttl_seconds,
            depth_allowed=request.depth_allowed,
            created_by=caller.principal,
            created_at=now,
            revoked_at=None,
            reason=parse_reason(request.reason),
        )
        parse_term(request.ttl_seconds, request.depth_allowed)
        self._check(caller, delegation)
        return Outcome(
            Reply(201, delegation_view(delegation, now=now)),
            subject=delegation.from_id,
            target=f"delegation/{delegation.id}",
            detail={
                "delegation": delegation.id,
                "to": delegation.to_agent,
                "scope": delegation.scope,
                "audience": delegation.audience,
                "until": delegation.until,
                "depth_allowed": delegation.depth_allowed,
                "reason": delegation.reason,
            },
            writes=add_delegation(delegation, forget_before=now - KEPT_SECONDS),
            changes=(delegation_changed(delegation.id),),
        )

    async def list_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of delegations, oldest first: to an agent, those from it and to it.

        Raises:
            MalformedRequest: The query has an unknown or malformed field.
            MalformedId: The cursor is none of ours.
        """
        fields, after, limit = _parse_query(inbound.query)
        now = self._means.clock.now()
        found = [
            delegation
            for delegation in self._register.all()
            if delegation.id > after
            and _concerns(delegation, caller)
            and fields.get("from", delegation.from_id) == delegation.from_id
            and fields.get("to", delegation.to_agent) == delegation.to_agent
            and (fields.get("live") != "true" or delegation.is_live(now))
        ]
        page = [delegation_view(each, now=now) for each in found[:limit]]
        cursor = page[-1].id if len(found) > limit else ""
        return Outcome(Reply(200, DelegationPage(page, cursor)))

    async def get(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show one delegation.

        Raises:
            DelegationNotFound: There is none with this id that the caller may see.
            MalformedId: It is no delegation's id.
        """
        delegation = self._register.known(parse_id(inbound.params["id"], IdPrefix.DELEGATION))
        if not _concerns(delegation, caller):
            raise DelegationNotFound(delegation.id)
        view = delegation_view(delegation, now=self._means.clock.now())
        return Outcome(Reply(200, view), subject=delegation.from_id, target=f"delegation/{delegation.id}")

    async def revoke(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End a delegation, and with it every token that derives from it.  Doing it again is no error.

        Raises:
            DelegationNotFound: There is none with this id that the caller may see.
            DelegationChanged: It was ended by somebody else at the same instant.
            MalformedId: It is no delegation's id.
        """
        request = parse_json(inbound.body, RevokeRequest) if inbound.body else RevokeRequest()
        reason = parse_reason(request.reason)
        delegation_id = parse_id(inbound.params["id"], IdPrefix.DELEGATION)
        # From the store, not from memory: whether it is over is decided on what is true now.
        delegation = await read_delegation(self._means.database, delegation_id)
        if delegation is None or not _concerns(delegation, caller):
            raise DelegationNotFound(delegation_id)
        _check_own_token(caller)
        instant = self._means.clock.now()
        target = f"delegation/{delegation.id}"
        if delegation.revoked_at is not None:
            return Outcome(
                Reply(200, delegation_view(delegation, now=instant)),
                subject=delegation.from_id,
                target=target,
            )
        writes, changes = revocation_of(RevocationKind.DELEGATION, delegation.id, now=instant)
        over = structs.replace(delegation, revoked_at=int(instant), reason=reason)
        return Outcome(
            Reply(200, delegation_view(over, now=instant)),
            subject=delegation.from_id,
            target=target,
            detail={"delegation": delegation.id, "to": delegation.to_agent, "reason": reason},
            writes=(revoke_delegation(delegation.id, reason, now=int(instant)), *writes),
            changes=(delegation_changed(delegation.id), *changes),
        )

    def _delegator(self, caller: Caller, asked: str) -> str:
        if caller.kind is CallerKind.AGENT:
            _check_own_token(caller)
            if asked and asked != caller.principal:
                raise NotPermitted("an agent delegates only what is its own")
            return caller.principal
        prefix = next((each for each in _DELEGATORS if asked.startswith(f"{each.value}_")), None)
        if prefix is None or not self._exists(parse_id(asked, prefix)):
            raise MalformedDelegation("from", "an agent, an operator, or an outside person, by their id")
        return asked

    def _exists(self, delegator: str) -> bool:
        directory = self._means.directory
        if delegator.startswith(_PERSON):
            # Outside people are not kept: their id says who they are.
            return True
        return directory.agent(delegator) is not None or directory.operator(delegator) is not None

    def _agent(self, asked: str) -> str:
        agent = self._means.directory.agent(asked)
        if agent is None or agent.status is AgentStatus.RETIRED:
            raise MalformedDelegation("to", "an agent, by its id")
        return agent.id

    def _check(self, caller: Caller, delegation: Delegation) -> None:
        if delegation.from_id == delegation.to_agent:
            raise MalformedDelegation("to", "another agent")
        if self._register.count_from(delegation.from_id, now=delegation.created_at) >= MAX_LIVE_PER_DELEGATOR:
            raise TooManyDelegations(f"at most {MAX_LIVE_PER_DELEGATOR}")
        if caller.kind is CallerKind.AGENT:
            _check_within(delegation, self._means.tokens.issuer.ceiling(caller.role), self._means.gateway)


def _check_own_token(caller: Caller) -> None:
    if caller.kind is CallerKind.AGENT and (caller.subject or caller.actors):
        raise NotPermitted("use a token of your own, not one that was delegated to you")


def _check_within(delegation: Delegation, own: Ceiling, gateway: str) -> None:
    if delegation.scope and not own.scopes.issuperset(delegation.scope.split()):
        raise MalformedDelegation("scope", "your role does not have that")
    if delegation.audience not in own.audiences | {"", gateway}:
        raise MalformedDelegation("audience", "your role does not have that")


def _concerns(delegation: Delegation, caller: Caller) -> bool:
    return caller.kind is not CallerKind.AGENT or caller.principal in {
        delegation.from_id,
        delegation.to_agent,
    }


def _parse_query(query: str) -> tuple[dict[str, str], str, int]:
    fields = parse_form(query.encode("utf-8", "replace"))
    if fields.keys() - _FIELDS:
        raise MalformedRequest(f"unknown query field; known: {', '.join(sorted(_FIELDS))}")
    limit = fields.get("limit", str(DEFAULT_LIMIT))
    if not _LIMIT.fullmatch(limit) or int(limit) > MAX_LIMIT:
        raise MalformedRequest(f"limit is 1 to {MAX_LIMIT}")
    if fields.get("live", "true") not in {"true", "false"}:
        raise MalformedRequest("live is true or false")
    cursor = fields.get("cursor", "")
    return fields, parse_id(cursor, IdPrefix.DELEGATION) if cursor else "", int(limit)
