# SPDX-License-Identifier: Apache-2.0
"""Receiving the issuer's security events, whichever way they come.

A push receiver gives each body to `SetReceiver.receive` and sends back what it returns; one that polls
gives it each token, and acknowledges those that were taken.

Spec: RFC 8417 section 2, RFC 8935 section 2, SSF 1.0 section 4.1, CAEP 1.0 section 3.1.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from smartagent.crypto import (
    ASYMMETRIC,
    BadSignature,
    MalformedJson,
    MalformedToken,
    SystemClock,
    parse_compact,
    strict_json,
)
from smartagent.kernel import Clock
from smartagent.sdk.errors import KeysUnavailable, RevocationUnknown, TokenKeyUnknown
from smartagent.sdk.fetch import Fetch, fetch_with_aiohttp
from smartagent.sdk.jwks import IssuerKeys
from smartagent.sdk.revocation import Heard
from smartagent.sdk.verifier import VerifiedToken

SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"
MEDIA_TYPE: Final = "application/secevent+jwt"
MAX_SET_BYTES: Final = 65_536
LASTS_SECONDS: Final = 7200
"""For how long a revocation is remembered after its event: no token lives longer than an hour."""
_TYPES: Final = frozenset({"secevent+jwt", MEDIA_TYPE})
_REMEMBERED: Final = 8192
_LEEWAY_SECONDS: Final = 300


class SetAnswer(msgspec.Struct, frozen=True):
    """What to answer the transmitter: 202, or 400 (503 while keys cannot be had) with a JSON body.

    `err` is empty when the event was taken; `taken` says so.
    """

    status: int
    body: bytes = b""
    err: str = ""

    @property
    def taken(self) -> bool:
        """Whether the event was taken: acknowledge it."""
        return not self.err


class _Subject(msgspec.Struct, frozen=True):
    format: str
    iss: str = ""
    sub: str = ""
    jti: str = ""
    id: str = ""


class _Event(msgspec.Struct, frozen=True):
    event_timestamp: int | float | None = None
    state: str = ""


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    iat: int
    jti: str
    events: dict[str, dict[str, object]]
    sub_id: dict[str, object]


class _Refused(Exception):
    def __init__(self, err: str, description: str) -> None:
        super().__init__(description)
        self.err = err


class SetReceiver:
    """Takes security event tokens, and knows what they revoked.  For use within one event loop.

    Args:
        issuer: As its tokens and events name it.
        audience: As the stream's configuration says (`aud`).
        jwks_url: Where the keys are; by default the issuer's metadata says.
        max_staleness_seconds: How long ago the last event may have come; past it nobody is served.  A stream
            on which nothing happens is silent: have verifications sent more often than this.  None means that
            silence says nothing.
        on_verification: Told the `state` of each verification.
        clock: The time.
        fetch: Gets keys.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of the service's owner, all but two have a default
        self,
        issuer: str,
        audience: str,
        *,
        jwks_url: str | None = None,
        max_staleness_seconds: float | None = None,
        on_verification: Callable[[str], None] | None = None,
        clock: Clock | None = None,
        fetch: Fetch = fetch_with_aiohttp,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._max_staleness = max_staleness_seconds
        self._on_verification = on_verification
        self._clock = clock or SystemClock()
        self._keys = IssuerKeys(issuer, jwks_url, fetch, self._clock, _nothing, ASYMMETRIC)
        self._heard = Heard()
        self._seen: dict[str, None] = {}
        self._heard_at = float("-inf")

    @property
    def staleness_seconds(self) -> float:
        """How long ago the last event came; infinite before the first."""
        return self._clock.monotonic() - self._heard_at

    async def receive(self, body: bytes, content_type: str = MEDIA_TYPE) -> SetAnswer:
        """Take one event, as it was pushed or polled.

        Args:
            body: The token.
            content_type: Of the push.
        """
        try:
            _check_media_type(content_type)
            claims = await self._claims_of(body)
            if claims.jti not in self._seen:
                self._apply(claims)
        except KeysUnavailable:
            return _answer(503, "authentication_failed", "the issuer's keys cannot be had; send it again")
        except _Refused as refused:
            return _answer(400, refused.err, str(refused))
        self._heard_at = self._clock.monotonic()
        if len(self._seen) >= _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[claims.jti] = None
        return SetAnswer(202)

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return what was heard, while that is recent enough."""
        if self._max_staleness is not None and self.staleness_seconds > self._max_staleness:
            return None
        return self._heard.kills(token)

    async def is_revoked(self, token: VerifiedToken, _raw: str, /) -> bool:
        """Return what was heard.

        Raises:
            RevocationUnknown: Nothing has come for longer than the service allows.
        """
        known = self.known(token)
        if known is None:
            raise RevocationUnknown("no event has come from the issuer for too long")
        return known

    async def _claims_of(self, body: bytes) -> _Claims:
        try:
            jws = parse_compact(body.decode("ascii").strip(), MAX_SET_BYTES, ASYMMETRIC)
            # Explicit typing keeps every other token of the same issuer out (SSF 1.0 section 4.1.1).
            if jws.header.typ.lower() not in _TYPES:
                raise _Refused("invalid_request", "typ is not secevent+jwt")
            published = self._keys.known(jws.header.kid) or await self._keys.find(jws.header.kid)
            payload = strict_json(jws.verified_payload(published.key), MAX_SET_BYTES)
            claims = msgspec.convert(payload, _Claims)
        except TokenKeyUnknown:
            raise _Refused("invalid_key", "the issuer publishes no such key") from None
        except BadSignature:
            raise _Refused("invalid_key", "the signature does not hold") from None
        except (UnicodeDecodeError, MalformedToken, MalformedJson, msgspec.ValidationError):
            raise _Refused("invalid_request", "the token or its claims are malformed") from None
        self._check(claims, payload)
        return claims

    def _check(self, claims: _Claims, payload: object) -> None:
        # SSF 1.0 sections 4.1.3 and 4.1.7: neither may be there.
        if isinstance(payload, Mapping) and payload.keys() & {"sub", "exp"}:
            raise _Refused("invalid_request", "a security event token has neither sub nor exp")
        if claims.iss != self._issuer:
            raise _Refused("invalid_issuer", "iss is not the issuer")
        if self._audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
            raise _Refused("invalid_audience", "aud does not name this receiver")
        if claims.iat > self._clock.now() + _LEEWAY_SECONDS or not claims.events or not claims.jti:
            raise _Refused("invalid_request", "iat lies ahead, or jti or events is empty")

    def _apply(self, claims: _Claims) -> None:
        for name in claims.events.keys() & {SESSION_REVOKED, VERIFICATION}:
            try:
                event = msgspec.convert(claims.events[name], _Event)
                subject = msgspec.convert(claims.sub_id, _Subject)
            except msgspec.ValidationError:
                raise _Refused("invalid_request", "the event or its subject is malformed") from None
            if name == SESSION_REVOKED:
                at = claims.iat if event.event_timestamp is None else int(event.event_timestamp)
                self._revoked(subject, at)
            elif self._on_verification is not None:
                self._on_verification(event.state)
        self._heard.tidy(self._clock.now())

    def _revoked(self, subject: _Subject, at: int) -> None:
        until = int(self._clock.now()) + LASTS_SECONDS
        if subject.format == "iss_sub" and subject.iss == self._issuer and subject.sub:
            # The second that the event names is not over: what was issued within it is dead, too.
            self._heard.revoked("agent", subject.sub, at * 1000 + 999, until)
            if not subject.sub.startswith(("agt_", "opr_", "prs_")):
                self._heard.revoked("client", subject.sub, at * 1000, until)
        elif subject.format == "jwt_id" and subject.iss == self._issuer and subject.jti:
            self._heard.revoked("token", subject.jti, at * 1000, until)
        elif subject.format == "opaque" and subject.id:
            self._heard.revoked("session", subject.id, at * 1000, until)
        else:
            # Somebody wanted a session ended; not to say that it was not would leave it alive unnoticed.
            raise _Refused("invalid_request", "the subject is none of this issuer's")


def _check_media_type(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise _Refused("invalid_request", f"send {MEDIA_TYPE}")


def _answer(status: int, err: str, description: str) -> SetAnswer:
    return SetAnswer(status, msgspec.json.encode({"err": err, "description": description}), err)


def _nothing() -> None:
    """No event is remembered by the key that signed it."""
