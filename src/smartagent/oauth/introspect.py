# SPDX-License-Identifier: Apache-2.0
"""Introspection: a resource asks whether a token holds at this instant, and for what.

Whoever asks is known, and is told of a token only when it is theirs to know: it was issued to
them, or they stand among the introspectors of the resource it is for.  Of any other, as of one
that does not hold, they are told the same three words.

Everything that is needed is in memory; the record is all that a question costs the store.

Spec: RFC 7662 sections 2 and 4; RFC 9701 sections 4, 5 and 8; RFC 9396 section 9.2; RFC 9470 section 6.2.
"""

from typing import Final

import msgspec

from smartagent.clients import Client
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Reply, parse_form
from smartagent.kernel import Algorithm, Caller
from smartagent.oauth.clientauth import ClientRequests
from smartagent.oauth.means import Means
from smartagent.tokens import NO_STORE, AccessClaims, Act, Confirmation

EVENT: Final = "token.introspected"
JWT_MEDIA_TYPE: Final = "application/token-introspection+jwt"
JWT_TYPE: Final = "token-introspection+jwt"
_REFUSED_WEIGHT: Final = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})


class Introspected(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is told of a token (RFC 7662 section 2.2); of one that does not hold, `active` alone."""

    active: bool
    iss: str = ""
    sub: str = ""
    aud: str = ""
    exp: int = 0
    iat: int = 0
    jti: str = ""
    client_id: str = ""
    token_type: str = ""
    scope: str = ""
    role: str = ""
    sid: str = ""
    cnf: Confirmation | None = None
    act: Act | None = None
    authorization_details: tuple[dict[str, object], ...] = ()
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """A question: by whom, about what; `client` is there when they authenticated as one."""

    asker: str
    token: str
    client: Client | None


class _Signed(msgspec.Struct, frozen=True, gc=False):
    """RFC 9701 section 5.  What is told stands within, so that it is never taken for claims about the answer."""

    iss: str
    aud: str
    iat: int
    token_introspection: Introspected


INACTIVE: Final = Introspected(active=False)
_encode: Final = msgspec.json.Encoder().encode


class Introspection:
    """Answers about tokens."""

    def __init__(self, means: Means, requests: ClientRequests) -> None:
        self._means = means
        self._requests = requests
        self._verified = means.tokens.access.verified

    async def by_client_or_token(self, inbound: Inbound) -> Caller:
        """Authenticate who asks: as a client does, or by an access token of its own.

        A resource that asks about every call signs no assertion each time, and we check none.

        Raises:
            AuthenticationFailed: Neither holds.
            MalformedRequest: Both are there.

        Spec: RFC 7662 section 2.1.
        """
        if "authorization" in inbound.headers and b"client_assertion" not in inbound.body:
            return await self._means.tokens.access.by_access_token(inbound)
        return await self._requests.by_client_authentication(inbound)

    async def introspect(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say whether a token holds, and for what, as far as the caller may know.

        Raises:
            MalformedRequest: There is no token to look at.
            AuthenticationFailed: The caller is a public client: anybody can call by its name.

        Spec: RFC 7662 section 2.
        """
        asked = await self._asked(caller, inbound)
        claims, why = self._known(asked)
        wants_jwt = JWT_MEDIA_TYPE in inbound.headers.get("accept", "") and _accepts_jwt(inbound)
        told = INACTIVE if claims is None else _told(claims)
        reply = self._signed(asked, told) if wants_jwt else _plain(told)
        if claims is None:
            return Outcome(reply, detail={"active": 0, "why": why})
        # The caller's own token is named by the record's `jti`; the one that was asked about, in its detail.
        return Outcome(
            reply, subject=claims.sub, detail={"active": 1, "about": claims.jti, "aud": claims.aud}
        )

    async def _asked(self, caller: Caller, inbound: Inbound) -> _Asked:
        # Only an access token gives its holder a `jti`.
        if caller.jti:
            form, client = parse_form(inbound.body), None
        else:
            request = await self._requests.of(inbound)
            form, client = dict(request.form), request.client
            if request.claim is None:
                raise AuthenticationFailed("a public client may not introspect")
        token = form.get("token")
        if token is None:
            raise MalformedRequest("token is missing")
        # RFC 7662 section 2.1: the hint may be ignored, and one kind of token is all there is.
        return _Asked(caller.principal, token, client)

    def _known(self, asked: _Asked) -> tuple[AccessClaims | None, str]:
        try:
            claims = self._verified(asked.token).claims
        except AuthenticationFailed as error:
            return None, error.reason
        if asked.asker == claims.client_id:
            return claims, ""
        resource = self._means.clients.resource(claims.aud)
        if resource is not None and asked.asker in resource.introspectors:
            return claims, ""
        return None, "the caller is no introspector of the token's audience"

    def _signed(self, asked: _Asked, told: Introspected) -> Reply:
        # RFC 9701 section 6: RS256, unless the client chose another.
        algorithm = Algorithm(asked.client.id_token_alg) if asked.client is not None else Algorithm.RS256
        now = int(self._means.clock.now())
        payload = _encode(_Signed(self._means.issuer, asked.asker, now, told))
        token = self._means.tokens.rings.sign(algorithm, JWT_TYPE, payload)
        return Reply(200, token.encode("ascii"), JWT_MEDIA_TYPE, NO_STORE)


def _plain(told: Introspected) -> Reply:
    return Reply(200, _encode(told), "application/json", NO_STORE)


def _told(claims: AccessClaims) -> Introspected:
    # What the house keeps for itself is not told: the lineage, the trail's address, who may act.
    return Introspected(
        active=True,
        iss=claims.iss,
        sub=claims.sub,
        aud=claims.aud,
        exp=claims.exp,
        iat=claims.iat,
        jti=claims.jti,
        client_id=claims.client_id,
        token_type="Bearer" if claims.cnf is None else "DPoP",
        scope=claims.scope,
        role=claims.role,
        sid=claims.sid,
        cnf=claims.cnf,
        act=claims.act,
        authorization_details=claims.authorization_details,
        auth_time=claims.auth_time,
        acr=claims.acr,
        amr=claims.amr,
    )


def _accepts_jwt(inbound: Inbound) -> bool:
    for part in inbound.headers.get("accept", "").split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type == JWT_MEDIA_TYPE:
            return _REFUSED_WEIGHT.isdisjoint(parameters)
    return False
