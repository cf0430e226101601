# SPDX-License-Identifier: Apache-2.0
"""OAuth: `client_credentials` with `private_key_jwt`, for clients that know nothing of us.

Spec: RFC 6749 sections 2.3, 3.2 and 4.4; RFC 7523 sections 2.2 and 3, as its revision
(draft-ietf-oauth-rfc7523bis) has it: the audience is the issuer and nothing beside it.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.crypto import BadSignature, MalformedToken, UnverifiedJws, claim_key, parse_compact
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, parse_form
from smartagent.identity import Agent, Directory, check_active
from smartagent.kernel import Caller, CallerKind, Claim
from smartagent.tokens.errors import GrantTypeUnsupported
from smartagent.tokens.issue import Asked
from smartagent.tokens.means import Means
from smartagent.tokens.model import UNREADABLE

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT_TYPE: Final = "client_credentials"
MAX_ASSERTION_LIFE_SECONDS: Final = 300
LEEWAY_SECONDS: Final = 60
_MAX_JTI_CHARS: Final = 255
_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"})


class AssertionClaims(msgspec.Struct, frozen=True, gc=False):
    """What an assertion says (RFC 7523 section 3).  Instants may have fractions."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None


class TokenRequest(msgspec.Struct, frozen=True, gc=False):
    """A token request whose client has been authenticated."""

    agent: Agent
    asked: Asked
    claim: Claim


_decode: Final = msgspec.json.Decoder(AssertionClaims).decode


class ClientAssertions:
    """Authenticates OAuth clients, which are agents."""

    def __init__(self, means: Means) -> None:
        self._clock = means.clock
        self._directory: Directory = means.directory
        self._issuer = means.issuer
        # Some clients write the issuer with a slash behind it, as it stands in their URL bar.
        self._audiences = frozenset({means.issuer, means.issuer + "/"})
        # The act follows its authentication at once; what was read then need not be read again.
        self._last: tuple[Inbound, TokenRequest] | None = None

    async def by_client_assertion(self, inbound: Inbound) -> Caller:
        """Authenticate an agent by an assertion that it signed.

        Raises:
            AuthenticationFailed: The assertion does not hold (`invalid_client`).
            GrantTypeUnsupported: Another grant (`unsupported_grant_type`).
            MalformedRequest: A parameter is missing, comes twice, or contradicts another (`invalid_request`).
        """
        request = self._read(inbound)
        self._last = (inbound, request)
        return Caller(
            principal=request.agent.id,
            kind=CallerKind.AGENT,
            role=request.agent.role,
            client_ip=inbound.client_ip,
            claims=(request.claim,),
        )

    def request_of(self, inbound: Inbound) -> TokenRequest:
        """Return what `inbound`, which has been authenticated, asks for."""
        last = self._last
        if last is not None and last[0] is inbound:
            self._last = None
            return last[1]
        return self._read(inbound)

    def _read(self, inbound: Inbound) -> TokenRequest:
        form = parse_form(inbound.body)
        grant_type = form.get("grant_type")
        if grant_type is None:
            raise MalformedRequest("grant_type is missing")
        if grant_type != GRANT_TYPE:
            raise GrantTypeUnsupported(f"use {GRANT_TYPE}")
        # RFC 6749 section 2.3: one way to authenticate in a request.
        if "authorization" in inbound.headers or "client_secret" in form:
            raise MalformedRequest("authenticate by client_assertion alone")
        agent, claim = self._authenticate(form)
        return TokenRequest(agent, Asked(form.get("scope", ""), form.get("resource", "")), claim)

    def _authenticate(self, form: Mapping[str, str]) -> tuple[Agent, Claim]:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise AuthenticationFailed("no client assertion of the type jwt-bearer")
        jws, claims = _unverified(form.get("client_assertion", ""))
        # RFC 7523 section 3, its numbers.  1 and 2. iss and sub are the client.
        if claims.iss != claims.sub or form.get("client_id", claims.sub) != claims.sub:
            raise AuthenticationFailed("iss, sub and client_id of the assertion differ")
        agent = check_active(self._directory.agent(claims.sub))
        # 9. Signed by the client.
        try:
            jws.verified_payload(self._directory.key_of(agent))
        except BadSignature:
            raise AuthenticationFailed("the assertion's signature does not hold") from None
        # 3. aud is the issuer alone.
        audience = claims.aud[0] if isinstance(claims.aud, list) and len(claims.aud) == 1 else claims.aud
        if not isinstance(audience, str) or audience not in self._audiences:
            raise AuthenticationFailed("the assertion's audience is not this issuer alone")
        # 4 to 6. exp, nbf and iat.
        _check_instants(claims, self._clock.now())
        # 7. jti, once.
        if not 1 <= len(claims.jti) <= _MAX_JTI_CHARS:
            raise AuthenticationFailed("the assertion has no usable jti")
        key = claim_key("client-assertion", agent.id, claims.jti)
        return agent, Claim(key, math.ceil(claims.exp), AuthenticationFailed("the assertion was used"))


def _unverified(assertion: str) -> tuple[UnverifiedJws, AssertionClaims]:
    try:
        jws = parse_compact(assertion)
        unverified_claims = _decode(jws.payload)
    except MalformedToken:
        raise AuthenticationFailed("the assertion is missing or malformed") from None
    except UNREADABLE:
        raise AuthenticationFailed("the assertion's claims are malformed or missing") from None
    # Our own access tokens, DPoP proofs and others are signed with Ed25519 too: a type says what it is not.
    if jws.header.typ.lower() not in _TYPES:
        raise AuthenticationFailed("the assertion is another kind of token")
    return jws, unverified_claims


def _check_instants(claims: AssertionClaims, now: float) -> None:
    if now >= claims.exp:
        raise AuthenticationFailed("the assertion has expired")
    issued_at = claims.iat
    if issued_at is None:
        if claims.exp > now + MAX_ASSERTION_LIFE_SECONDS:
            raise AuthenticationFailed("the assertion lives too long")
    elif issued_at > now + LEEWAY_SECONDS:
        raise AuthenticationFailed("the assertion is from the future")
    elif claims.exp > issued_at + MAX_ASSERTION_LIFE_SECONDS:
        raise AuthenticationFailed("the assertion lives too long")
    if claims.nbf is not None and claims.nbf > now + LEEWAY_SECONDS:
        raise AuthenticationFailed("the assertion is not valid yet")
