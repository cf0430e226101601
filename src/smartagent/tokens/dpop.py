# SPDX-License-Identifier: Apache-2.0
"""DPoP proofs: whoever sends the token also holds the key it is bound to.

Spec: RFC 9449 section 4.3, the checks in its order.  Absent: 9 (nonce), because a proof is
claimed once and lives a minute.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.crypto import (
    BadSignature,
    MalformedKey,
    MalformedToken,
    PublicKey,
    b64u,
    claim_key,
    equal,
    parse_compact,
    sha256,
)
from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Claim
from smartagent.tokens.model import UNREADABLE

PROOF_LIFE_SECONDS: Final = 60
MAX_JTI_CHARS: Final = 255
_TYPE: Final = "dpop+jwt"
_PORTS: Final = {"https": 443, "http": 80}


class ProofClaims(msgspec.Struct, frozen=True, gc=False):
    """What a proof says.  `iat` may have a fraction."""

    jti: str
    htm: str
    htu: str
    iat: int | float
    ath: str = ""


class Bound(msgspec.Struct, frozen=True, gc=False):
    """What a proof must be for: this request, with this token, by the holder of this key."""

    method: str
    url: str
    token: str
    jkt: str


_decode: Final = msgspec.json.Decoder(ProofClaims).decode


def check_proof(proof: str, bound: Bound, *, now: float) -> Claim:
    """Return the claim that makes `proof` work once.

    Args:
        proof: The `DPoP` header as received.
        bound: What it must be for; `url` is the house's own name for the target, not what the
            request says about itself.
        now: Unix seconds.

    Raises:
        AuthenticationFailed: It is not such a proof.
    """
    # 1. Exactly one header: several come joined by ", ", which no compact JWS holds.
    claims = _signed_claims(proof, bound.jkt)
    # 8. htm matches.
    if claims.htm != bound.method:
        raise AuthenticationFailed("the DPoP proof is for another method")
    # 9. htu matches, without query and fragment.
    if _plain(claims.htu) != _plain(bound.url):
        raise AuthenticationFailed("the DPoP proof is for another target")
    # 11. It is fresh, and not from the future.
    if not now - PROOF_LIFE_SECONDS <= claims.iat <= now + PROOF_LIFE_SECONDS:
        raise AuthenticationFailed("the DPoP proof is stale, or from the future")
    # 12. It goes with this token.
    if not equal(claims.ath.encode(), b64u(sha256(bound.token.encode())).encode()):
        raise AuthenticationFailed("the DPoP proof is for another token")
    if not 1 <= len(claims.jti) <= MAX_JTI_CHARS:
        raise AuthenticationFailed("the DPoP proof has no usable jti")
    # After this instant the proof is stale by the rule above.
    until = int(claims.iat) + PROOF_LIFE_SECONDS + 1
    return Claim(
        claim_key("dpop", bound.jkt, claims.jti), until, AuthenticationFailed("the DPoP proof was used")
    )


def _signed_claims(proof: str, jkt: str) -> ProofClaims:
    try:
        # 2. Well formed.  5. An asymmetric algorithm that we do.  10. No private key in `jwk`.
        jws = parse_compact(proof)
        # 4. Its type.
        if jws.header.typ != _TYPE:
            raise AuthenticationFailed("the DPoP header is no DPoP proof")
        key = PublicKey.from_jwk(jws.header.jwk)
        # 12. The key is the one that the token is bound to.
        if key.thumbprint != jkt:
            raise AuthenticationFailed("the DPoP proof is by another key")
        # 6. Its signature.  3. All required claims.
        return _decode(jws.verified_payload(key))
    except (MalformedToken, MalformedKey):
        raise AuthenticationFailed("the DPoP proof is malformed") from None
    except BadSignature:
        raise AuthenticationFailed("the DPoP proof's signature does not hold") from None
    except UNREADABLE:
        raise AuthenticationFailed("the DPoP proof's claims are malformed") from None


def _plain(url: str) -> tuple[str, str, int | None, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AuthenticationFailed("the DPoP proof's target is malformed") from None
    if parts.username is not None or not parts.hostname:
        raise AuthenticationFailed("the DPoP proof's target is malformed")
    # urlsplit gives scheme and host in lower case (RFC 3986 section 6.2.2.1).
    return (
        parts.scheme,
        parts.hostname,
        port if port is not None else _PORTS.get(parts.scheme),
        parts.path or "/",
    )
