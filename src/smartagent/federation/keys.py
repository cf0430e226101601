# SPDX-License-Identifier: Apache-2.0
"""Other people's keys: fetched once for many tokens, and never kept past their time.

    nothing --fetched--> fresh --max-age--> stale --grace--> unusable
                           ^                  |
                           +----- fetched ----+      (failed: tried again, at most every 5 s)

An unknown key id makes us look again, but at most once a minute: anybody can make one up.  Whoever
is cancelled while they wait leaves the one request running for the others.

Spec: RFC 7517 section 5 (a key that is not understood is ignored), OpenID Connect Discovery 1.0
sections 4.1 and 4.3 (the document's issuer is the one that was asked).
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.crypto import MalformedJson, MalformedKey, VerifyingKey, public_key_from_jwk, strict_json
from smartagent.federation.errors import FederationError, KeysUnavailable
from smartagent.federation.fetching import JSON, Getter
from smartagent.federation.message import Fetched
from smartagent.kernel import Clock

DISCOVERY_PATH: Final = "/.well-known/openid-configuration"
UNKNOWN_KEY_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 3600.0
MIN_AGE_SECONDS: Final = 60
MAX_AGE_SECONDS: Final = 3600
DEFAULT_AGE_SECONDS: Final = 300
MAX_BYTES: Final = 262_144
_ACCEPT: Final = f"application/jwk-set+json, {JSON}"
_MAX_KEYS: Final = 100
_MAX_KID_CHARS: Final = 256
_MAX_SOURCES: Final = 1024

_log = logging.getLogger(__name__)


class KeySource(msgspec.Struct, frozen=True):
    """Where keys are: at `jwks_uri`, or where the metadata of `issuer` says."""

    issuer: str
    jwks_uri: str = ""


class ForeignKey(msgspec.Struct, frozen=True):
    """A published key, its name, and the header names whose signatures it verifies."""

    kid: str
    key: VerifyingKey
    algorithms: frozenset[str]


class KeySet(msgspec.Struct, frozen=True):
    """The usable keys of one document."""

    keys: tuple[ForeignKey, ...] = ()

    def match(self, kid: str, alg: str) -> VerifyingKey | None:
        """Return the one key of that name for that algorithm; None when there is none, or a second one.

        A token without a `kid` is good when there is no choice.
        """
        found = [each.key for each in self.keys if alg in each.algorithms and kid in ("", each.kid)]
        return found[0] if len(found) == 1 else None


def parse_key_set(document: object) -> KeySet:
    """Read a JWK set.  A key that cannot be used is left out and never spoils the others.

    Raises:
        KeysUnavailable: The document is no JWK set at all.
    """
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise KeysUnavailable("the document is no key set")
    usable = (_usable(entry) for entry in entries[:_MAX_KEYS])
    return KeySet(tuple(found for found in usable if found is not None))


def _usable(entry: object) -> ForeignKey | None:
    if not isinstance(entry, Mapping) or entry.get("use", "sig") != "sig":
        return None
    kid, alg, operations = entry.get("kid", ""), entry.get("alg"), entry.get("key_ops", ["verify"])
    if not isinstance(kid, str) or len(kid) > _MAX_KID_CHARS:
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key = public_key_from_jwk(entry)
    except MalformedKey:
        return None
    # A key that names its algorithm is for no other, though its kind could do more.
    algorithms = key.algorithms if alg is None else key.algorithms & {str(alg)}
    return ForeignKey(kid, key, algorithms) if algorithms else None


class ForeignKeys:
    """The keys of everybody outside, by where they come from.  For use within one event loop."""

    def __init__(self, fetch: Getter, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sources: OrderedDict[KeySource, _Published] = OrderedDict()

    async def find(self, source: KeySource, kid: str, alg: str) -> VerifyingKey:
        """Return the key of that name and algorithm, after a look at its source when that is due.

        Args:
            source: Configured, never taken from a token.
            kid: As a token's header claims; empty when it names none.
            alg: The same.

        Raises:
            KeysUnavailable: There is none, or the source cannot be asked and what is known is too old.
        """
        published = self._sources.pop(source, None) or _Published(source, self._fetch, self._clock)
        self._sources[source] = published
        if len(self._sources) > _MAX_SOURCES:
            self._sources.popitem(last=False)
        return await published.find(kid, alg)

    def forget(self, source: KeySource) -> None:
        """Forget what was fetched: the next token that needs it asks anew."""
        self._sources.pop(source, None)


class _Published:
    """What one source publishes.  Only monotonic time is used."""

    def __init__(self, source: KeySource, fetch: Getter, clock: Clock) -> None:
        self._source = source
        self._fetch = fetch
        self._clock = clock
        self._keys = KeySet()
        self._tried_at = float("-inf")
        self._fresh_until = float("-inf")
        self._usable_until = float("-inf")
        self._failure: FederationError | None = None
        self._running: asyncio.Task[None] | None = None

    async def find(self, kid: str, alg: str) -> VerifyingKey:
        now = self._clock.monotonic()
        found = self._keys.match(kid, alg)
        if (found is None or now >= self._fresh_until) and self._is_due(now):
            if self._running is None:
                self._tried_at = now
                self._running = asyncio.create_task(self._load())
            # While the source is away, what is still in its grace need not wait for it each time.
            if self._failure is None or found is None or now >= self._usable_until:
                await asyncio.shield(self._running)
        if self._clock.monotonic() >= self._usable_until:
            raise KeysUnavailable(f"the keys cannot be fetched: {self._failure or 'tried a moment ago'}")
        found = self._keys.match(kid, alg)
        if found is None:
            raise KeysUnavailable("there is no key of that name for that algorithm, or not only one")
        return found

    def _is_due(self, now: float) -> bool:
        if self._running is not None:
            return True
        wait = UNKNOWN_KEY_SECONDS if now < self._fresh_until else RETRY_SECONDS
        return now - self._tried_at >= wait

    async def _load(self) -> None:
        try:
            fetched = await self._fetch_keys()
            self._keep(parse_key_set(_json_of(fetched)), fetched.max_age_seconds)
        except FederationError as error:
            self._failure = error
            _log.warning("the keys of %s cannot be fetched: %s", self._source.issuer, error)
        finally:
            self._running = None

    def _keep(self, keys: KeySet, max_age_seconds: int | None) -> None:
        age = DEFAULT_AGE_SECONDS if max_age_seconds is None else max_age_seconds
        self._keys, self._failure = keys, None
        self._fresh_until = self._clock.monotonic() + max(MIN_AGE_SECONDS, min(age, MAX_AGE_SECONDS))
        self._usable_until = self._fresh_until + GRACE_SECONDS

    async def _fetch_keys(self) -> Fetched:
        url = self._source.jwks_uri or await self._discover()
        return await self._fetch.get(url, accept=_ACCEPT, max_bytes=MAX_BYTES)

    async def _discover(self) -> str:
        url = self._source.issuer.rstrip("/") + DISCOVERY_PATH
        metadata = _json_of(await self._fetch.get(url, accept=JSON, max_bytes=MAX_BYTES))
        if not isinstance(metadata, Mapping) or metadata.get("issuer") != self._source.issuer:
            # Else one issuer could hand out another's keys.
            raise KeysUnavailable("the metadata is another issuer's")
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise KeysUnavailable("the metadata names no key set")
        return jwks_uri


def _json_of(fetched: Fetched) -> object:
    try:
        return strict_json(fetched.body, MAX_BYTES)
    except MalformedJson:
        raise KeysUnavailable("the document is not JSON that can be read in one way") from None
