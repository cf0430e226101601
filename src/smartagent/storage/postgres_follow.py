# SPDX-License-Identifier: Apache-2.0
"""The change feed on PostgreSQL: notified at once, and looked up all the same.

A notification only says "look"; what changed is read by version, so one that is lost costs
half a second and nothing else.  While the database cannot be asked, nothing is confirmed.
"""

import asyncio
import logging
from typing import Final

import asyncpg

from smartagent.kernel import Change
from smartagent.storage.feed import Feed
from smartagent.storage.postgres_batch import CHANNEL
from smartagent.storage.postgres_ledger import FAILURES

_LOOK_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 0.1
_MOST_TOLD: Final = 5_000

_VERSION: Final = "SELECT version FROM head WHERE id = 1"
_CHANGES: Final = "SELECT topic, key FROM change WHERE version > $1 AND version <= $2 ORDER BY version"

_log = logging.getLogger(__name__)


class Follower:
    """Offers the feed what happens in the database."""

    def __init__(self, url: str, feed: Feed) -> None:
        self.greeted = asyncio.Event()
        """Set once the feed knows where the store is."""
        self._url = url
        self._feed = feed
        self._look = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled, over any number of connections."""
        while True:
            try:
                connection = await asyncpg.connect(
                    self._url, timeout=_PATIENCE_SECONDS, command_timeout=_PATIENCE_SECONDS
                )
                try:
                    await self._follow(connection)
                finally:
                    self._feed.confirmed = False
                    connection.terminate()
            except FAILURES as error:
                _log.error("the database cannot be followed: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.add_listener(CHANNEL, self._heard)
        while True:
            await self._catch_up(connection)
            self._feed.confirmed = True
            self.greeted.set()
            try:
                await asyncio.wait_for(self._look.wait(), _LOOK_SECONDS)
            except TimeoutError:
                continue
            self._look.clear()

    def _heard(self, *_: object) -> None:
        self._look.set()

    async def _catch_up(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        version, offered = int(await connection.fetchval(_VERSION)), self._feed.offered
        missed = version - offered
        if not self.greeted.is_set() or not 0 <= missed <= _MOST_TOLD:
            self._feed.start_over(version)
        elif missed:
            rows = await connection.fetch(_CHANGES, offered, version)
            if len(rows) == missed:
                self._feed.offer(version, [Change(row[0], row[1]) for row in rows])
            else:
                self._feed.start_over(version)
