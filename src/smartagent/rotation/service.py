# SPDX-License-Identifier: Apache-2.0
"""Rotation as one thing: its verbs, and what takes rotations from step to step."""

import asyncio
import contextlib
from typing import Final

from smartagent.kernel import SmartAgentError
from smartagent.rotation.desk import Desk
from smartagent.rotation.means import Means
from smartagent.rotation.store import ROTATIONS_TOPIC
from smartagent.rotation.worker import Worker
from smartagent.storage import Feed

_COUNT_SECONDS: Final = 30.0


class Rotations:
    """What is rotated."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self.desk = Desk(means)
        self.worker = Worker(means)
        self.number_overdue = 0
        """How many lines of the plan were overdue when this node looked last."""
        self.number_failing = 0
        """How many rotations failed when they were tried last."""
        self._running: list[asyncio.Task[None]] = []

    def follow(self, feed: Feed) -> None:
        """Hear of changed entries by the store's feed.  Call it before the store starts."""
        feed.register(ROTATIONS_TOPIC, self.worker.reload)

    def start(self) -> None:
        """Begin to rotate.  Call it when the store has started."""
        loop = asyncio.get_running_loop()
        self._running = [loop.create_task(self.worker.run()), loop.create_task(self._count_for_ever())]

    async def stop(self) -> None:
        """Rotate no more; another node goes on."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def count(self) -> None:
        """Count what the metrics show.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        due = await self.desk.due()
        self.number_overdue = sum(each.overdue for each in due)
        self.number_failing = sum(bool(each.failure) for each in due)

    async def _count_for_ever(self) -> None:
        while True:
            with contextlib.suppress(SmartAgentError):
                await self.count()
            await asyncio.sleep(_COUNT_SECONDS)
