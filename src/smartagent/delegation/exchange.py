# SPDX-License-Identifier: Apache-2.0
"""Token exchange: a token becomes one with which somebody else acts, or which may do less.

    A's token      + B may act for A       ->  sub A,       act B            a sub-agent
    B's new token  + C may act for B       ->  sub A,       act C (act B)    and its own
    person's token + A may act for them    ->  sub person,  act A            an agent that acts for one person
    A's own token                          ->  sub A                         less scope, less life, one call

The actor is the client that asks.  A token without `act` is only ever given to its own subject, so
nobody is impersonated.  Who is authorised for what is decided by the top-level claims and the
outermost actor; nested actors only inform.

Spec: RFC 8693 sections 2.1, 2.2 and 4; RFC 8707 section 2; RFC 9396 section 7.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from smartagent.clients import AuthMethod
from smartagent.delegation.assertion import IdentityAssertions
from smartagent.delegation.authority import Authorities
from smartagent.delegation.chain import nested
from smartagent.delegation.details import AnyDetail, CallDetail, HandOver, parse_details, shown
from smartagent.delegation.errors import (
    ChainRefused,
    ClientRefused,
    DetailsRefused,
    NotDelegated,
    ScopeNotDelegated,
    TargetNotDelegated,
    TokenTypeRefused,
)
from smartagent.delegation.means import Means
from smartagent.delegation.model import ACCESS_TOKEN, ID_JAG, TXN_TOKEN, Authority, Subject
from smartagent.delegation.register import Register
from smartagent.delegation.rules import chosen_target, earliest, extended, narrowed
from smartagent.delegation.subject import Subjects
from smartagent.delegation.transaction import TransactionTokens
from smartagent.edge import MalformedRequest
from smartagent.identity import Agent, AgentStatus
from smartagent.kernel import Detail
from smartagent.oauth import Granted, TokenRequest, one_target
from smartagent.tokens import ASSERTION, Ceiling, MayAct, RoleNotGranted, Wanted

_SECONDS: Final = re.compile(r"[1-9][0-9]{0,5}")


class Exchange:
    """The grant `urn:ietf:params:oauth:grant-type:token-exchange`."""

    def __init__(self, means: Means, register: Register) -> None:
        self._means = means
        self._subjects = Subjects(means)
        self._authorities = Authorities(means, register)
        self.transactions = TransactionTokens(means, self._subjects, self._authorities)
        self._assertions = IdentityAssertions(means, self._subjects, self._authorities)

    async def __call__(self, request: TokenRequest) -> Granted:
        """Exchange a token.

        Raises:
            SmartAgentError: RFC 8693 section 2.2.2 says with which code; see `delegation.errors`.
        """
        if request.client.auth_method is AuthMethod.NONE:
            raise ClientRefused("a public client cannot prove that it is the actor")
        wanted = request.form.get("requested_token_type", ACCESS_TOKEN)
        if wanted == ACCESS_TOKEN:
            return await self._access_token(request)
        if wanted == TXN_TOKEN:
            return self.transactions.exchange(request)
        if wanted == ID_JAG:
            return self._assertions.exchange(request)
        raise TokenTypeRefused(f"ask for {ACCESS_TOKEN}, {TXN_TOKEN} or {ID_JAG}")

    async def _access_token(self, request: TokenRequest) -> Granted:
        form, agent = request.form, request.agent
        # 1. The actor is the authenticated client, and only agents act.
        if agent is None:
            raise ClientRefused("only an agent can act for somebody")
        # 2. What is asked for, as far as it can be judged by itself.
        target = one_target(form)
        detail = parse_details(form.get("authorization_details", ""), self._means.gateway)
        # 3. The subject token, and the actor token if there is one.
        subject = await self._subjects.read(form)
        if isinstance(detail, HandOver):
            detail = detail.within(subject.audience, self._means.gateway)
        actor = self._subjects.actor(form, agent)
        # RFC 9449 section 6: what was bound to a key never becomes a bearer token.
        if (subject.jkt or (actor is not None and actor.jkt)) and not request.jkt:
            raise ChainRefused("the token is bound to a key; send a DPoP proof, and the new one is bound too")
        # 4. Who let this client act?
        refused: ScopeNotDelegated | TargetNotDelegated | ChainRefused | None = None
        for authority in self._authorities.of(subject, agent.id):
            link = _Link(request, agent, subject, actor, authority)
            try:
                # 5. What they have in common.
                return self._granted(link, self._wanted(link, target, detail), detail)
            except (ScopeNotDelegated, TargetNotDelegated, ChainRefused) as error:
                refused = refused or error
        raise refused or NotDelegated("no delegation is recorded")

    def _wanted(self, link: "_Link", target: str, detail: AnyDetail | None) -> Wanted:
        subject, authority, agent = link.subject, link.authority, link.agent
        chain = self._authorities.chain(subject, authority, agent.id)
        sources = (subject.jti, link.actor.jti if link.actor is not None else "", *authority.lineage)
        ceilings = self._ceilings(subject, agent)
        audience = self._audience(link, target, detail, ceilings)
        return Wanted(
            subject=subject.sub,
            client_id=agent.id,
            audience=audience,
            scope=narrowed(link.request.form.get("scope", ""), list(self._scopes(link, audience, ceilings))),
            life_seconds=self._life(link.request.form, ceilings[0], detail),
            role=self._role_of(subject),
            session=subject.session,
            session_at=subject.session_at,
            authn=ASSERTION,
            not_after=earliest(
                subject.expires_at, authority.until, link.actor.expires_at if link.actor is not None else 0
            ),
            jkt=link.request.jkt,
            act=nested(chain),
            may_act=MayAct(self._successor(link, detail, chain)) if isinstance(detail, HandOver) else None,
            lineage=extended(subject.lineage, *sources),
            authorization_details=shown(detail),
            auth_time=subject.auth_time,
            acr=subject.acr,
            amr=subject.amr,
            holder=agent.id,
        )

    def _ceilings(self, subject: Subject, agent: Agent) -> tuple[Ceiling, ...]:
        """Return the most that the actor may have, and the subject, when it is another agent."""
        issuer = self._means.tokens.issuer
        own = issuer.ceiling(agent.role)
        if subject.is_person or subject.sub == agent.id:
            return (own,)
        try:
            return own, issuer.ceiling(self._role_of(subject))
        except RoleNotGranted:
            raise NotDelegated("the subject's role grants nothing any more") from None

    def _audience(
        self, link: "_Link", target: str, detail: AnyDetail | None, ceilings: tuple[Ceiling, ...]
    ) -> str:
        subject, gateway = link.subject, self._means.gateway
        if isinstance(detail, HandOver):
            if target:
                raise TargetNotDelegated("a hand-over says in its locations for whom")
            for location in detail.locations:
                self._audience(link, location, None, ceilings)
            return self._means.endpoint
        allowed = [ceiling.audiences | {gateway} for ceiling in ceilings]
        if link.authority.audience:
            allowed.append(frozenset({link.authority.audience}))
        if subject.locations:
            allowed.append(frozenset(subject.locations))
        if not target and subject.audience in {"", gateway}:
            # Whoever narrowed it to one place meant that one.
            target = link.authority.audience or (subject.locations[0] if subject.locations else "")
        chosen = chosen_target(target, subject.audience, gateway, allowed)
        if isinstance(detail, CallDetail) and chosen != gateway:
            raise TargetNotDelegated("only the gateway keeps a token to one call")
        return chosen

    def _scopes(self, link: "_Link", audience: str, ceilings: tuple[Ceiling, ...]) -> Iterable[Iterable[str]]:
        if link.subject.scopes is not None:
            yield link.subject.scopes
        for ceiling in ceilings:
            # As it stands in the role file, so that the answer has that order, too.
            yield ceiling.scope.split()
        if link.authority.scopes is not None:
            yield link.authority.scopes
        if link.actor is not None and link.actor.scopes is not None:
            yield link.actor.scopes
        resource = self._means.resources.resource(audience)
        if resource is None:
            return
        if resource.dpop_required and not link.request.jkt:
            raise TargetNotDelegated("the resource takes only bound tokens; send a DPoP proof")
        if resource.scopes:
            yield resource.scopes

    def _life(self, form: Mapping[str, str], own: Ceiling, detail: AnyDetail | None) -> int:
        life_seconds = own.life_seconds
        if isinstance(detail, CallDetail):
            life_seconds = min(life_seconds, self._means.settings.call_life_seconds)
        asked = form.get("requested_expiry")
        if asked is None:
            return life_seconds
        if not _SECONDS.fullmatch(asked):
            raise MalformedRequest("requested_expiry is a number of seconds")
        return min(life_seconds, int(asked))

    def _successor(self, link: "_Link", detail: HandOver, chain: tuple[str, ...]) -> str:
        if not link.authority.is_own:
            raise DetailsRefused("exchange the token first, then hand over your own")
        successor = self._means.directory.agent(detail.actor)
        if successor is None or successor.status is not AgentStatus.ACTIVE:
            raise DetailsRefused("the actor is no agent that is active")
        if detail.actor == link.subject.sub or detail.actor in chain:
            raise ChainRefused("the actor is in this chain already")
        return detail.actor

    def _role_of(self, subject: Subject) -> str:
        agent = None if subject.is_person else self._means.directory.agent(subject.sub)
        return agent.role if agent is not None else ""

    def _granted(self, link: "_Link", wanted: Wanted, detail: AnyDetail | None) -> Granted:
        issued = self._means.tokens.issuer.mint(wanted)
        return Granted(
            issued,
            "exchange",
            link.subject.proof_id,
            issued_token_type=ACCESS_TOKEN,
            authorization_details=issued.claims.authorization_details,
            detail=_said(link, detail),
        )


class _Link(msgspec.Struct, frozen=True, gc=False):
    """One link that may be added to a chain."""

    request: TokenRequest
    agent: Agent
    subject: Subject
    actor: Subject | None
    authority: Authority


def _said(link: _Link, detail: AnyDetail | None) -> dict[str, Detail]:
    said: dict[str, Detail] = {"actor": link.agent.id, "via": link.authority.via}
    if isinstance(detail, CallDetail):
        said["call"] = f"{detail.method} {detail.path[:200]}"
    elif isinstance(detail, HandOver):
        said["handed_to"] = detail.actor
    return said
