# SPDX-License-Identifier: Apache-2.0
"""Following the issuer's revocations as they happen.

    connect --snapshot--> collecting --synced--> following --connection lost--> connect again, from the last id
                                                    |
                        resync, or a gap <----------+   then the whole state comes again

Every sign of life (a comment with a version, every 15 seconds) says that nothing was missed up to then;
`behind` says that the issuer's node cannot know, and counts for nothing.  When the last sign of life is
older than the service allows, nobody is served.

Spec: WHATWG HTML section 9.2.5 (the form of a stream).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from smartagent.crypto import SystemClock
from smartagent.kernel import Clock
from smartagent.sdk.errors import RevocationUnknown
from smartagent.sdk.exchange import AuthorityUnreachable
from smartagent.sdk.revocation import Heard
from smartagent.sdk.verifier import VerifiedToken

PATH: Final = "/v1/revocations/events"
SILENCE_SECONDS: Final = 45.0
"""After three missed signs of life the connection counts as lost."""
MAX_LINE_BYTES: Final = 65_536
_OK: Final = 200
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class Opened(Protocol):
    """An answer that comes bit by bit."""

    @property
    def status(self) -> int:
        """HTTP's."""
        ...

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        ...


class Open(Protocol):
    """Opens a stream by GET.  Follows no redirect; entering raises `AuthorityUnreachable`, reading too."""

    def __call__(self, url: str, headers: Mapping[str, str], /) -> AbstractAsyncContextManager[Opened]:
        """Return what gives the answer, and hangs up at its end."""
        ...


class StreamEvent(msgspec.Struct, frozen=True):
    """One event; or a comment, which has a text and no type.  `id` is None when none was given."""

    event: str
    data: str
    id: str | None = None


class EventParser:
    """Takes a stream of events apart, however it was cut into chunks."""

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """Return the events and comments that are complete with `chunk`.

        Raises:
            AuthorityUnreachable: A line without end: this is no stream of events.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise AuthorityUnreachable("the answer is no stream of events")
        found = [self._line(line.removesuffix(b"\r").decode("utf-8", "replace")) for line in lines]
        return [each for each in found if each is not None]

    def _line(self, line: str) -> StreamEvent | None:
        if not line:
            event = StreamEvent(self._event or "message", "\n".join(self._data), self._id)
            is_event = bool(self._data)
            self._event, self._data, self._id = "", [], None
            return event if is_event else None
        if line.startswith(":"):
            return StreamEvent("", line[1:].strip())
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id":
                self._id = value
            case _:
                pass  # `retry`, and what may come: we have our own pauses
        return None


class _Told(msgspec.Struct, frozen=True):
    id: str = ""
    kind: str = ""
    revoked_at_ms: int = 0
    until: int = 0
    status: str = ""


class EventFeedSource:
    """Follows the issuer's event feed in the background.  For use within one event loop.

    async with EventFeedSource(issuer, lambda: agent.token(audience=issuer)) as feed:
        verifier = Verifier(issuer, audience, check_revocation=feed)

    Args:
        issuer: As its tokens name it.
        token: Gives an access token that may follow (scope `revocations.follow`); asked at each connection.
        max_staleness_seconds: How old the last sign of life may be; past it nobody is served.
        patience_seconds: How long a verification waits for the feed when it is stale, e.g. at the start.
        clock: The time.
        connect: Opens the stream; aiohttp by default.
    """

    def __init__(
        self,
        issuer: str,
        token: Callable[[], Awaitable[str]],
        *,
        max_staleness_seconds: float = 60.0,
        patience_seconds: float = 2.0,
        clock: Clock | None = None,
        connect: Open | None = None,
    ) -> None:
        self._url = issuer + PATH
        self._token = token
        self._max_staleness = max_staleness_seconds
        self._patience_seconds = patience_seconds
        self._clock = clock or SystemClock()
        self._connect = connect or open_with_aiohttp
        self._heard = Heard()
        self._collecting: Heard | None = None
        self._last_id = ""
        self._alive_at = float("-inf")
        self._synced = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self) -> None:
        """Begin to follow, on the running loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    @property
    def staleness_seconds(self) -> float:
        """How long ago the issuer last said that nothing is missing; infinite before the first time."""
        return self._clock.monotonic() - self._alive_at

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after everything that is heard: to end what runs for a token that died."""
        self._listeners.append(listener)

    def known(self, token: VerifiedToken, /) -> bool | None:
        """Return what was heard, while that is recent enough."""
        if self.staleness_seconds > self._max_staleness:
            return None
        return self._heard.kills(token)

    async def is_revoked(self, token: VerifiedToken, _raw: str, /) -> bool:
        """Return what was heard; when that is too old, after waiting a moment for better.

        Raises:
            RevocationUnknown: The feed has been silent for longer than the service allows.
        """
        if self.staleness_seconds > self._max_staleness:
            self._synced.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_seconds):
                    await self._synced.wait()
        known = self.known(token)
        if known is None:
            raise RevocationUnknown("the issuer's events have not been heard for too long")
        return known

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            before = self._alive_at
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 -- whatever a foreign `Open` or `token` raises, the next try may do
                _log.warning("the revocation feed broke off: %s", error)
            # Whoever got as far as a sign of life was served well: the next try is soon.
            pause = (
                _FIRST_PAUSE_SECONDS if self._alive_at != before else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            )
            await asyncio.sleep(pause)

    async def _follow(self) -> None:
        headers = {"accept": "text/event-stream", "authorization": f"Bearer {await self._token()}"}
        if self._last_id:
            headers["last-event-id"] = self._last_id
        self._collecting = None
        async with self._connect(self._url, headers) as opened:
            if opened.status != _OK:
                raise AuthorityUnreachable(f"the feed answers {opened.status}")
            parser = EventParser()
            chunks = aiter(opened.chunks)
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    chunk = await anext(chunks, b"")
                if not chunk:
                    return
                for event in parser.feed(chunk):
                    self._take(event)

    def _take(self, event: StreamEvent) -> None:
        if event.id is not None:
            self._last_id = event.id
        if not event.event:
            if event.data.isdigit():
                self._is_alive()
            return
        try:
            self._apply(event.event, msgspec.json.decode(event.data, type=_Told, strict=True))
        except msgspec.MsgspecError:
            # What a newer issuer says in a way that is not understood may be a revocation.
            raise AuthorityUnreachable("an event is malformed") from None

    def _apply(self, event: str, told: _Told) -> None:
        if event == "snapshot":
            self._collecting = Heard()
        elif event == "resync":
            self._last_id = ""
        elif event == "synced":
            if self._collecting is not None:
                self._heard, self._collecting = self._collecting, None
            self._is_alive()
            self._tell()
        elif self._collecting is not None:
            _learn(self._collecting, event, told)
        else:
            _learn(self._heard, event, told)
            self._heard.tidy(self._clock.now())
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _is_alive(self) -> None:
        self._alive_at = self._clock.monotonic()
        self._synced.set()


def _learn(heard: Heard, event: str, told: _Told) -> None:
    if event == "revoked":
        heard.revoked(told.kind, told.id, told.revoked_at_ms, told.until)
    elif event == "agent":
        heard.agent(told.id, told.status)


@contextlib.asynccontextmanager
async def open_with_aiohttp(url: str, headers: Mapping[str, str], /) -> AsyncIterator[Opened]:
    """Open a stream with aiohttp, which is imported only here.

    Raises:
        AuthorityUnreachable: There is no answer, or it breaks off.
    """
    import aiohttp  # noqa: PLC0415 -- who brings another `Open` must not need it

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            yield _AiohttpStream(answer.status, answer.content.iter_any())
    except aiohttp.ClientError as error:
        raise AuthorityUnreachable(type(error).__name__) from error


class _AiohttpStream(msgspec.Struct, frozen=True):
    status: int
    chunks: AsyncIterator[bytes]
