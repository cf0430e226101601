# SPDX-License-Identifier: Apache-2.0
"""The two grants: a client polls until the person has decided, and gets the token once.

The token is the person's: `sub` names them, and `act` the agent that acts for them and says so.  It descends
from the grant, whose id is the request's: when that is revoked, the token is dead.

Spec: RFC 8628 sections 3.4 and 3.5; CIBA Core sections 10.1 and 11; RFC 8693 section 4.1.
"""

from typing import Final

from smartagent.consent import Grant, add_grant
from smartagent.decoupled.asking import OPENID, Asking
from smartagent.decoupled.codes import hash_of
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import Channel, ConsentRequest, Target
from smartagent.decoupled.rules import SLOWER_BY_SECONDS, Poll, judge_poll
from smartagent.decoupled.store import polled, read_by_code, redeem
from smartagent.edge import MalformedRequest
from smartagent.kernel import Consequential, Effects, SmartAgentError
from smartagent.oauth import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    Granted,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    SlowDown,
    TokenRequest,
)
from smartagent.tokens import ASSERTION, Act, InvalidDpopProof, Issued, RoleNotGranted, Wanted

_PARAMETERS: Final = {Channel.DEVICE: "device_code", Channel.CIBA: "auth_req_id"}


class StillPending(AuthorizationPending, Consequential):
    """Nobody has decided yet; that the client asked is noted."""

    def __init__(self, detail: str, effects: Effects) -> None:
        super().__init__(detail)
        self.effects = effects


class TooEarly(SlowDown, Consequential):
    """The client asked before its interval was over; that it must wait longer is noted."""

    def __init__(self, detail: str, effects: Effects) -> None:
        super().__init__(detail)
        self.effects = effects


class Redeeming:
    """Gives what people allowed."""

    def __init__(self, means: Means, asking: Asking) -> None:
        self._means = means
        self._asking = asking

    async def device_code(self, request: TokenRequest) -> Granted:
        """Do the grant `urn:ietf:params:oauth:grant-type:device_code`.

        Raises:
            SmartAgentError: See `_redeem`.
        """
        return await self._redeem(request, Channel.DEVICE)

    async def ciba(self, request: TokenRequest) -> Granted:
        """Do the grant `urn:openid:params:grant-type:ciba`.

        Raises:
            SmartAgentError: See `_redeem`.
        """
        return await self._redeem(request, Channel.CIBA)

    async def _redeem(self, request: TokenRequest, channel: Channel) -> Granted:
        """Give the token, once, when the person allowed it.

        Raises:
            MalformedRequest: There is no code.
            InvalidGrant: The code is unknown, used, another client's, or bound to another key.
            AuthorizationPending: Nobody has decided yet.
            SlowDown: Nobody has, and the client asks too often: five seconds more from now on.
            AccessDenied: The person said no.
            ExpiredToken: Nobody decided in time, or nobody asked in time.
        """
        parameter = _PARAMETERS[channel]
        code = request.form.get(parameter)
        if code is None:
            raise MalformedRequest(f"{parameter} is missing")
        asked = await read_by_code(self._means.database, hash_of(code))
        if asked is None or asked.channel is not channel:
            raise InvalidGrant("the code is unknown")
        if asked.client_id != request.client.id:
            raise InvalidGrant("the code is another client's")
        if asked.jkt and asked.jkt != request.jkt:
            raise InvalidGrant("the code is bound to another key")
        refusal = _refusal(asked, now=request.now)
        if refusal is not None:
            raise refusal
        return await self._grant(request, asked)

    async def _grant(self, request: TokenRequest, asked: ConsentRequest) -> Granted:
        self._check_alive(asked)
        target = self._target(request, asked)
        issued = self._mint(request, asked, target)
        id_token = ""
        if OPENID in target.scope.split():
            id_token = self._means.id_tokens.make(
                request.client,
                asked.person,
                now=request.now,
                auth_time=asked.auth_time,
                acr=asked.acr,
                amr=tuple(asked.amr.split()),
                access_token=issued.token,
                sid=issued.claims.sid,
                act=issued.claims.act,
                scope=issued.claims.scope,
            )
        # Of two polls that both found it allowed, one redeems it.
        used = redeem(asked, InvalidGrant("the code was used meanwhile"))
        writes = (used, add_grant(_granted(asked, issued)))
        return Granted(issued, asked.channel.value, asked.id, id_token=id_token, writes=writes)

    def _check_alive(self, asked: ConsentRequest) -> None:
        """Refuse what was allowed before somebody, or the grant itself, was revoked."""
        if self._means.directory.operator(asked.person) is None:
            raise InvalidGrant("the person is gone")
        revocations = self._means.tokens.revocations
        if revocations.is_dead(asked.id) or revocations.is_dead(asked.client_id):
            raise InvalidGrant("the grant or its client was revoked")
        since = max(revocations.revoked_at_ms(asked.person), revocations.revoked_at_ms(asked.client_id))
        if since >= asked.created_at * 1000:
            raise InvalidGrant("the person or the client was revoked since it was asked for")

    def _target(self, request: TokenRequest, asked: ConsentRequest) -> Target:
        try:
            target = self._asking.still(request.client, request.agent, asked.scope, asked.resource)
        except (InvalidScope, InvalidTarget, RoleNotGranted) as error:
            raise InvalidGrant(f"what was allowed is gone: {error}") from error
        if not request.jkt and (target.needs_proof or request.client.dpop_bound):
            raise InvalidDpopProof(
                "send one: the client, or the resource, has only tokens that are bound to a key"
            )
        return target

    def _mint(self, request: TokenRequest, asked: ConsentRequest, target: Target) -> Issued:
        agent = request.agent
        return self._means.tokens.issuer.mint(
            Wanted(
                subject=asked.person,
                client_id=request.client.id,
                audience=target.audience,
                scope=target.scope,
                life_seconds=target.life_seconds,
                role=request.client.role if agent is None else "",
                jkt=request.jkt,
                act=None if agent is None else Act(agent.id),
                lineage=(asked.id,),
                auth_time=asked.auth_time,
                acr=asked.acr,
                amr=tuple(asked.amr.split()),
                holder="" if agent is None else agent.id,
                authn="" if agent is None else ASSERTION,
            )
        )


def _refusal(asked: ConsentRequest, *, now: int) -> SmartAgentError | None:
    match judge_poll(asked, now=now):
        case Poll.GOOD:
            return None
        case Poll.USED:
            return InvalidGrant("the code was used")
        case Poll.DENIED:
            return AccessDenied("the person said no")
        case Poll.EXPIRED:
            return ExpiredToken("begin again")
        case Poll.WAIT:
            return StillPending(f"ask again in {asked.interval_seconds} s", _noted(asked, now, 0))
        case Poll.TOO_EARLY:
            interval = asked.interval_seconds + SLOWER_BY_SECONDS
            return TooEarly(f"from now on, every {interval} s", _noted(asked, now, SLOWER_BY_SECONDS))


def _granted(asked: ConsentRequest, issued: Issued) -> Grant:
    """Return the entry by which operators see the grant among all others, and end it."""
    claims = issued.claims
    return Grant(
        id=asked.id,
        person=asked.person,
        client_id=asked.client_id,
        resource=claims.aud,
        scope=claims.scope,
        session=claims.sid,
        jkt=claims.cnf.jkt if claims.cnf is not None else "",
        auth_time=asked.auth_time,
        created_at=asked.decided_at,
        # Nothing comes of it but this token.
        expires_at=claims.exp,
        ended_at=None,
    )


def _noted(asked: ConsentRequest, now: int, slower_by: int) -> Effects:
    # In the store, with the record of the refusal: whichever node is asked next knows of it.
    return Effects((polled(asked, now=now, slower_by=slower_by),))
