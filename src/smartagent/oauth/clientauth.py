# SPDX-License-Identifier: Apache-2.0
"""Client authentication: `private_key_jwt`, and the mere id of a public client.

Every agent is a client that signs with its own key.  There are no client secrets.

Spec: RFC 6749 section 2.3; RFC 7523 sections 2.2 and 3, as its revision
(draft-ietf-oauth-rfc7523bis) has it: the audience is the issuer and nothing beside it.
"""

import math
from collections.abc import Mapping
from typing import ClassVar, Final

import msgspec

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.crypto import (
    ASYMMETRIC,
    BadSignature,
    EcSigningKey,
    MalformedToken,
    SigningKey,
    UnverifiedJws,
    VerifyingKey,
    b64u,
    claim_key,
    parse_compact,
    public_key_from_jwk,
)
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, parse_form
from smartagent.identity import Agent, check_active
from smartagent.kernel import Caller, CallerKind, Claim, Entropy, IdPrefix
from smartagent.oauth.means import Means
from smartagent.tokens import UNREADABLE

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 -- a path, not a password
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION_LIFE_SECONDS: Final = 300
LEEWAY_SECONDS: Final = 60
REPEATABLE: Final = frozenset({"resource", "audience"})
_MAX_JTI_CHARS: Final = 255
_MAX_ID_CHARS: Final = 2048
_KEPT: Final = 4096
_MODULUS_BYTES: Final = 256
_AGENT: Final = f"{IdPrefix.AGENT.value}_"
_TYPES: Final = frozenset({"", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"})


class ClientSecretRefused(AuthenticationFailed):
    """A client sent a secret, and there are none here; the challenge names the scheme that it used.

    Spec: RFC 6749 section 5.2.
    """

    response_headers: ClassVar[tuple[tuple[str, str], ...]] = (
        ("www-authenticate", 'Basic realm="smartagent"'),
    )


class AssertionClaims(msgspec.Struct, frozen=True, gc=False):
    """What an assertion says (RFC 7523 section 3).  Instants may have fractions."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    iat: int | float | None = None
    nbf: int | float | None = None


class ClientRequest(msgspec.Struct, frozen=True, gc=False):
    """A form whose client has been authenticated; `claim` is what its assertion used up, if it had one."""

    form: Mapping[str, str]
    client: Client
    agent: Agent | None
    claim: Claim | None

    @property
    def proof_id(self) -> str:
        """Name the assertion for the log; the client's id, when there was none."""
        return self.claim.key[:8].hex() if self.claim is not None else self.client.id


_decode: Final = msgspec.json.Decoder(AssertionClaims).decode


class ClientRequests:
    """Says which client sends a form."""

    def __init__(self, means: Means) -> None:
        self._means = means
        # Some clients write the issuer with a slash behind it, as it stands in their URL bar.
        self._audiences = frozenset({means.issuer, means.issuer + "/"})
        self._agents: dict[str, tuple[Agent, Client]] = {}
        self._nobodys_keys = _nobodys_keys(means.entropy)
        # The act follows its authentication at once; what was read then need not be read again.
        self._last: tuple[Inbound, ClientRequest] | None = None

    async def by_client_authentication(self, inbound: Inbound) -> Caller:
        """Authenticate the client of a form.

        Raises:
            AuthenticationFailed: The client is unknown, or its assertion does not hold (`invalid_client`).
            MalformedRequest: A parameter is missing, comes twice, or contradicts another (`invalid_request`).
        """
        request = await self._read(inbound)
        self._last = (inbound, request)
        return Caller(
            principal=request.client.id,
            kind=CallerKind.AGENT if request.agent is not None else CallerKind.CLIENT,
            role=request.client.role,
            client_ip=inbound.client_ip,
            claims=() if request.claim is None else (request.claim,),
        )

    async def of(self, inbound: Inbound) -> ClientRequest:
        """Return what `inbound`, which has been authenticated, says.

        Raises:
            AuthenticationFailed: It does not hold any more.
        """
        last = self._last
        if last is not None and last[0] is inbound:
            self._last = None
            return last[1]
        return await self._read(inbound)

    async def _read(self, inbound: Inbound) -> ClientRequest:
        form = parse_form(inbound.body, REPEATABLE)
        asserts = "client_assertion" in form or "client_assertion_type" in form
        if "authorization" in inbound.headers or "client_secret" in form:
            # RFC 6749 section 2.3: one way to authenticate in a request, and a secret is none that is done here.
            if asserts:
                raise MalformedRequest("authenticate by client_assertion alone")
            refusal = ClientSecretRefused if "authorization" in inbound.headers else AuthenticationFailed
            raise refusal("there are no client secrets here")
        if asserts:
            return await self._by_assertion(form)
        return await self._public(form)

    async def _public(self, form: Mapping[str, str]) -> ClientRequest:
        client_id = form.get("client_id", "")
        client = None
        if client_id and len(client_id) <= _MAX_ID_CHARS and not client_id.startswith(_AGENT):
            client = await self._means.clients.find(client_id)
        if client is None or client.auth_method is not AuthMethod.NONE:
            raise AuthenticationFailed("no client assertion, and no public client of that id")
        return ClientRequest(form, client, None, None)

    async def _by_assertion(self, form: Mapping[str, str]) -> ClientRequest:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise AuthenticationFailed("the client assertion is not of the type jwt-bearer")
        jws, claims = _unverified(form.get("client_assertion", ""))
        # RFC 7523 section 3, its numbers.  1 and 2. iss and sub are the client.
        if claims.iss != claims.sub or form.get("client_id", claims.sub) != claims.sub:
            raise AuthenticationFailed("iss, sub and client_id of the assertion differ")
        # 9. Signed by the client.
        if claims.sub.startswith(_AGENT):
            agent = self._means.directory.agent(claims.sub)
            self._check_signature(jws, None if agent is None else self._means.directory.key_of(agent))
            agent = check_active(agent)
            client = self._client_of(agent)
        else:
            agent, client = None, await self._signing_client(jws, claims.sub)
        # 3. aud is the issuer alone.
        audience = claims.aud[0] if isinstance(claims.aud, list) and len(claims.aud) == 1 else claims.aud
        # draft-ietf-oauth-rfc7523bis: the token endpoint is none, unless an operator let this client say so.
        legacy = client.legacy_audience and audience == self._means.issuer + TOKEN_PATH
        if not legacy and (not isinstance(audience, str) or audience not in self._audiences):
            raise AuthenticationFailed("the assertion's audience is not this issuer alone")
        # 4 to 6. exp, nbf and iat.
        _check_instants(claims, self._means.clock.now())
        # 7. jti, once.
        if not 1 <= len(claims.jti) <= _MAX_JTI_CHARS:
            raise AuthenticationFailed("the assertion has no usable jti")
        key = claim_key("client-assertion", client.id, claims.jti)
        used = Claim(key, math.ceil(claims.exp), AuthenticationFailed("the assertion was used"))
        return ClientRequest(form, client, agent, used)

    async def _signing_client(self, jws: UnverifiedJws, client_id: str) -> Client:
        client = None
        if len(client_id) <= _MAX_ID_CHARS:
            client = await self._means.clients.find(client_id)
        if client is None or client.auth_method is not AuthMethod.PRIVATE_KEY_JWT:
            self._check_signature(jws, None)
            raise AuthenticationFailed("there is no such client that signs")
        key = await self._means.clients.key(client, jws.header.kid, jws.header.alg)
        self._check_signature(jws, key)
        return client

    def _check_signature(self, jws: UnverifiedJws, key: VerifyingKey | None) -> None:
        if key is None or jws.header.alg not in key.algorithms:
            # Whoever is unknown, or signs otherwise, costs as much: how long it takes tells nothing.
            key = self._nobodys_keys[jws.header.alg]
        try:
            jws.verified_payload(key)
        except BadSignature:
            raise AuthenticationFailed(
                "the client is unknown, or the assertion's signature does not hold"
            ) from None

    def _client_of(self, agent: Agent) -> Client:
        kept = self._agents.get(agent.id)
        if kept is not None and kept[0] is agent:
            return kept[1]
        client = Client(
            id=agent.id,
            kind=ClientKind.AGENT,
            name=agent.name,
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            role=agent.role,
            owner=agent.owner,
        )
        if len(self._agents) >= _KEPT:
            self._agents.clear()
        self._agents[agent.id] = (agent, client)
        return client


def _nobodys_keys(entropy: Entropy) -> dict[str, VerifyingKey]:
    """Make a key for each algorithm that signed nothing; of an RSA key only its size matters here."""
    modulus = bytearray(entropy(_MODULUS_BYTES))
    modulus[0] |= 0x80
    modulus[-1] |= 1
    rsa = public_key_from_jwk({"kty": "RSA", "n": b64u(bytes(modulus)), "e": "AQAB"})
    keys: list[VerifyingKey] = [
        SigningKey.generate(entropy).public,
        EcSigningKey.generate(entropy).public,
        rsa,
    ]
    return {algorithm: key for key in keys for algorithm in key.algorithms}


def _unverified(assertion: str) -> tuple[UnverifiedJws, AssertionClaims]:
    try:
        jws = parse_compact(assertion, algorithms=ASYMMETRIC)
        jws.check_claims()
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
