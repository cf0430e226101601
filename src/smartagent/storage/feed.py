# SPDX-License-Identifier: Apache-2.0
"""The change feed: how every node's memory follows the store.

    offered by the store                      applied to memory
    ... 41  42  43 ---> [ queue ] ---> reload(topic, keys) ---> applied = 43
              gap, overflow, reconnect ---> reload(topic, ()) = load everything

Whoever made a change, every node gets it by this way, in the order of the versions.  When a
node cannot be sure that it gets them, it is not healthy, and refuses rather than guesses.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from smartagent.kernel import Change
from smartagent.storage.errors import StoreUnavailable

Reload = Callable[[Sequence[str]], Awaitable[None]]

_MOST_QUEUED: Final = 10_000
_AGAIN_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class Feed:
    """Brings the store's changes to this node's memory."""

    def __init__(self, *, patience_seconds: float = 2.0) -> None:
        self.applied = 0
        """The version that this node's memory has reached."""
        self.offered = 0
        """The version up to which changes are applied or in the queue."""
        self.confirmed = False
        """Whether the store is sure, at this moment, that no change passes this node by."""
        self._patience_seconds = patience_seconds
        self._topics: dict[str, Reload] = {}
        self._watchers: list[Callable[[frozenset[str]], None]] = []
        self._queue: list[Change] = []
        self._everything = False
        self._failing = False
        self._wake = asyncio.Event()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._keeper: asyncio.Task[None] | None = None

    def register(self, topic: str, reload: Reload) -> None:
        """Have `reload` called with the changed keys of `topic`, in their order, one call at a time.

        With no keys it must load everything.  It is called so once when the store starts, and
        whenever changes may have been missed.

        Raises:
            RuntimeError: The topic is taken, or the feed runs already.
        """
        if topic in self._topics or self._keeper is not None:
            message = f"too late, or twice: {topic}"
            raise RuntimeError(message)
        self._topics[topic] = reload

    def watch(self, watcher: Callable[[frozenset[str]], None]) -> None:
        """Have `watcher` told which topics changed, after this node's memory has taken them in; it must not block.

        It is told of all registered topics when changes may have been missed.
        """
        self._watchers.append(watcher)

    @property
    def healthy(self) -> bool:
        """Whether this node's memory is known to follow the store."""
        return self.confirmed and not self._failing

    async def reached(self, version: int) -> None:
        """Return when this node's memory has reached `version`.

        Raises:
            StoreUnavailable: It does not within the feed's patience.
        """
        if self.applied >= version:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((version, reached))
        try:
            await asyncio.wait_for(reached, self._patience_seconds)
        except TimeoutError:
            raise StoreUnavailable("this node does not follow the store's changes") from None
        finally:
            self._waiting = [each for each in self._waiting if each[1] is not reached]

    async def start(self) -> None:
        """Load everything, once the store has said by `start_over` where it is; then follow."""
        version, self._everything, self._queue = self.offered, False, []
        for reload in self._topics.values():
            await reload(())
        self.applied = version
        self._keeper = asyncio.get_running_loop().create_task(self._follow())

    def offer(self, version: int, changes: Sequence[Change]) -> None:
        """Take the changes after `offered`, up to `version`."""
        self._queue.extend(changes)
        self.offered = version
        if len(self._queue) > _MOST_QUEUED:
            self._everything = True
        self._wake.set()

    def start_over(self, version: int) -> None:
        """Changes may have been missed, and the store is at `version` or later: load everything."""
        self._everything = True
        self.offered = version
        self._wake.set()

    async def close(self) -> None:
        """Stop following."""
        self.confirmed = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._catch_up()
            except Exception:  # noqa: BLE001 -- whatever a memory raised, it may be half loaded: only a full load heals that
                _log.exception("a change could not be applied to memory")
                self._failing = self._everything = True
                await asyncio.sleep(_AGAIN_SECONDS)
                self._wake.set()

    async def _catch_up(self) -> None:
        everything, changes, version = self._everything, self._queue, self.offered
        self._everything, self._queue = False, []
        changed = frozenset(self._topics) if everything else frozenset(change.topic for change in changes)
        if everything:
            for reload in self._topics.values():
                await reload(())
        else:
            await self._apply(changes)
        self.applied = version
        self._failing = False
        for wanted, reached in self._waiting:
            if wanted <= version and not reached.done():
                reached.set_result(None)
        for watcher in self._watchers:
            watcher(changed)

    async def _apply(self, changes: Sequence[Change]) -> None:
        for topic, keys in _runs(changes):
            if topic in self._topics:
                await self._topics[topic](keys)


def _runs(changes: Sequence[Change]) -> list[tuple[str, list[str]]]:
    """Return `changes` as (topic, keys), neighbours of one topic together."""
    runs: list[tuple[str, list[str]]] = []
    for change in changes:
        if not runs or runs[-1][0] != change.topic:
            runs.append((change.topic, []))
        runs[-1][1].append(change.key)
    return runs
