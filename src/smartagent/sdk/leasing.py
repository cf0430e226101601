# SPDX-License-Identifier: Apache-2.0
"""A session that is kept alive, with credentials that are kept fresh, and dead when it ends.

async with session(load_key_file(path)) as own:
    database = await own.credential("orders-db")
    connect(database.fields["url"].reveal())

A token is renewed before it ends, and so is a lease; what cannot be renewed is made anew, and `changed` says so.
While the authority does not answer it is asked again and again, until what there is has ended.  Nothing is written
to disk.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import ClassVar, Final, Self

import msgspec

from smartagent.kernel import Kind, Secret, SmartAgentError
from smartagent.sdk.agent import Agent, Session
from smartagent.sdk.client import JSON, Means
from smartagent.sdk.exchange import AuthorityRefused, AuthorityUnreachable, good
from smartagent.sdk.keyfile import Holder

EARLY_PART: Final = 0.25
"""How much of a life is left when it is renewed."""
_LEAST_EARLY_SECONDS: Final = 1.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 15.0
_GROWS_AT_LEAST_SECONDS: Final = 5.0
_BUSY: Final = frozenset({429, 500, 502, 503, 504})


class CredentialLost(SmartAgentError):
    """The credential could not be kept alive, and has ended."""

    code: ClassVar[str] = "credential-lost"
    kind: ClassVar[Kind] = Kind.EXPIRED
    title: ClassVar[str] = "The credential has ended and could not be renewed."


class Available(msgspec.Struct, frozen=True):
    """What the agent may lease."""

    name: str
    env: dict[str, str]
    ttl_seconds: int
    max_ttl_seconds: int
    renewable: bool


class _AvailableList(msgspec.Struct, frozen=True):
    credentials: list[Available]


class _Issued(msgspec.Struct, frozen=True):
    lease_id: str
    fields: dict[str, str]
    env: dict[str, str]
    expires_at: str
    expires_in: int
    renewable: bool


class _Renewed(msgspec.Struct, frozen=True):
    expires_at: str
    expires_in: int


class LeasedCredential:
    """A credential that its session keeps fresh.  Read `fields` each time it is used."""

    def __init__(self, name: str, ttl_seconds: int | None) -> None:
        self.name = name
        self.lease_id = ""
        self.fields: Mapping[str, Secret[str]] = {}
        self.env: Mapping[str, Secret[str]] = {}
        self.expires_at = ""
        """When the lease ends, in RFC 3339, unless it is renewed."""
        self.generation = 0
        """How many times it has been made."""
        self.ttl_seconds = ttl_seconds
        self.renewable = False
        self.ends = 0.0
        self.life = 0.0
        self._news = asyncio.Event()

    async def changed(self) -> None:
        """Return when the fields are not what they were: the credential was made anew."""
        news = self._news
        await news.wait()

    def made(self, issued: _Issued, asked_at: float) -> None:
        """Take what was issued; `asked_at` is from the monotonic clock."""
        first = not self.lease_id
        self.lease_id = issued.lease_id
        self.fields = {name: Secret(value) for name, value in issued.fields.items()}
        self.env = {name: Secret(value) for name, value in issued.env.items()}
        self.renewable = issued.renewable
        self.prolonged(issued.expires_at, asked_at, issued.expires_in)
        self.generation += 1
        if not first:
            news, self._news = self._news, asyncio.Event()
            news.set()

    def prolonged(self, expires_at: str, asked_at: float, seconds: float) -> None:
        """Take when it ends now."""
        self.expires_at, self.life, self.ends = expires_at, float(seconds), asked_at + seconds

    @property
    def renew_at(self) -> float:
        """When it should be renewed, by the monotonic clock."""
        return self.ends - max(_LEAST_EARLY_SECONDS, self.life * EARLY_PART)

    def __repr__(self) -> str:
        return f"LeasedCredential({self.name}, {self.lease_id}, ********)"


class AgentSession:
    """A session of an agent, alive from `__aenter__` to `__aexit__`."""

    def __init__(self, agent: Agent, *, scope: str = "", means: Means, owns: bool) -> None:
        self._agent = agent
        self._scope = scope
        self._means = means
        self._owns = owns
        self._session: Session | None = None
        self._token_ends = 0.0
        self._kept: dict[str, LeasedCredential] = {}
        self._again: dict[str, tuple[int, float]] = {}
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The session's id."""
        return self._opened.session_id

    @property
    def token(self) -> Secret[str]:
        """The token of the session, as it is now."""
        return Secret(self._opened.access_token)

    @property
    def _opened(self) -> Session:
        if self._session is None:
            message = "the session is not open: use `async with`"
            raise RuntimeError(message)
        return self._session

    async def available(self) -> list[Available]:
        """Return what the agent may lease.

        Raises:
            AuthorityRefused: The session is over.
            AuthorityUnreachable: There was no answer.
        """
        raw = await self._call("GET", "/v1/leases/available")
        return msgspec.json.decode(raw, type=_AvailableList).credentials

    async def credential(self, name: str, ttl_seconds: int | None = None) -> LeasedCredential:
        """Lease the credential `name`, once for the session, and keep it fresh.

        Raises:
            AuthorityRefused: The role does not have it, or its provider said no.
            AuthorityUnreachable: There was no answer.
            CredentialLost: It was leased, and has ended because it could not be kept alive.
        """
        kept = self._kept.get(name)
        if kept is None:
            kept = LeasedCredential(name, ttl_seconds)
            await self._issue(kept)
            self._kept[name] = kept
            self._wake.set()
        elif self._means.clock.monotonic() >= kept.ends:
            raise CredentialLost(name)
        return kept

    async def __aenter__(self) -> Self:
        await self._renew_token()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session with all that hangs on it.  Doing it again is no error."""
        if self._session is None:
            return
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        try:
            await self._end()
        finally:
            self._session = None
            if self._owns:
                await self._agent.close()

    async def _end(self) -> None:
        for pause in (0.2, 0.5, 1.0, 2.0, 0.0):
            try:
                await self._call("DELETE", f"/v1/sessions/{self.id}")
            except AuthorityRefused as refusal:
                # It has ended by itself, or somebody ended it.
                if refusal.status not in _BUSY:
                    return
            except AuthorityUnreachable:
                pass
            else:
                return
            await asyncio.sleep(pause)

    async def _keep(self) -> None:
        """Renew what is due; what does not come off is tried again, later each time."""
        while True:
            self._wake.clear()
            now = self._means.clock.monotonic()
            due = {"": self._token_ends - max(_LEAST_EARLY_SECONDS, self._opened.expires_in * EARLY_PART)}
            due |= {name: kept.renew_at for name, kept in self._kept.items()}
            for name, at in due.items():
                not_before = self._again.get(name, (0, 0.0))[1]
                if max(at, not_before) <= now:
                    await self._refresh(name)
            following = min(max(at, self._again.get(name, (0, 0.0))[1]) for name, at in due.items())
            pause = max(0.05, following - self._means.clock.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, _LONGEST_PAUSE_SECONDS)):
                    await self._wake.wait()

    async def _refresh(self, name: str) -> None:
        try:
            if name:
                await self._refresh_credential(self._kept[name])
            else:
                await self._renew_token()
        except (AuthorityRefused, AuthorityUnreachable):
            tries = self._again.get(name, (0, 0.0))[0]
            chance = 0.5 + self._means.entropy(1)[0] / 510
            pause = min(_FIRST_PAUSE_SECONDS * 2**tries, _LONGEST_PAUSE_SECONDS) * chance
            self._again[name] = (min(tries + 1, 16), self._means.clock.monotonic() + pause)
        else:
            self._again.pop(name, None)

    async def _refresh_credential(self, kept: LeasedCredential) -> None:
        asked_at = self._means.clock.monotonic()
        if kept.renewable and asked_at < kept.ends:
            body = {} if kept.ttl_seconds is None else {"ttl_seconds": kept.ttl_seconds}
            try:
                raw = await self._call("POST", f"/v1/leases/{kept.lease_id}/renew", body)
            except AuthorityRefused as refusal:
                if refusal.status in _BUSY:
                    raise
            else:
                renewed = msgspec.json.decode(raw, type=_Renewed)
                if asked_at + renewed.expires_in > kept.ends + _GROWS_AT_LEAST_SECONDS:
                    kept.prolonged(renewed.expires_at, asked_at, renewed.expires_in)
                    return
        await self._issue(kept)

    async def _issue(self, kept: LeasedCredential) -> None:
        asked_at = self._means.clock.monotonic()
        body: dict[str, object] = {"credential": kept.name}
        if kept.ttl_seconds is not None:
            body["ttl_seconds"] = kept.ttl_seconds
        kept.made(msgspec.json.decode(await self._call("POST", "/v1/leases", body), type=_Issued), asked_at)

    async def _renew_token(self) -> None:
        asked_at = self._means.clock.monotonic()
        current = self._session
        holds = current is not None and asked_at < self._token_ends
        continuing = current.access_token if current is not None and holds else ""
        self._session = await self._agent.open_session(self._scope, continuing=continuing)
        self._token_ends = asked_at + self._session.expires_in

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        headers = {"authorization": f"Bearer {self._opened.access_token}"}
        raw = b""
        if body is not None:
            headers |= JSON
            raw = msgspec.json.encode(body)
        return good(await self._means.exchange(method, self._agent.issuer + path, headers, raw))


def session(who: Agent | Holder, *, scope: str = "", means: Means | None = None) -> AgentSession:
    """Return a session to be entered with `async with`.

    Args:
        who: An agent, or the holder of an enrolled key.
        scope: Scopes with blanks between them; empty means all of the role's.
        means: For tests.
    """
    if isinstance(who, Agent):
        return AgentSession(who, scope=scope, means=means or who.means, owns=False)
    agent = Agent(who, means=means)
    return AgentSession(agent, scope=scope, means=agent.means, owns=True)
