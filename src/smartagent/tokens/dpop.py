# SPDX-License-Identifier: Apache-2.0
"""DPoP proofs: whoever sends the token also holds the key it is bound to.

Spec: RFC 9449 section 4.3, by its numbers; section 8 for the nonces.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.crypto import (
    ASYMMETRIC,
    BadSignature,
    MalformedKey,
    MalformedToken,
    VerifyingKey,
    b64u,
    claim_key,
    equal,
    hmac_sha256,
    parse_compact,
    public_key_from_jwk,
    sha256,
)
from smartagent.edge import AuthenticationFailed, Inbound
from smartagent.kernel import Claim, SmartAgentError
from smartagent.tokens.errors import InvalidDpopProof, UseDpopNonce
from smartagent.tokens.means import Means
from smartagent.tokens.model import UNREADABLE

PROOF_LIFE_SECONDS: Final = 60
MAX_JTI_CHARS: Final = 255
NONCE_WINDOW_SECONDS: Final = 150
"""A nonce is good for this long at least, and for twice that at most."""
_NONCE_BYTES: Final = 16
_TYPE: Final = "dpop+jwt"
_PORTS: Final = {"https": 443, "http": 80}


class ProofClaims(msgspec.Struct, frozen=True, gc=False):
    """What a proof says.  `iat` may have a fraction."""

    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str = ""
    nonce: str = ""


class Proven(msgspec.Struct, frozen=True, gc=False):
    """A proof that holds: the thumbprint of its key, and the claim that makes it work once."""

    jkt: str
    claim: Claim


class Bound(msgspec.Struct, frozen=True, gc=False):
    """What a proof must be for: this request, with this token, by the holder of this key."""

    method: str
    url: str
    token: str
    jkt: str


_decode: Final = msgspec.json.Decoder(ProofClaims).decode


class DpopProofs:
    """Checks proofs, and gives out the nonces that make one fresh."""

    def __init__(self, means: Means) -> None:
        self._clock = means.clock
        self._nonce_key = means.nonce_key

    def at_endpoint(self, inbound: Inbound, url: str) -> Proven | None:
        """Check the proof of a token request, when there is one.

        It must carry a nonce of ours, so nobody can make proofs ahead with a key they had for a moment.

        Raises:
            InvalidDpopProof: It does not hold.
            UseDpopNonce: It holds no nonce that is good now.
        """
        proof = inbound.headers.get("dpop")
        if proof is None:
            return None
        claims, key = _signed_claims(proof)
        _check_target(claims, inbound.method, url)
        if not self._is_good_nonce(claims.nonce):
            raise UseDpopNonce(self.nonce())
        claim = self._once(claims, key.thumbprint, InvalidDpopProof("it was used"))
        return Proven(key.thumbprint, claim)

    def at_resource(self, proof: str, bound: Bound) -> Claim:
        """Return the claim that makes `proof` work once.

        Args:
            proof: The `DPoP` header as received.
            bound: What it must be for; `url` is the house's own name for the target, not what the
                request says about itself.

        Raises:
            AuthenticationFailed: It is not such a proof.
        """
        try:
            claims, key = _signed_claims(proof)
            _check_target(claims, bound.method, bound.url)
            claim = self._once(claims, key.thumbprint, AuthenticationFailed("the DPoP proof was used"))
        except InvalidDpopProof as error:
            raise AuthenticationFailed(f"the DPoP proof: {error}") from None
        # 12. It goes with this token, and its key is the one that the token is bound to.
        if key.thumbprint != bound.jkt:
            raise AuthenticationFailed("the DPoP proof is by another key")
        if not equal(claims.ath.encode(), b64u(sha256(bound.token.encode())).encode()):
            raise AuthenticationFailed("the DPoP proof is for another token")
        # 10. A nonce is not asked for here, where a proof goes with one token; but a wrong one is wrong.
        if claims.nonce and not self._is_good_nonce(claims.nonce):
            raise AuthenticationFailed("the DPoP proof's nonce is stale, or not ours")
        return claim

    def nonce(self) -> str:
        """Return the nonce of this instant.  Every node gives the same, and none remembers it."""
        return self._nonce(int(self._clock.now()) // NONCE_WINDOW_SECONDS)

    def _nonce(self, window: int) -> str:
        return b64u(hmac_sha256(self._nonce_key, b"dpop-nonce/%d" % window)[:_NONCE_BYTES])

    def _is_good_nonce(self, nonce: str) -> bool:
        window = int(self._clock.now()) // NONCE_WINDOW_SECONDS
        given = nonce.encode()
        return any(equal(given, self._nonce(w).encode()) for w in (window, window - 1))

    def _once(self, claims: ProofClaims, jkt: str, lost: SmartAgentError) -> Claim:
        now = self._clock.now()
        # 11. It is fresh, and not from the future.
        if not now - PROOF_LIFE_SECONDS <= claims.iat <= now + PROOF_LIFE_SECONDS:
            raise InvalidDpopProof("it is stale, or from the future")
        if not 1 <= len(claims.jti) <= MAX_JTI_CHARS:
            raise InvalidDpopProof("it has no usable jti")
        # After this instant the proof is stale by the rule above.
        until = int(claims.iat) + PROOF_LIFE_SECONDS + 1
        return Claim(claim_key("dpop", jkt, claims.jti), until, lost)


def _check_target(claims: ProofClaims, method: str, url: str) -> None:
    # 8. htm matches.
    if claims.htm != method:
        raise InvalidDpopProof("it is for another method")
    # 9. htu matches, without query and fragment.
    if _plain(claims.htu) != _plain(url):
        raise InvalidDpopProof("it is for another target")


def _signed_claims(proof: str) -> tuple[ProofClaims, VerifyingKey]:
    try:
        # 1. Exactly one header: several come joined by ", ", which no compact JWS holds.
        # 2. Well formed.  5. An asymmetric algorithm that we do.  7. No private key in `jwk`.
        jws = parse_compact(proof, algorithms=ASYMMETRIC)
        jws.check_claims()
        # 4. Its type.
        if jws.header.typ != _TYPE:
            raise InvalidDpopProof("its type is not dpop+jwt")
        key = public_key_from_jwk(jws.header.jwk)
        # 6. Its signature.  3. All required claims.
        return _decode(jws.verified_payload(key)), key
    except (MalformedToken, MalformedKey):
        raise InvalidDpopProof("it is malformed") from None
    except BadSignature:
        raise InvalidDpopProof("its signature does not hold") from None
    except UNREADABLE:
        raise InvalidDpopProof("its claims are malformed") from None


def _plain(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidDpopProof("its target is malformed") from None
    if parts.username is not None or not parts.hostname:
        raise InvalidDpopProof("its target is malformed")
    # urlsplit gives scheme and host in lower case (RFC 3986 section 6.2.2.1).
    return (
        parts.scheme,
        parts.hostname,
        port if port is not None else _PORTS.get(parts.scheme),
        parts.path or "/",
    )
