# SPDX-License-Identifier: Apache-2.0
"""Live views: a page is told that something changed, and looks again.

    store -> change feed -> this node's memory -> heard(topics) -> each view: one event at most a second

Nothing asks the store, and an event says only which topics changed: what the page may see it asks for as ever.
A view ends with its session, and is asked again at each event whether it still may be there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec

from smartagent.console.errors import TooManyViews
from smartagent.console.means import Means
from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Reply
from smartagent.kernel import Caller, Permitted

MEDIA_TYPE: Final = "text/event-stream"
MOST_VIEWS: Final = 500
BEAT_SECONDS: Final = 15.0
AT_MOST_EVERY_SECONDS: Final = 1.0
RETRY_MS: Final = 2000
PERMISSION: Final = "console.view"
QUIET: Final = frozenset({"gateway-usage", "status-entries", "ssf-outbox"})
"""Topics that change with every call, and that no page shows."""
_HEADERS: Final = (("cache-control", "no-store"), ("x-accel-buffering", "no"))


class _View:
    """What one page was not told yet."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.wake = asyncio.Event()


class Live:
    """Tells pages what changed.

    Args:
        means: Says who may still be there.
        pause: Waits so many seconds, between two events of a view.
    """

    def __init__(self, means: Means, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._means = means
        self._pause = pause
        self._views: set[_View] = set()
        self._closing = False

    @property
    def number(self) -> int:
        """How many views are open at this node."""
        return len(self._views)

    def heard(self, topics: frozenset[str]) -> None:
        """Have the pages told; called by the change feed, after this node's memory has followed."""
        told = topics - QUIET
        if told:
            for view in self._views:
                view.topics |= told
                view.wake.set()

    def close(self) -> None:
        """End all views: their pages ask another node, or wait for this one."""
        self._closing = True
        for view in self._views:
            view.wake.set()

    async def follow(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Answer with a stream of events.

        Raises:
            TooManyViews: This node has as many as it can.
            AuthenticationFailed: The session is over.
        """
        if self._closing or len(self._views) >= MOST_VIEWS:
            raise TooManyViews("close a tab, or try again in a moment")
        session = await self._means.people.session(inbound)
        if session is None:
            raise AuthenticationFailed("nobody has signed in")

        def may_stay() -> bool:
            return (
                not self._closing
                and self._means.clock.now() < session.expires_at
                and not self._means.people.is_over(session)
                and isinstance(self._means.house.authorise(caller, PERMISSION, inbound), Permitted)
            )

        return Outcome(Reply(200, self._stream(may_stay), MEDIA_TYPE, _HEADERS))

    async def _stream(self, may_stay: Callable[[], bool]) -> AsyncIterator[bytes]:
        view = _View()
        self._views.add(view)
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            while may_stay():
                if await _woken(view.wake):
                    view.wake.clear()
                    topics = sorted(view.topics)
                    view.topics.clear()
                    if topics and may_stay():
                        yield b"event: changed\ndata: " + msgspec.json.encode(topics) + b"\n\n"
                        await self._pause(AT_MOST_EVERY_SECONDS)
                else:
                    yield b": here\n\n"
            yield b"event: ended\ndata: {}\n\n"
        finally:
            self._views.discard(view)


async def _woken(wake: asyncio.Event) -> bool:
    """Say whether something happened before it was time for a sign of life."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            await wake.wait()
    except TimeoutError:
        return False
    return True
