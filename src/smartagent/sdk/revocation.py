# SPDX-License-Identifier: Apache-2.0
"""Knowing of revocations while verifying offline: what was heard, and asking the issuer.

    StatusListSource      fetches the issuer's lists, as old as their time to live     agents
    EventFeedSource       follows the issuer's events, milliseconds behind             everything
    SetReceiver           takes events that the issuer pushes                          everything
    IntrospectionSource   asks the issuer about each token, for seconds at a time      everything

Each has one rule for when it does not know: it raises `RevocationUnknown`, and nobody is served.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec

from smartagent.kernel import IdPrefix, SmartAgentError, made_at_ms, parse_id
from smartagent.sdk.client import Means, system_means
from smartagent.sdk.errors import RevocationUnknown
from smartagent.sdk.exchange import ExchangeError, read
from smartagent.sdk.keyfile import Holder
from smartagent.sdk.proofs import ASSERTION_TYPE, client_assertion
from smartagent.sdk.verifier import RevocationSource, VerifiedToken

FORM: Final = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_SINCE: Final = frozenset({"agent", "person"})
_REMEMBERED: Final = 8192
_TIDY_AT: Final = 1024
_MARGIN_SECONDS: Final = 300


class Heard:
    """What was heard to be revoked.  It forgets what cannot concern a living token any more."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._dead: set[str] = set()
        self._stopped: set[str] = set()
        self._until: dict[str, int] = {}
        self._tidy_at = _TIDY_AT

    def revoked(self, kind: str, named: str, revoked_at_ms: int, until: int) -> None:
        """Remember a revocation: of an agent or a person up to an instant, of all else the thing itself.

        Args:
            kind: What it is.
            named: Its id.
            revoked_at_ms: When, in Unix milliseconds.
            until: After this instant (Unix seconds) it concerns nothing any more.
        """
        if kind in _SINCE:
            self._since[named] = max(revoked_at_ms, self._since.get(named, 0))
        else:
            self._dead.add(named)
        self._until[named] = max(until, self._until.get(named, 0))

    def agent(self, named: str, status: str) -> None:
        """Remember an agent's status."""
        if status == "active":
            self._stopped.discard(named)
        else:
            self._stopped.add(named)

    def kills(self, token: VerifiedToken) -> bool:
        """Say whether the token, or anything that it derives from, is dead."""
        dead = self._dead
        if dead and (
            token.jti in dead
            or token.session_id in dead
            or token.client_id in dead
            or not dead.isdisjoint(token.lineage)
        ):
            return True
        if not self._since and not self._stopped:
            return False
        return any(self._ended(named, token) for named in (token.subject, *token.actors))

    def tidy(self, now: float) -> None:
        """Forget what is over, now and then.

        Args:
            now: Unix seconds.
        """
        if len(self._until) < self._tidy_at:
            return
        for named in [each for each, until in self._until.items() if until + _MARGIN_SECONDS < now]:
            del self._until[named]
            self._since.pop(named, None)
            self._dead.discard(named)
        self._tidy_at = max(_TIDY_AT, 2 * len(self._until))

    def _ended(self, named: str, token: VerifiedToken) -> bool:
        if named in self._stopped:
            return True
        revoked_at_ms = self._since.get(named)
        return revoked_at_ms is not None and _issued_at_ms(token) <= revoked_at_ms


def _issued_at_ms(token: VerifiedToken) -> int:
    """Return when the token was made: to the millisecond where its id says so, else its second's begin."""
    try:
        return made_at_ms(parse_id(token.jti, IdPrefix.ACCESS_TOKEN))
    except SmartAgentError:
        return token.issued_at * 1000


class AnySource:
    """Several sources as one: what any of them says is revoked, is; and all of them must know."""

    def __init__(self, *sources: RevocationSource) -> None:
        self._sources = sources

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return what can be said at once."""
        answers = [source.known(token) for source in self._sources]
        return True if True in answers else None if None in answers else False

    async def is_revoked(self, token: VerifiedToken, raw: str, /) -> bool:
        """Return whether any source says so.

        Raises:
            RevocationUnknown: One does not know.
        """
        for source in self._sources:
            if await source.is_revoked(token, raw):
                return True
        return False


class _Introspected(msgspec.Struct, frozen=True):
    active: bool


class IntrospectionSource:
    """Asks the issuer about each token, and believes the answer for a few seconds.

    Spec: RFC 7662 section 2.

    Args:
        holder: The resource server's own key and client id; it must be allowed to introspect.
        cache_seconds: For how long an answer is believed: a revocation may be seen that much later.
        endpoint: By default `<issuer>/oauth/introspect`.
        means: For tests.
    """

    def __init__(
        self, holder: Holder, *, cache_seconds: float = 5.0, endpoint: str = "", means: Means | None = None
    ) -> None:
        self._holder = holder
        self._cache_seconds = cache_seconds
        self._endpoint = endpoint or f"{holder.issuer}/oauth/introspect"
        self._means = means or system_means()
        self._answers: dict[str, tuple[float, bool]] = {}

    async def close(self) -> None:
        """Let go of connections."""
        await self._means.exchange.close()

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return the last answer while it is believed."""
        until, revoked = self._answers.get(token.jti, (0.0, False))
        return revoked if self._means.clock.monotonic() < until else None

    async def is_revoked(self, token: VerifiedToken, raw: str, /) -> bool:
        """Ask, unless the last answer is still believed.

        Raises:
            RevocationUnknown: The issuer does not answer, or does not say.
        """
        known = self.known(token)
        if known is not None:
            return known
        # From before the question: the answer is as old as what it was made from.
        asked_at = self._means.clock.monotonic()
        revoked = not await self._ask(raw)
        if len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[token.jti] = (asked_at + self._cache_seconds, revoked)
        return revoked

    async def _ask(self, raw: str) -> bool:
        assertion = client_assertion(
            self._holder.key,
            self._holder.issuer,
            self._holder.principal,
            now=self._means.clock.now(),
            entropy=self._means.entropy,
        )
        fields = {
            "token": raw,
            "token_type_hint": "access_token",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        try:
            answer = await self._means.exchange("POST", self._endpoint, FORM, urlencode(fields).encode())
            return read(answer, _Introspected).active
        except ExchangeError as error:
            raise RevocationUnknown("the issuer does not say whether the token holds") from error
