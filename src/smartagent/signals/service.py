# SPDX-License-Identifier: Apache-2.0
"""Signals as one thing: its memory, its verbs, and what runs in the background, built together."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from smartagent.edge import Inbound, Reply
from smartagent.kernel import SmartAgentError
from smartagent.signals.documents import configuration
from smartagent.signals.follow import EventFeed
from smartagent.signals.manage import Management
from smartagent.signals.poll import Poll
from smartagent.signals.ports import Means
from smartagent.signals.publish import AGGREGATION_PATH, StatusPages
from smartagent.signals.statuses import STATUS_PATH, StatusLists
from smartagent.signals.store import ENTRIES_TOPIC, OUTBOX_TOPIC, STREAMS_TOPIC
from smartagent.signals.streams import Streams
from smartagent.signals.transmit import Transmitter
from smartagent.signals.watch import Watch
from smartagent.storage import Feed

_TICK_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Page = Callable[[Inbound], Awaitable[Reply]]


class Signals:
    """How revocations reach those who verify offline."""

    def __init__(self, means: Means) -> None:
        self.watch = Watch(means)
        self.lists = StatusLists(means)
        self.events = EventFeed(means, self.watch)
        self.streams = Streams(means)
        self.management = Management(means, self.watch, self.streams)
        self.polling = Poll(means, self.streams)
        self.transmitter = Transmitter(means, self.watch, self.streams)
        self._pages = StatusPages(means, self.lists)
        self._means = means
        self._tasks: list[asyncio.Task[None]] = []
        self._behind = asyncio.Event()
        self.watch.on_happened(self.lists.heard)
        self.watch.on_lost(self.lists.look_again)
        self.lists.on_behind(self._behind.set)

    def follow(self, feed: Feed) -> None:
        """Keep memory fresh by the store's feed.  Call it before the store starts, after identity and tokens."""
        feed.register(ENTRIES_TOPIC, self.lists.reload)
        feed.register(STREAMS_TOPIC, self.streams.reload)
        feed.register(OUTBOX_TOPIC, self.streams.reload_outbox)

    def pages(self) -> Mapping[str, Page]:
        """Return the public pages; the path that ends with a slash shows what lies right beneath it."""
        document = configuration(self._means.issuer)
        return {
            STATUS_PATH: self._pages.show,
            AGGREGATION_PATH: self._pages.aggregation,
            document.path: document.show,
        }

    async def start(self) -> None:
        """Begin, once the store has started.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        self.events.begin(await self.watch.load())
        self.lists.look_again()
        loop = asyncio.get_running_loop()
        runs = (self.watch.run(), self._tick(), self._tend(), self.transmitter.run())
        self._tasks = [loop.create_task(run) for run in runs]

    def drain(self) -> None:
        """Let go of all who follow or wait, so that the node can end."""
        self.events.close()
        self.streams.close()

    async def stop(self) -> None:
        """Drain, and do nothing any more."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            self._tasks = []
            with contextlib.suppress(SmartAgentError):
                await self._means.lease.release()

    async def tend(self) -> None:
        """Do what is due for the status lists, when this node holds the lease.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        self._behind.clear()
        if self.lists.behind and await self._means.lease.acquire():
            await self.lists.tend()

    async def _tick(self) -> None:
        while True:
            self.events.tick()
            await asyncio.sleep(_TICK_SECONDS)

    async def _tend(self) -> None:
        while True:
            try:
                await self.tend()
            except Exception:  # noqa: BLE001 -- a bug, or the store is down: entries are given all the same, later
                _log.exception("status entries cannot be given; it is tried again")
                self._behind.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._behind.wait()
