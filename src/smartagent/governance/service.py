# SPDX-License-Identifier: Apache-2.0
"""Governance as one thing: who answers for agents, what is known of them, and what happens when nobody asks."""

import asyncio

from smartagent.governance.access.desk import Access
from smartagent.governance.breakglass.desk import BreakGlasses
from smartagent.governance.breakglass.keys import RecoveryKeys
from smartagent.governance.breakglass.store import BREAK_GLASS_TOPIC
from smartagent.governance.breakglass.watch import Watch
from smartagent.governance.caretaker import Caretaker
from smartagent.governance.discovery import Discovery
from smartagent.governance.elevation.desk import Elevations
from smartagent.governance.elevation.register import Register
from smartagent.governance.elevation.store import ELEVATIONS_TOPIC
from smartagent.governance.inventory import Inventory
from smartagent.governance.lapsing import Lapsing
from smartagent.governance.leaving import Leaving
from smartagent.governance.means import Means
from smartagent.governance.owners import Owners
from smartagent.governance.reviews.afterwards import review_after
from smartagent.governance.reviews.desk import Reviews
from smartagent.governance.scim.service import Scim
from smartagent.governance.signins.desk import SignIns
from smartagent.governance.usage import Usage
from smartagent.storage import Feed


class Governance:
    """What agents are under."""

    def __init__(self, means: Means) -> None:
        self.owners = Owners(means.directory, means.database)
        self.discovery = Discovery(means, self.owners)
        self.elevated = Register(means.database, means.clock, means.revocations.revoked_at_ms)
        self.watch = Watch(means.database, means.clock)
        self.inventory = Inventory(means, self.owners, self.elevated, self.watch)
        self.lapsing = Lapsing(means)
        self.leaving = Leaving(means, self.owners)
        self.scim = Scim(means, self.owners, self.leaving)
        self.sign_ins = SignIns(means, self.owners, self.leaving)
        self.elevations = Elevations(means, self.elevated)
        self.reviews = Reviews(means)
        self.access = Access(means)
        self.recovery_keys = RecoveryKeys(means)
        self.break_glasses = BreakGlasses(means, self.recovery_keys, review_after)
        duties = (
            self.elevations.tend,
            self.break_glasses.tend,
            self.access.tend,
            self.lapsing.tend,
            self.leaving.tend,
            self.sign_ins.tend,
            self.reviews.tend,
        )
        self.caretaker = Caretaker(means, Usage(means, self.discovery), duties)
        self._running: list[asyncio.Task[None]] = []

    def follow(self, feed: Feed) -> None:
        """Keep what is in memory fresh by the store's feed.  Call it before the store starts."""
        feed.register(ELEVATIONS_TOPIC, self.elevated.reload)
        feed.register(BREAK_GLASS_TOPIC, self.watch.reload)

    def start(self) -> None:
        """Begin to do what is due.  Call it when the store has started."""
        self._running = [asyncio.get_running_loop().create_task(self.caretaker.run())]

    async def stop(self) -> None:
        """Do no more; another node goes on."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
