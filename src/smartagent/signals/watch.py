# SPDX-License-Identifier: Apache-2.0
"""Watching what the store changes, by the version of each change: the same on every node.

    woken (a revocation, an agent), or a second is over
      --> read the changes after `position` --> wait until memory has them --> tell the listeners

The version is what a follower names to go on where it stopped, at whatever node.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from smartagent.identity import AgentStatus
from smartagent.signals.model import ChangeRow, Happened, What
from smartagent.signals.ports import Means
from smartagent.signals.store import read_changes, read_ends, read_last_changes

REMEMBERED: Final = 4096
"""Changes that can be told again; older ones are told as the whole state."""
_MOST: Final = 1000
_LOOK_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)

Listener = Callable[[Sequence[Happened]], None]


class Watch:
    """Reads changes in their order, and makes of them what happened."""

    def __init__(self, means: Means) -> None:
        self.position = 0
        """The version up to which everything was told."""
        self.remembered_from = 0
        """The version after which nothing is missing from what `load` returned and the listeners heard."""
        self._means = means
        self._wake = asyncio.Event()
        self._listeners: list[Listener] = []
        self._lost: list[Callable[[], None]] = []
        means.dead.on_change(self._wake.set)

    def on_happened(self, listener: Listener) -> None:
        """Have `listener` told of what happened, in the order of versions."""
        self._listeners.append(listener)

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when changes were missed for good: what it told others may lack something."""
        self._lost.append(listener)

    async def load(self) -> list[Happened]:
        """Begin where the store is, and return what happened last.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        oldest, newest = await read_ends(self._means.database)
        rows = await read_last_changes(self._means.database, most=REMEMBERED)
        await self._means.reached(newest)
        self.position = newest
        complete = len(rows) < REMEMBERED
        self.remembered_from = max(oldest - 1, 0) if complete else rows[0].version - 1
        return self.told(rows)

    async def catch_up(self) -> None:
        """Tell what happened since `position`.

        Raises:
            StoreUnavailable: The store cannot be read, or this node's memory does not follow it.
        """
        self._wake.clear()
        oldest, newest = await read_ends(self._means.database)
        if oldest > self.position + 1:
            self.remembered_from = oldest - 1
            for lost in self._lost:
                lost()
        more = True
        while more:
            rows = await read_changes(self._means.database, after=self.position, most=_MOST)
            more = len(rows) == _MOST
            if rows:
                await self._means.reached(rows[-1].version)
                self.position = rows[-1].version
                happened = self.told(rows)
                for listener in self._listeners:
                    listener(happened)
        self.position = max(self.position, newest)

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self.catch_up()
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue
            except Exception:  # noqa: BLE001 -- a bug, or the store is down: changes are followed all the same, later
                _log.exception("changes cannot be followed; it is tried again")
                await asyncio.sleep(_LOOK_SECONDS)

    def told(self, rows: Sequence[ChangeRow]) -> list[Happened]:
        """Return what `rows` mean, once memory has them: a change that concerns nothing any more means nothing."""
        dead = {f"{each.kind.value}:{each.id}": each for each in self._means.dead.known()}
        happened: list[Happened] = []
        for row in rows:
            if row.topic == "agents":
                happened += self._of_agent(row)
            elif row.topic == "signing-keys":
                now_ms = int(self._means.clock.now() * 1000)
                happened.append(Happened(row.version, What.KEY, "", row.key, now_ms))
            elif row.key in dead:
                found = dead[row.key]
                kind, at_ms = found.kind.value, found.revoked_at_ms
                happened.append(Happened(row.version, What.REVOKED, kind, found.id, at_ms, found.until))
        return happened

    def _of_agent(self, row: ChangeRow) -> list[Happened]:
        agent = self._means.people.agent(row.key)
        if agent is None or not agent.public_key:
            # What is known and never was enrolled holds nothing that anybody could take.
            return []
        # An agent that is active and never was anything else has just been enrolled.
        is_new = agent.status is AgentStatus.ACTIVE and agent.last_changed_at == agent.created_at
        what = What.ENROLLED if is_new else What.AGENT
        return [Happened(row.version, what, agent.status.value, agent.id, agent.last_changed_at * 1000)]
