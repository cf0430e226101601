# SPDX-License-Identifier: Apache-2.0
"""Checking an agent's access token, offline but for the issuer's keys.

The order of the checks: form, type, key, signature, and only then what the token says.

Spec: RFC 9068 section 4, RFC 8725 section 3, RFC 6750 section 3.1.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Final, Protocol, runtime_checkable

import msgspec

from smartagent.crypto import (
    BadSignature,
    MalformedJson,
    MalformedToken,
    SystemClock,
    parse_compact,
    strict_json,
)
from smartagent.kernel import Clock
from smartagent.sdk.errors import (
    InsufficientScope,
    InsufficientSignIn,
    TokenAudienceWrong,
    TokenBound,
    TokenClaimsMalformed,
    TokenExpired,
    TokenIssuerWrong,
    TokenKeyUnknown,
    TokenMalformed,
    TokenNotYetValid,
    TokenRevoked,
    TokenSignatureWrong,
    TokenTypeWrong,
)
from smartagent.sdk.fetch import Fetch, fetch_with_aiohttp
from smartagent.sdk.jwks import IssuerKeys

MAX_TOKEN_BYTES: Final = 8192
MAX_LEEWAY_SECONDS: Final = 60
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_REMEMBERED: Final = 8192


class StatusReference(msgspec.Struct, frozen=True, gc=False):
    """Where the state of the token's holder stands (draft-ietf-oauth-status-list-21 section 6.2)."""

    uri: str
    idx: Annotated[int, msgspec.Meta(ge=0)]


class VerifiedToken(msgspec.Struct, frozen=True, gc=False):
    """What a token said, once all of it was checked.  Only a `Verifier` makes one.

    Times are Unix seconds.  `audit_url` is where the issuer keeps what became of this token.  `actor` is who
    acts for the subject, when somebody does (RFC 8693 section 4.1).  `acr` and `auth_time` say how and when a
    person signed in; 0 when nobody did.  `actors` are all who ever acted, and `lineage` the tokens,
    delegations and grants that this one derives from: it dies with any of them.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    jti: str
    expires_at: int
    issued_at: int
    scopes: frozenset[str]
    client_id: str = ""
    role: str = ""
    session_id: str = ""
    audit_url: str = ""
    actor: str = ""
    acr: str = ""
    auth_time: int = 0
    actors: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()
    status: StatusReference | None = None


@runtime_checkable
class RevocationSource(Protocol):
    """Says whether a token that is good otherwise was revoked since it was issued."""

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return what can be said at once, and None when `is_revoked` has to look."""
        ...

    async def is_revoked(self, token: VerifiedToken, raw: str, /) -> bool:
        """Return whether the token, `raw` as it came, was revoked.

        Raises:
            RevocationUnknown: Nobody can say at this moment, so nobody is served.
            InvalidToken: What the token says about its revocation cannot be.
        """
        ...


class _Actor(msgspec.Struct, gc=False):
    sub: str
    act: "_Actor | None" = None


class _Status(msgspec.Struct, gc=False):
    status_list: StatusReference | None = None


class _Claims(msgspec.Struct, gc=False):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int
    jti: str
    nbf: int = 0
    scope: str = ""
    client_id: str = ""
    role: str = ""
    sid: str = ""
    audit_url: str = ""
    cnf: object = None
    act: _Actor | None = None
    acr: str = ""
    auth_time: int = 0
    lin: tuple[str, ...] = ()
    status: _Status | None = None


class Verifier:
    """Verifies tokens of one issuer for one audience.  For use within one event loop.

    Args:
        issuer: The authority's identifier, exactly as its tokens carry it.
        audience: This service's identifier; a token must be meant for it.
        required_scope: Scopes, separated by spaces, that every token must carry.
        jwks_url: Where the keys are; by default the issuer's metadata says, else
            `<issuer>/.well-known/jwks.json`.  Over https, unless named here or on loopback.
        check_revocation: Asked at every use, also of a remembered token; true means revoked.  A function, or
            one of `smartagent.sdk`'s sources.
        leeway_seconds: How far clocks may differ, at most 60.
        clock: The time.
        fetch: Gets the keys; aiohttp by default.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of the service's owner, all but two have a default
        self,
        issuer: str,
        audience: str,
        *,
        required_scope: str = "",
        jwks_url: str | None = None,
        check_revocation: Callable[[VerifiedToken], bool] | RevocationSource | None = None,
        leeway_seconds: int = 30,
        clock: Clock | None = None,
        fetch: Fetch = fetch_with_aiohttp,
    ) -> None:
        if not issuer or not audience:
            message = "an issuer and an audience are needed"
            raise ValueError(message)
        if not 0 <= leeway_seconds <= MAX_LEEWAY_SECONDS:
            message = "leeway_seconds is between 0 and 60"
            raise ValueError(message)
        self._issuer = issuer
        self._audience = audience
        self._required = tuple(required_scope.split())
        self._revocation = _source_of(check_revocation)
        self._leeway = leeway_seconds
        self._clock = clock or SystemClock()
        self._memory = _Memory(_REMEMBERED)
        self._keys = IssuerKeys(issuer, jwks_url, fetch, self._clock, self._memory.forget)

    def verify_cached(self, token: str) -> VerifiedToken | None:
        """Return what is known of a token that was verified before, without awaiting anything.

        None says nothing about the token, only that `verify` has to look: it may be new,
        expired or revoked, or the issuer's keys may be due again.
        """
        clock = self._clock
        found = self._memory.get(token)
        if (
            found is None
            or clock.now() >= found.expires_at + self._leeway
            or clock.monotonic() >= self._keys.fresh_until
            or (self._revocation is not None and self._revocation.known(found) is not False)
        ):
            return None
        return found

    async def verify(self, token: str) -> VerifiedToken:
        """Check a token and return what it says.

        Args:
            token: As it came in `Authorization: Bearer`.

        Raises:
            InvalidToken: Refuse the caller; the subclass and its `code` say why.
            InsufficientScope: The caller is known, but lacks a required scope.
            KeysUnavailable: The issuer's keys cannot be had; try again later.
            RevocationUnknown: Whether it was revoked cannot be said; try again later.
        """
        known = self.verify_cached(token)
        if known is not None:
            return known
        claims = _parse_claims(await self._authentic_payload(token))
        self._check_claims(claims)
        verified = _verified(claims)
        if self._revocation is not None and await self._revocation.is_revoked(verified, token):
            raise TokenRevoked("the token was revoked")
        missing = tuple(scope for scope in self._required if scope not in verified.scopes)
        if missing:
            raise InsufficientScope(self._required, missing)
        self._memory.put(token, verified)
        return verified

    def check_scope(self, verified: VerifiedToken, scope: str) -> None:
        """Let pass a token that carries all of `scope`, which one operation needs beyond what all need.

        Args:
            verified: What `verify` returned.
            scope: Everything that the operation needs, separated by spaces: a client that has to come back
                asks for all of it at once.

        Raises:
            InsufficientScope: It does not.

        Spec: RFC 6750 section 3.1.
        """
        needed = tuple(dict.fromkeys((*self._required, *scope.split())))
        missing = tuple(each for each in needed if each not in verified.scopes)
        if missing:
            raise InsufficientScope(needed, missing)

    def check_sign_in(
        self, verified: VerifiedToken, acr_values: str = "", max_age_seconds: int | None = None
    ) -> None:
        """Let pass a token whose person signed in well and recently enough for one operation.

        Args:
            verified: What `verify` returned.
            acr_values: Which ways to sign in are enough, separated by spaces, the preferred one first.
            max_age_seconds: How long ago it may have been.

        Raises:
            InsufficientSignIn: It was otherwise, or too long ago, or nobody signed in.

        Spec: RFC 9470 sections 3 and 6.
        """
        accepted = tuple(acr_values.split())
        age = self._clock.now() - verified.auth_time
        too_old = max_age_seconds is not None and (
            not verified.auth_time or not -self._leeway <= age <= max_age_seconds + self._leeway
        )
        if too_old or (accepted and verified.acr not in accepted):
            raise InsufficientSignIn(accepted, max_age_seconds)

    async def _authentic_payload(self, token: str) -> bytes:
        try:
            jws = parse_compact(token, MAX_TOKEN_BYTES)
        except MalformedToken as error:
            raise TokenMalformed(str(error)) from error
        if jws.header.typ.lower() not in _TYPES:
            raise TokenTypeWrong("typ is not at+jwt")
        published = self._keys.known(jws.header.kid) or await self._keys.find(jws.header.kid)
        if jws.header.alg not in published.algorithms:
            raise TokenKeyUnknown("the key is published for another algorithm")
        try:
            return jws.verified_payload(published.key)
        except BadSignature as error:
            raise TokenSignatureWrong("the signature does not hold") from error

    def _check_claims(self, claims: _Claims) -> None:
        now = self._clock.now()
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self._issuer:
            raise TokenIssuerWrong("iss is not the expected issuer")
        if self._audience not in audience:
            raise TokenAudienceWrong("aud does not name this service")
        if now >= claims.exp + self._leeway:
            raise TokenExpired("exp has passed")
        if now < max(claims.nbf, claims.iat) - self._leeway:
            raise TokenNotYetValid("nbf or iat lies ahead")
        if claims.cnf is not None:
            raise TokenBound("a bound token is not taken from a bearer")


def _parse_claims(payload: bytes) -> _Claims:
    try:
        claims = msgspec.convert(strict_json(payload, MAX_TOKEN_BYTES), _Claims)
    except MalformedJson as error:
        raise TokenClaimsMalformed(f"the claims: {error}") from error
    except msgspec.ValidationError as error:
        raise TokenClaimsMalformed("a claim is missing or has the wrong type") from error
    if not claims.sub or not claims.jti:
        raise TokenClaimsMalformed("sub or jti is empty")
    return claims


def _verified(claims: _Claims) -> VerifiedToken:
    return VerifiedToken(
        issuer=claims.iss,
        subject=claims.sub,
        audience=(claims.aud,) if isinstance(claims.aud, str) else tuple(claims.aud),
        jti=claims.jti,
        expires_at=claims.exp,
        issued_at=claims.iat,
        scopes=frozenset(claims.scope.split()),
        client_id=claims.client_id,
        role=claims.role,
        session_id=claims.sid,
        audit_url=claims.audit_url,
        actor=claims.act.sub if claims.act is not None else "",
        acr=claims.acr,
        auth_time=claims.auth_time,
        actors=tuple(_actors(claims.act)),
        lineage=claims.lin,
        status=claims.status.status_list if claims.status is not None else None,
    )


def _actors(act: _Actor | None) -> Iterator[str]:
    while act is not None:
        yield act.sub
        act = act.act


class _Function:
    """A plain function as a source of revocations."""

    def __init__(self, ask: Callable[[VerifiedToken], bool]) -> None:
        self.known = ask

    async def is_revoked(self, token: VerifiedToken, _raw: str, /) -> bool:
        return self.known(token)


def _source_of(
    check: Callable[[VerifiedToken], bool] | RevocationSource | None,
) -> RevocationSource | None:
    return check if check is None or isinstance(check, RevocationSource) else _Function(check)


class _Memory:
    """Remembers the tokens used last, in two generations: what the older still gives moves up."""

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._young: dict[str, VerifiedToken] = {}
        self._old: dict[str, VerifiedToken] = {}

    def get(self, token: str) -> VerifiedToken | None:
        found = self._young.get(token)
        if found is None and self._old:
            found = self._old.pop(token, None)
            if found is not None:
                self.put(token, found)
        return found

    def put(self, token: str, verified: VerifiedToken) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[token] = verified

    def forget(self) -> None:
        """Forget all: a key was withdrawn, perhaps because it was stolen."""
        self._young, self._old = {}, {}
