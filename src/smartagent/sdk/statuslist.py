# SPDX-License-Identifier: Apache-2.0
"""Status lists: fetched once for all tokens that refer to them, and never believed past their time.

Spec: draft-ietf-oauth-status-list-21 sections 4.1, 5.1, 6.2, 8.1, 8.3 and 11.5.
"""

import asyncio
import logging
import zlib
from typing import Annotated, Final, Literal

import msgspec

from smartagent.crypto import (
    BadSignature,
    MalformedEncoding,
    MalformedJson,
    MalformedToken,
    SystemClock,
    parse_compact,
    strict_json,
    unb64u,
)
from smartagent.kernel import Clock
from smartagent.sdk.errors import RevocationUnknown, TokenClaimsMalformed
from smartagent.sdk.fetch import Fetch, Fetched, fetch_with_aiohttp
from smartagent.sdk.jwks import IssuerKeys
from smartagent.sdk.verifier import StatusReference, VerifiedToken

MAX_TOKEN_BYTES: Final = 262_144
MAX_LIST_BYTES: Final = 1_048_576
"""What a list may be when it is inflated: four million entries of two bits.  More is a bomb."""
MEDIA_TYPE: Final = "application/statuslist+jwt"
VALID: Final = 0
_TYPES: Final = frozenset({"statuslist+jwt", MEDIA_TYPE})
_OK: Final = 200
_LEEWAY_SECONDS: Final = 60
_RETRY_SECONDS: Final = 1.0
_SHORTEST_TTL_SECONDS: Final = 1
_LONGEST_TTL_SECONDS: Final = 86_400
_DEFAULT_TTL_SECONDS: Final = 60
_MOST_LISTS: Final = 256

_log = logging.getLogger(__name__)


class StatusList(msgspec.Struct, frozen=True):
    """The list within the token (section 4.2)."""

    bits: Literal[1, 2, 4, 8]
    lst: str


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iat: int
    status_list: StatusList
    exp: int | None = None
    ttl: Annotated[int, msgspec.Meta(gt=0)] | None = None
    iss: str | None = None


class _Known(msgspec.Struct, frozen=True):
    packed: bytes
    bits: int
    issued_at: int
    expires_at: int | None
    look_again_at: float


def inflated(status_list: StatusList) -> bytes:
    """Return the packed values of a list.

    Raises:
        RevocationUnknown: It is not DEFLATE in the ZLIB format, or larger than any list need be.
    """
    try:
        raw = unb64u(status_list.lst)
        machine = zlib.decompressobj()
        packed = machine.decompress(raw, MAX_LIST_BYTES + 1)
    except (MalformedEncoding, zlib.error):
        raise RevocationUnknown("the status list cannot be read") from None
    if len(packed) > MAX_LIST_BYTES or not machine.eof or machine.unused_data:
        raise RevocationUnknown("the status list is too large, cut off, or followed by something")
    return packed


def value_at(packed: bytes, bits: int, idx: int) -> int:
    """Return the value at an index: the lowest bits of a byte come first.

    Raises:
        IndexError: The list is not that long.
    """
    per_byte = 8 // bits
    return packed[idx // per_byte] >> idx % per_byte * bits & (1 << bits) - 1


async def fetch_status_list(url: str, /) -> Fetched:
    """Get a list with aiohttp.

    Raises:
        KeysUnavailable: No answer within five seconds, or more than 256 KiB.
    """
    return await fetch_with_aiohttp(url, accept=MEDIA_TYPE)


class StatusListSource:
    """Looks tokens' holders up in their issuer's status lists.  For use within one event loop.

    A list is fetched again when its time to live is over.  While it cannot be, the one that is known is
    believed until it is `max_staleness_seconds` old, counted from when the issuer signed it, and no longer.

    Args:
        issuer: As its tokens name it; its lists lie beneath this address.
        max_staleness_seconds: How old the issuer's word may be; past it nobody is served.
        required: Whether a token must refer to a list.  Only agents' tokens do, and not in the first moments
            of an agent's life; a token without a reference passes otherwise.
        jwks_url: Where the keys are; by default the issuer's metadata says.
        clock: The time.
        fetch: Gets lists.
        fetch_keys: Gets keys.
    """

    def __init__(  # noqa: PLR0913 -- each is a choice of the service's owner, all but one have a default
        self,
        issuer: str,
        *,
        max_staleness_seconds: float = 300.0,
        required: bool = False,
        jwks_url: str | None = None,
        clock: Clock | None = None,
        fetch: Fetch = fetch_status_list,
        fetch_keys: Fetch = fetch_with_aiohttp,
    ) -> None:
        self._issuer = issuer
        self._max_staleness = max_staleness_seconds
        self._required = required
        self._clock = clock or SystemClock()
        self._fetch = fetch
        self._lists: dict[str, _Known] = {}
        self._tried_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._keys = IssuerKeys(issuer, jwks_url, fetch_keys, self._clock, self._lists.clear)

    def staleness_seconds(self, uri: str) -> float:
        """Return how long ago the issuer signed what is known of a list; infinite when nothing is."""
        known = self._lists.get(uri)
        return float("inf") if known is None else self._clock.now() - known.issued_at

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return what the list says that is known, while it is fresh."""
        if token.status is None:
            return None if self._required else False
        known = self._lists.get(token.status.uri)
        if known is None or self._clock.monotonic() >= known.look_again_at or not self._believable(known):
            return None
        try:
            return value_at(known.packed, known.bits, token.status.idx) != VALID
        except IndexError:
            return None

    async def is_revoked(self, token: VerifiedToken, _raw: str, /) -> bool:
        """Return whether the holder's value is anything but valid: suspended counts, and so does the unknown.

        Raises:
            TokenClaimsMalformed: The token refers to no list, to another's, or past the list's end.
            RevocationUnknown: No list can be had that is recent enough.
        """
        if token.status is None:
            if self._required:
                raise TokenClaimsMalformed("the token refers to no status list")
            return False
        known = await self._list_of(token.status)
        try:
            return value_at(known.packed, known.bits, token.status.idx) != VALID
        except IndexError:
            raise TokenClaimsMalformed("the token refers past the end of its status list") from None

    async def _list_of(self, reference: StatusReference) -> _Known:
        uri = reference.uri
        if not uri.startswith(f"{self._issuer}/"):
            raise TokenClaimsMalformed("the token refers to a status list that is not its issuer's")
        known = self._lists.get(uri)
        now = self._clock.monotonic()
        if known is None or now >= known.look_again_at:
            if uri not in self._running and now - self._tried_at.get(uri, -_RETRY_SECONDS) >= _RETRY_SECONDS:
                self._tried_at[uri] = now
                self._running[uri] = asyncio.create_task(self._load(uri))
            if uri in self._running:
                # One request for all who wait; whoever is cancelled leaves it running for the others.
                await asyncio.shield(self._running[uri])
            known = self._lists.get(uri)
        if known is None or not self._believable(known):
            raise RevocationUnknown("no status list is recent enough")
        return known

    def _believable(self, known: _Known) -> bool:
        now = self._clock.now()
        return now - known.issued_at <= self._max_staleness and (
            known.expires_at is None or now < known.expires_at
        )

    async def _load(self, uri: str) -> None:
        try:
            known = await self._fetched(uri)
            before = self._lists.get(uri)
            # A cache on the way may give an older list than the one that is known already.
            if before is None or known.issued_at >= before.issued_at:
                if len(self._lists) >= _MOST_LISTS:
                    self._lists.clear()
                    self._tried_at.clear()
                self._lists[uri] = known
        except Exception as error:  # noqa: BLE001 -- whatever a foreign Fetch raises, there is no newer list
            # What is known stays known; `_believable` says for how long.
            _log.warning("a status list cannot be had: %s", error)
        finally:
            del self._running[uri]

    async def _fetched(self, uri: str) -> _Known:
        answer = await self._fetch(uri)
        if answer.status != _OK:
            raise RevocationUnknown("the issuer did not give its status list")
        claims = await self._claims_of(answer.body)
        # Section 8.3, in its order: the subject, then the times.
        if claims.sub != uri or claims.iss not in (None, self._issuer):
            raise RevocationUnknown("the status list is another one")
        now = self._clock.now()
        if claims.iat > now + _LEEWAY_SECONDS or (claims.exp is not None and now >= claims.exp):
            raise RevocationUnknown("the status list has expired, or is not valid yet")
        # Section 11.5: a ttl out of reason would have us hammer the issuer, or never look again.
        ttl = claims.ttl if claims.ttl is not None else _DEFAULT_TTL_SECONDS
        ttl = max(_SHORTEST_TTL_SECONDS, min(ttl, _LONGEST_TTL_SECONDS))
        return _Known(
            packed=inflated(claims.status_list),
            bits=claims.status_list.bits,
            issued_at=claims.iat,
            expires_at=claims.exp,
            look_again_at=self._clock.monotonic() + ttl,
        )

    async def _claims_of(self, body: bytes) -> _Claims:
        try:
            jws = parse_compact(body.decode("ascii"), MAX_TOKEN_BYTES)
            if jws.header.typ.lower() not in _TYPES:
                raise RevocationUnknown("typ is not statuslist+jwt")
            published = self._keys.known(jws.header.kid) or await self._keys.find(jws.header.kid)
            payload = jws.verified_payload(published.key)
            return msgspec.convert(strict_json(payload, MAX_TOKEN_BYTES), _Claims)
        except (UnicodeDecodeError, MalformedToken, MalformedJson, msgspec.ValidationError) as error:
            raise RevocationUnknown("the status list token is malformed") from error
        except BadSignature as error:
            raise RevocationUnknown("the status list token's signature does not hold") from error
