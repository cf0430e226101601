# SPDX-License-Identifier: Apache-2.0
"""A store in one SQLite file, as a worker sees it.

    down --connect, greeted--> up --the writer dies--> down --...      healthy = up, and memory follows

Reading needs no writer.  Writing, and knowing that memory is fresh, does.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from smartagent.storage import wire
from smartagent.storage.errors import StoreUnavailable
from smartagent.storage.feed import Feed
from smartagent.storage.sqlite_ledger import SqliteLedger
from smartagent.storage.sqlite_link import Link, connect
from smartagent.storage.sqlite_reader import SqliteDatabase

_LOOKS: Final = 10
_SILENCE_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.02

_log = logging.getLogger(__name__)


class SqliteStore:
    """Connects to the writer of the store at `path`, and again whenever it comes back.

    Make it on the loop that will use it.  The schema must be current: `migrate` comes first.
    """

    def __init__(
        self,
        path: Path,
        *,
        linger: bool = False,
        patience_seconds: float = 5.0,
        silence_seconds: float = _SILENCE_SECONDS,
    ) -> None:
        self.feed = Feed()
        self.database = SqliteDatabase(path)
        self.ledger = SqliteLedger(linger=linger)
        self._path = path
        self._patience_seconds = patience_seconds
        self._silence_seconds = silence_seconds
        self._greeted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def healthy(self) -> bool:
        """Whether there is a writer, and this node's memory is known to be fresh."""
        return self.ledger.up and self.feed.healthy

    async def start(self) -> None:
        """Connect, and load everything that is registered with the feed.

        Raises:
            StoreUnavailable: No writer answers.
        """
        self._keeper = asyncio.get_running_loop().create_task(self._keep())
        try:
            await asyncio.wait_for(self._greeted.wait(), self._patience_seconds)
            await self.feed.start()
        except TimeoutError:
            await self.close()
            raise StoreUnavailable("no writer answers") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the store."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None
        await self.feed.close()
        self.database.close()

    async def _keep(self) -> None:
        """Be connected, for as long as the store is open."""
        offered = -1
        while True:
            try:
                link = await connect(self._path, self._answered, offered)
            except OSError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            self.ledger.attach(link)
            try:
                await _watch(link, self._silence_seconds)
            finally:
                self.feed.confirmed = False
                self.ledger.detach()
                link.abort()
            _log.error("the writer is gone")
            offered = self.feed.offered if self._greeted.is_set() else -1

    def _answered(self, answer: wire.Answer) -> None:
        match answer:
            case wire.Replied() | wire.Failed():
                self.ledger.answered(answer)
            case wire.Changed(version, changes):
                self.feed.offer(version, wire.changes(changes))
                self._fresh()
            case wire.StartOver(version):
                self.feed.start_over(version)
                self._fresh()

    def _fresh(self) -> None:
        self.feed.confirmed = True
        self._greeted.set()


async def _watch(link: Link, silence_seconds: float) -> None:
    """Return when the link is lost, or the writer has been silent for too long."""
    while not link.gone.done():
        await asyncio.wait([link.gone], timeout=silence_seconds / _LOOKS)
        if link.silent_seconds() > silence_seconds:
            return
