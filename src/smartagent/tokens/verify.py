# SPDX-License-Identifier: Apache-2.0
"""Verifying our own access tokens, as the house receives them.

The signature of a token is checked once and remembered; whether it has expired, was revoked,
or was signed by a key that is gone, is looked at every time.

Spec: RFC 9068 section 4 (what cannot change), RFC 6750 section 2.1, RFC 9449 section 7.
"""

from typing import Final

import msgspec

from smartagent.crypto import BadSignature, MalformedToken, parse_compact
from smartagent.edge import AuthenticationFailed, Inbound
from smartagent.kernel import Caller, CallerKind
from smartagent.tokens.dpop import Bound, DpopProofs
from smartagent.tokens.holder import caller_of, for_this_call
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.means import Means
from smartagent.tokens.model import UNREADABLE, AccessClaims
from smartagent.tokens.revoke import Revocations

_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_REMEMBERED: Final = 8192

_decode: Final = msgspec.json.Decoder(AccessClaims).decode


class Verified(msgspec.Struct, frozen=True, gc=False):
    """A token whose signature, type, issuer and shape were checked.  `jkt` is empty for a bearer."""

    caller: Caller
    audience: str
    kid: str
    jkt: str
    claims: AccessClaims


class AccessTokens:
    """Says who sends a token."""

    def __init__(self, means: Means, keys: KeyRings, revocations: Revocations) -> None:
        self._means = means
        self._proofs = DpopProofs(means)
        self._keys = keys
        self._revocations = revocations
        self._remembered: dict[str, Verified] = {}
        self._at_the_house = frozenset({means.issuer, means.gateway})
        self._at_the_gateway = frozenset({means.gateway})

    async def by_access_token(self, inbound: Inbound) -> Caller:
        """Authenticate a request to the house's own API.

        An agent's token for the gateway is good here too: it lets the agent see its own trail.

        Raises:
            AuthenticationFailed: The token, or the proof that must go with it, does not hold.
        """
        caller = self.authenticate(inbound, self._at_the_house)
        if caller.restriction is not None:
            raise AuthenticationFailed("a token for one call is good at the gateway only")
        return caller

    async def by_gateway_token(self, inbound: Inbound) -> Caller:
        """Authenticate a call through the gateway: only a token that is meant for it, and only an agent's.

        Raises:
            AuthenticationFailed: The token does not hold.
        """
        caller = self.authenticate(inbound, self._at_the_gateway)
        return caller if caller.restriction is None else for_this_call(caller, inbound)

    def authenticate(self, inbound: Inbound, audiences: frozenset[str]) -> Caller:
        """Authenticate `inbound` by a token that is meant for one of `audiences`.

        Raises:
            AuthenticationFailed: The token, or the proof that must go with it, does not hold.
        """
        scheme, _, token = inbound.headers.get("authorization", "").partition(" ")
        verified = self.verified(token)
        if verified.audience not in audiences:
            raise AuthenticationFailed("the token is for another audience")
        match scheme.lower():
            case "bearer":
                # RFC 9449 section 7.2: a bound token under Bearer would be a bearer token again.
                if verified.jkt:
                    raise AuthenticationFailed("the token is bound to a key; send it with a DPoP proof")
                return _from(verified.caller, inbound.client_ip)
            case "dpop" if verified.jkt:
                return self._with_proof(inbound, token, verified)
            case _:
                raise AuthenticationFailed("no token under a known scheme")

    def verified(self, token: str) -> Verified:
        """Return who and what `token` (claimed) is for, when it holds at this instant.

        Raises:
            AuthenticationFailed: It does not.
        """
        verified = self._remembered.get(token)
        if verified is None:
            verified = self._verify(token)
            if len(self._remembered) >= _REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[token] = verified
        if self._means.clock.now() >= verified.caller.expires_at:
            self._remembered.pop(token, None)
            raise AuthenticationFailed("the token has expired")
        if self._keys.verifier(verified.kid) is None:
            self._remembered.pop(token, None)
            raise AuthenticationFailed("the token's key is gone")
        if self._revocations.is_revoked(verified.caller):
            raise AuthenticationFailed("the token, its session or its holder was revoked")
        return verified

    def _verify(self, token: str) -> Verified:
        try:
            jws = parse_compact(token)
            if jws.header.typ.lower() not in _TYPES:
                raise AuthenticationFailed("the token is no access token")
            key = self._keys.verifier(jws.header.kid)
            if key is None:
                raise AuthenticationFailed("the token's key is unknown")
            jws.check_claims()
            claims = _decode(jws.verified_payload(key))
        except MalformedToken:
            raise AuthenticationFailed("the token is missing or malformed") from None
        except BadSignature:
            raise AuthenticationFailed("the token's signature does not hold") from None
        except UNREADABLE:
            raise AuthenticationFailed("the token's claims are malformed") from None
        if claims.iss != self._means.issuer:
            raise AuthenticationFailed("the token is another issuer's")
        jkt = claims.cnf.jkt if claims.cnf is not None else ""
        caller = caller_of(claims, self._means.directory)
        if caller.kind is CallerKind.OPERATOR and not jkt:
            raise AuthenticationFailed("an operator's token is bound to their key")
        return Verified(caller, claims.aud, jws.header.kid, jkt, claims)

    def _with_proof(self, inbound: Inbound, token: str, verified: Verified) -> Caller:
        proof = inbound.headers.get("dpop", "")
        bound = Bound(inbound.method, self._means.issuer + inbound.path, token, verified.jkt)
        claim = self._proofs.at_resource(proof, bound)
        return msgspec.structs.replace(verified.caller, client_ip=inbound.client_ip, claims=(claim,))


def _from(caller: Caller, client_ip: str) -> Caller:
    if caller.lineage or caller.subject or caller.restriction is not None:
        return msgspec.structs.replace(caller, client_ip=client_ip)
    # `structs.replace` costs three times this, and every call of an agent comes here.
    return Caller(
        caller.principal,
        caller.kind,
        caller.role,
        caller.session,
        caller.jti,
        caller.scopes,
        caller.expires_at,
        client_ip,
        session_at=caller.session_at,
        authn=caller.authn,
        binding=caller.binding,
    )
