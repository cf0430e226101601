# SPDX-License-Identifier: Apache-2.0
"""Verifying a token that somebody outside issued.

The order is that of RFC 8725 section 3: what a token says of itself (its `iss`, `alg`, `kid`) only
selects among what an operator configured, and is never an address to fetch from.

    1. take it apart           bounded, compact, asymmetric; no key of its own
    2. type                    only the one that the purpose takes, so that no token of another kind passes
    3. issuer                  configured, and trusted for this purpose
    4. algorithm and key       of the issuer's, by its entry
    5. signature
    6. audience                a configured one
    7. times                   issued in the past, alive, and not for longer than the entry allows
    8. subject, kind           what tokens of such an issuer must have
    9. rule                    what it admits, as what

Spec: RFC 7519 sections 4.1 and 7.2; RFC 8725 sections 3.1, 3.2, 3.8 to 3.12; RFC 7523 section 3; OpenID
Connect Core section 3.1.3.7.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.crypto import (
    ASYMMETRIC,
    MalformedJson,
    MalformedToken,
    UnverifiedJws,
    b64u,
    claim_key,
    parse_compact,
    sha256,
    strict_json,
)
from smartagent.edge import AuthenticationFailed
from smartagent.federation.claims import is_line, rule_for
from smartagent.federation.kinds import why_not_of_kind
from smartagent.federation.model import Purpose, TrustedIssuer
from smartagent.kernel import Claim

MAX_TOKEN_BYTES: Final = 16_384
LEEWAY_SECONDS: Final = 60
MAX_SUBJECT_CHARS: Final = 255
_MAX_JTI_CHARS: Final = 512
_TYPES: Final = {
    Purpose.WORKLOAD: frozenset({"", "jwt", "jose"}),
    Purpose.PERSON: frozenset({"", "jwt", "jose"}),
    Purpose.ID_JAG: frozenset({"oauth-id-jag+jwt"}),
}


class Times(msgspec.Struct, frozen=True):
    """When a token was issued and until when it lives, in Unix seconds."""

    issued_at: float
    expires_at: float


class Foreign(msgspec.Struct, frozen=True):
    """What a token of an outside issuer proves.

    `claims` are all of its claims.  `role` is what the matching rule says, `rule` its number; both are empty
    for an issuer without rules.  `once` makes the token work once: whoever accepts it commits the claim.
    `configured_by` is the operator who vouches for the issuer.
    """

    issuer: TrustedIssuer
    sub: str
    claims: Mapping[str, object]
    role: str
    typ: str
    jti: str
    expires_at: int
    once: Claim
    rule: int = 0
    configured_by: str = ""


def parse_token(token: str, purpose: Purpose) -> UnverifiedJws:
    """Take a token apart, and make sure that it is of the type which `purpose` takes.

    Raises:
        AuthenticationFailed: It is malformed, brings its own key, or is a token of another type.
    """
    try:
        jws = parse_compact(token, MAX_TOKEN_BYTES, ASYMMETRIC)
    except MalformedToken as error:
        raise AuthenticationFailed(f"the outside token: {error}") from None
    if jws.header.jwk is not None:
        raise AuthenticationFailed("the outside token brings its own key")
    if jws.header.typ.lower().removeprefix("application/") not in _TYPES[purpose]:
        # An access token, a logout token, a security event: signed by the same keys, for another end.
        raise AuthenticationFailed("the outside token is of another type")
    return jws


def parse_claims(payload: bytes) -> dict[str, object]:
    """Read the claims of a token.

    Raises:
        AuthenticationFailed: They are no JSON object that can be read in one way.
    """
    try:
        claims = strict_json(payload, MAX_TOKEN_BYTES)
    except MalformedJson as error:
        raise AuthenticationFailed(f"the outside token's claims: {error}") from None
    if not isinstance(claims, dict):
        raise AuthenticationFailed("the outside token's claims are no object")
    return claims


def foreign_of(
    jws: UnverifiedJws, claims: dict[str, object], issuer: TrustedIssuer, purpose: Purpose, now: float
) -> Foreign:
    """Return what a token proves whose signature was verified with a key of `issuer`.

    Raises:
        AuthenticationFailed: It is for another audience, out of time, not of the issuer's kind, or no rule
            admits it.
    """
    check_audience(claims, issuer, purpose)
    times = check_times(claims, issuer, now)
    sub = claims.get("sub")
    if not isinstance(sub, str) or not is_line(sub, MAX_SUBJECT_CHARS):
        raise AuthenticationFailed("the outside token's sub is missing or malformed")
    if purpose is Purpose.WORKLOAD:
        wrong = why_not_of_kind(issuer.kind, claims)
        if wrong:
            raise AuthenticationFailed(wrong)
    number, role = _admitted(issuer, claims)
    jti = _jti(claims)
    expires_at = math.ceil(times.expires_at) + LEEWAY_SECONDS
    return Foreign(
        issuer=issuer,
        sub=sub,
        claims=claims,
        role=role,
        typ=jws.header.typ,
        jti=jti,
        expires_at=expires_at,
        once=_once(jws, issuer, purpose, jti, expires_at),
        rule=number,
    )


def check_audience(claims: Mapping[str, object], issuer: TrustedIssuer, purpose: Purpose) -> None:
    """Make sure that the token is for us.

    Of several audiences each could play the token to the others, so all must be configured.  An ID token
    may have more, when it says that it was made for one of ours (`azp`).  An ID-JAG has one audience.

    Raises:
        AuthenticationFailed: It is not.
    """
    aud = claims.get("aud")
    audiences = [aud] if isinstance(aud, str) else aud
    if not isinstance(audiences, list) or not any(one in issuer.audiences for one in audiences):
        raise AuthenticationFailed("the outside token is for another audience")
    if purpose is Purpose.ID_JAG and len(audiences) != 1:
        raise AuthenticationFailed("an identity assertion has one audience")
    if all(one in issuer.audiences for one in audiences):
        return
    if purpose is not Purpose.PERSON or claims.get("azp") not in issuer.audiences:
        raise AuthenticationFailed("the outside token is for other audiences too")


def check_times(claims: Mapping[str, object], issuer: TrustedIssuer, now: float) -> Times:
    """Make sure that the token is alive at `now`, give or take a minute, and not for too long.

    Raises:
        AuthenticationFailed: It is not.
    """
    issued_at, expires_at = _instant(claims, "iat"), _instant(claims, "exp")
    not_before = _instant(claims, "nbf") if "nbf" in claims else issued_at
    if max(issued_at, not_before) > now + LEEWAY_SECONDS:
        raise AuthenticationFailed("the outside token is not good yet")
    if now >= expires_at + LEEWAY_SECONDS:
        raise AuthenticationFailed("the outside token has expired")
    if expires_at - issued_at > issuer.max_life_seconds + LEEWAY_SECONDS:
        raise AuthenticationFailed(f"the outside token lives longer than {issuer.max_life_seconds} seconds")
    return Times(issued_at, expires_at)


def _instant(claims: Mapping[str, object], name: str) -> float:
    # RFC 7519 section 2 allows fractions.  JSON's true is a number to Python, and no instant.
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise AuthenticationFailed(f"the outside token's {name} is missing or no instant")
    return float(value)


def _admitted(issuer: TrustedIssuer, claims: Mapping[str, object]) -> tuple[int, str]:
    if not issuer.rules:
        return 0, ""
    found = rule_for(issuer.rules, claims)
    if found is None:
        raise AuthenticationFailed(f"no rule of the issuer {issuer.name} admits the token")
    number, rule = found
    return number, rule.role


def _jti(claims: Mapping[str, object]) -> str:
    jti = claims.get("jti", "")
    if jti == "":
        return ""
    if not isinstance(jti, str) or not is_line(jti, _MAX_JTI_CHARS):
        raise AuthenticationFailed("the outside token's jti is malformed")
    return jti


def _once(jws: UnverifiedJws, issuer: TrustedIssuer, purpose: Purpose, jti: str, until: int) -> Claim:
    # Without a jti, what was signed names the token; its text would not do: an ES256 signature has a twin.
    name = ("jti", jti) if jti else ("digest", b64u(sha256(jws.signing_input)))
    key = claim_key(f"foreign-{purpose.value}", issuer.issuer, *name)
    return Claim(key, until, AuthenticationFailed("the outside token was used"))
