# SPDX-License-Identifier: Apache-2.0
"""Leases as one thing: their memory, their verbs and what ends them, built together."""

import asyncio
import contextlib
from typing import Final

from smartagent.kernel import SmartAgentError
from smartagent.leases.catalog.store import CREDENTIALS_TOPIC, PROVIDERS_TOPIC
from smartagent.leases.desk import Desk
from smartagent.leases.entries import Credentials, Ledgering, Providers
from smartagent.leases.hosts import SshHosts
from smartagent.leases.means import Means
from smartagent.leases.narrowing import Narrowing
from smartagent.leases.registry import Registry
from smartagent.leases.store import LEASES_TOPIC, read_counts
from smartagent.leases.sweeper import Sweeper
from smartagent.storage import Feed

_COUNT_SECONDS: Final = 30.0


class Leases:
    """What is leased, and ends."""

    def __init__(self, means: Means) -> None:
        self.registry = Registry(means)
        self.sweeper = Sweeper(means, self.registry)
        self.narrowing = Narrowing(self.registry)
        self.desk = Desk(means, self.registry, self.narrowing)
        self.providers = Providers(means, self.registry)
        self.credentials = Credentials(means, self.registry)
        self.all = Ledgering(means)
        self.hosts = SshHosts(means, self.registry)
        self.number_live = 0
        """How many leases were not dead when this node looked last."""
        self.number_failing = 0
        """How many of them could not be ended at the first attempt."""
        self._means = means
        self._running: list[asyncio.Task[None]] = []

    def follow(self, feed: Feed) -> None:
        """Keep entries fresh by the store's feed.  Call it before the store starts."""
        feed.register(PROVIDERS_TOPIC, self.registry.reload_providers)
        feed.register(CREDENTIALS_TOPIC, self.registry.reload_credentials)
        feed.register(LEASES_TOPIC, self.sweeper.reload)

    def start(self) -> None:
        """Begin to end leases.  Call it when the store has started."""
        loop = asyncio.get_running_loop()
        self._running = [loop.create_task(self.sweeper.run()), loop.create_task(self._count_for_ever())]

    async def stop(self) -> None:
        """End no more leases; another node goes on."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def count(self) -> None:
        """Count what the metrics show.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        counted = await read_counts(self._means.database)
        self.number_live = sum(each.number for each in counted)
        self.number_failing = sum(each.failing for each in counted)

    async def _count_for_ever(self) -> None:
        while True:
            with contextlib.suppress(SmartAgentError):
                await self.count()
            await asyncio.sleep(_COUNT_SECONDS)
