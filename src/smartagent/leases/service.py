# SPDX-License-Identifier: Apache-2.0
"""Leases as one thing: their memory, their verbs and what ends them, built together."""

import asyncio

from smartagent.leases.catalog.store import CREDENTIALS_TOPIC, PROVIDERS_TOPIC
from smartagent.leases.desk import Desk
from smartagent.leases.entries import Credentials, Ledgering, Providers
from smartagent.leases.hosts import SshHosts
from smartagent.leases.means import Means
from smartagent.leases.registry import Registry
from smartagent.leases.store import LEASES_TOPIC
from smartagent.leases.sweeper import Sweeper
from smartagent.storage import Feed


class Leases:
    """What is leased, and ends."""

    def __init__(self, means: Means) -> None:
        self.registry = Registry(means)
        self.sweeper = Sweeper(means, self.registry)
        self.desk = Desk(means, self.registry)
        self.providers = Providers(means, self.registry)
        self.credentials = Credentials(means, self.registry)
        self.all = Ledgering(means)
        self.hosts = SshHosts(means, self.registry)
        self._running: asyncio.Task[None] | None = None

    def follow(self, feed: Feed) -> None:
        """Keep entries fresh by the store's feed.  Call it before the store starts."""
        feed.register(PROVIDERS_TOPIC, self.registry.reload_providers)
        feed.register(CREDENTIALS_TOPIC, self.registry.reload_credentials)
        feed.register(LEASES_TOPIC, self.sweeper.reload)

    def start(self) -> None:
        """Begin to end leases.  Call it when the store has started."""
        self._running = asyncio.get_running_loop().create_task(self.sweeper.run())

    async def stop(self) -> None:
        """End no more leases; another node goes on."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
