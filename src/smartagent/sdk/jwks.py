# SPDX-License-Identifier: Apache-2.0
"""The issuer's keys: fetched once for many tokens, and never kept past their time.

    nothing --fetched--> fresh --max-age--> stale --grace--> unusable
                           ^                  |
                           +----- fetched ----+      (failed: retried, at most every 5 s)

An unknown key id makes us look again, but at most once a minute: anybody can make one up.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.crypto import (
    ED25519,
    MalformedJson,
    MalformedKey,
    VerifyingKey,
    public_key_from_jwk,
    strict_json,
)
from smartagent.kernel import Clock
from smartagent.sdk.errors import KeysUnavailable, TokenKeyUnknown
from smartagent.sdk.fetch import MAX_BODY_BYTES, Fetch

UNKNOWN_KEY_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 3600.0
_SHORTEST_LIFE_SECONDS: Final = 60
_DEFAULT_LIFE_SECONDS: Final = 300
_LONGEST_LIFE_SECONDS: Final = 86_400
_MAX_KEYS: Final = 100
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})(?:$|[\s,])", re.IGNORECASE)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OK: Final = 200
_NOT_FOUND: Final = 404


class PublishedKey(msgspec.Struct, frozen=True):
    """A key and the names of algorithms a header may give with it."""

    key: VerifyingKey
    algorithms: frozenset[str]


def parse_jwks(body: bytes, algorithms: frozenset[str] = ED25519) -> dict[str, PublishedKey]:
    """Read a JWK set (RFC 7517 section 5) into keys by their `kid`.

    A key that we cannot use is left out and never spoils the others.  Two different keys of
    one name are both left out: neither can be told from the other.

    Args:
        body: The set.
        algorithms: What is verified with the keys; a key for anything else is one we cannot use.

    Raises:
        KeysUnavailable: The document is no JWK set at all.
    """
    try:
        document = strict_json(body, MAX_BODY_BYTES)
    except MalformedJson as error:
        raise KeysUnavailable("the key set is not JSON") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeysUnavailable("the key set has no keys")
    keys: dict[str, PublishedKey] = {}
    twice: set[str] = set()
    for entry in entries[:_MAX_KEYS]:
        kid, published = _usable(entry, algorithms)
        if published is not None and keys.setdefault(kid, published) != published:
            twice.add(kid)
    return {kid: published for kid, published in keys.items() if kid not in twice}


def parse_life(cache_control: str) -> int:
    """Return for how many seconds a key set may be used, between a minute and a day."""
    found = _MAX_AGE.search(cache_control)
    life = int(found[1]) if found else _DEFAULT_LIFE_SECONDS
    return max(_SHORTEST_LIFE_SECONDS, min(life, _LONGEST_LIFE_SECONDS))


def _usable(entry: object, algorithms: frozenset[str]) -> tuple[str, PublishedKey | None]:
    if not isinstance(entry, Mapping):
        return "", None
    kid, alg, operations = entry.get("kid"), entry.get("alg"), entry.get("key_ops", ["verify"])
    if not isinstance(kid, str) or not kid or entry.get("use", "sig") != "sig":
        return "", None
    if not isinstance(operations, list) or "verify" not in operations:
        return "", None
    if alg is not None and not (isinstance(alg, str) and alg in algorithms):
        return "", None
    try:
        key = public_key_from_jwk(entry)
    except MalformedKey:
        return "", None
    usable = key.algorithms & (algorithms if alg is None else frozenset({alg}))
    return (kid, PublishedKey(key, usable)) if usable else ("", None)


class IssuerKeys:
    """The keys one issuer publishes.  For use within one event loop."""

    def __init__(
        self,
        issuer: str,
        jwks_url: str | None,
        fetch: Fetch,
        clock: Clock,
        on_withdrawal: Callable[[], None],
        algorithms: frozenset[str] = ED25519,
    ) -> None:
        """Begin with no keys; the first `find` fetches them.

        Args:
            issuer: As its tokens name it.
            jwks_url: Where the keys are, or None to ask the issuer's metadata.
            fetch: Gets documents.
            clock: Only its monotonic time is used.
            on_withdrawal: Called when a key went away or changed: what it vouched for no longer holds.
            algorithms: What is verified with the keys.
        """
        self._issuer = issuer
        self._configured_url = jwks_url
        self._url = jwks_url
        self._fetch = fetch
        self._clock = clock
        self._on_withdrawal = on_withdrawal
        self._algorithms = algorithms
        self._keys: dict[str, PublishedKey] = {}
        self._tried_at = float("-inf")
        self._failure: Exception | None = None
        self._running: asyncio.Task[None] | None = None
        self.fresh_until = float("-inf")
        """Monotonic seconds; past it the keys are to be fetched anew before they are used."""

    def known(self, kid: str) -> PublishedKey | None:
        """Return the key of that name when it is known and fresh."""
        return self._keys.get(kid) if self._clock.monotonic() < self.fresh_until else None

    async def find(self, kid: str) -> PublishedKey:
        """Return the key of that name, after a look at the issuer when that is due.

        Raises:
            TokenKeyUnknown: The issuer does not publish it.
            KeysUnavailable: The issuer cannot be asked, and what is known is too old.
        """
        if self.known(kid) is None and self._is_due():
            # One request for all who wait; whoever is cancelled leaves it running for the others.
            if self._running is None:
                self._tried_at = self._clock.monotonic()
                self._running = asyncio.create_task(self._load())
            # While the issuer is away, what is still in its grace need not wait for it each time.
            if self._failure is None or kid not in self._keys or self._is_past_grace():
                await asyncio.shield(self._running)
        if self._is_past_grace():
            raise KeysUnavailable("the issuer's keys cannot be fetched") from self._failure
        published = self._keys.get(kid)
        if published is None:
            raise TokenKeyUnknown("the issuer publishes no key of that name")
        return published

    def _is_past_grace(self) -> bool:
        return self._clock.monotonic() >= self.fresh_until + GRACE_SECONDS

    def _is_due(self) -> bool:
        if self._running is not None:
            return True
        now = self._clock.monotonic()
        wait = UNKNOWN_KEY_SECONDS if now < self.fresh_until else RETRY_SECONDS
        return now - self._tried_at >= wait

    async def _load(self) -> None:
        try:
            await self._replace()
            self._failure = None
        except Exception as error:  # noqa: BLE001 -- whatever a foreign Fetch raises, there are no new keys
            self._failure, self._url = error, self._configured_url
        finally:
            self._running = None

    async def _replace(self) -> None:
        url = self._url or await self._discover()
        answer = await self._fetch(url)
        if answer.status != _OK:
            raise KeysUnavailable("the issuer did not give its keys")
        keys = parse_jwks(answer.body, self._algorithms)
        withdrawn = any(keys.get(kid) != published for kid, published in self._keys.items())
        self._keys, self._url = keys, url
        self.fresh_until = self._clock.monotonic() + parse_life(answer.cache_control)
        if withdrawn:
            self._on_withdrawal()

    async def _discover(self) -> str:
        # RFC 8414 section 3.1: the well-known part stands between the host and the issuer's path.
        parts = urlsplit(_protected(self._issuer))
        path = parts.path.rstrip("/")
        metadata_url = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}"
        answer = await self._fetch(metadata_url)
        if answer.status == _NOT_FOUND:
            return f"{self._issuer.rstrip('/')}/.well-known/jwks.json"
        if answer.status != _OK:
            raise KeysUnavailable("the issuer did not give its metadata")
        return _protected(_jwks_uri(answer.body, self._issuer))


def _jwks_uri(body: bytes, issuer: str) -> str:
    try:
        metadata = strict_json(body, MAX_BODY_BYTES)
    except MalformedJson as error:
        raise KeysUnavailable("the issuer's metadata is not JSON") from error
    if not isinstance(metadata, dict) or metadata.get("issuer") != issuer:
        # RFC 8414 section 3.3: else one authority could hand out another's keys.
        raise KeysUnavailable("the metadata is another issuer's")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str):
        raise KeysUnavailable("the metadata names no key set")
    return url


def _protected(url: str) -> str:
    """Return `url` when what comes from it is authentic: over TLS, or from this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise KeysUnavailable("keys are fetched over https only; name another address as jwks_url")
