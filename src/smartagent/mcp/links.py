# SPDX-License-Identifier: Apache-2.0
"""The connections of this node: one for each server, user and credential, opened when needed, closed when idle.

Nobody's connection serves anybody else: not another user of the same role, and not the same agent when it acts for
somebody.  A connection that was made with an earlier credential or entry is not used again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from smartagent.gateway import Pinner
from smartagent.kernel import Caller, Clock, Secret
from smartagent.mcp.errors import McpFull
from smartagent.mcp.link import Link
from smartagent.mcp.model import McpServer, StoredServer

IDLE_SECONDS: Final = 300.0
SWEEP_SECONDS: Final = 15.0
MAX_LINKS: Final = 128

_Key = tuple[str, str, str]
Make = Callable[[McpServer, tuple[Secret[bytes], ...], Pinner], Link]

# What the SDK and its HTTP client log may hold what servers said and what they were sent: credentials among it.
for _name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class _Held:
    """A connection, how many use it, and since when nobody has."""

    def __init__(self, stored: StoredServer, caller: Caller, link: Link) -> None:
        self.stored = stored
        self.caller = caller
        self.link = link
        self.users = 0
        self.idle_since = 0.0

    def fits(self, stored: StoredServer, secrets: tuple[Secret[bytes], ...]) -> bool:
        # Entries and secrets are replaced, not changed: the same objects mean the same connection.
        return self.link.alive and self.stored is stored and self.link.secrets == secrets


class Links:
    """Opens, keeps and closes connections.

    Args:
        clock: Measures idleness.
        pinner: Checks where connections lead.
        make: Makes a connection; given by tests.
    """

    def __init__(self, clock: Clock, pinner: Pinner, make: Make = Link) -> None:
        self._clock = clock
        self._pinner = pinner
        self._make = make
        self._held: dict[_Key, _Held] = {}
        self._opening: dict[_Key, asyncio.Lock] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def using(
        self, stored: StoredServer, caller: Caller, secrets: tuple[Secret[bytes], ...]
    ) -> AsyncIterator[Link]:
        """Lend a connection to a server that is `caller`'s alone.

        Raises:
            McpFull: Too many are open, and all in use.
            McpServerUnreachable: The server cannot be reached.
            McpServerTimeout: It takes too long.
        """
        key = (stored.server.name, caller.principal, caller.subject)
        # Two calls at once must not start two programs.
        async with self._opening.setdefault(key, asyncio.Lock()):
            held = self._held.get(key)
            if held is None or not held.fits(stored, secrets):
                held = await self._open(key, stored, caller, secrets)
            held.caller = caller
            held.users += 1
        try:
            yield held.link
        finally:
            held.users -= 1
            held.idle_since = self._clock.monotonic()
            if not held.users and self._held.get(key) is not held:
                self._close(held)

    async def close(self) -> None:
        """Close all connections; no program that was started is left."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for key in tuple(self._held):
            self._close(self._held.pop(key))
        if self._closing:
            await asyncio.wait(self._closing)

    def drop(self, live: Callable[[Caller], bool]) -> None:
        """Close the connections whose last user is not `live` any more, once they are used no more."""
        for key, held in tuple(self._held.items()):
            if not live(held.caller):
                del self._held[key]
                if not held.users:
                    self._close(held)

    def sweep(self) -> None:
        """Close what nobody has used for a while, and what is dead."""
        until = self._clock.monotonic() - IDLE_SECONDS
        for key, held in tuple(self._held.items()):
            if not held.users and (held.idle_since <= until or not held.link.alive):
                self._close(self._held.pop(key))
        for key, lock in tuple(self._opening.items()):
            if key not in self._held and not lock.locked():
                del self._opening[key]

    async def _open(
        self, key: _Key, stored: StoredServer, caller: Caller, secrets: tuple[Secret[bytes], ...]
    ) -> _Held:
        former = self._held.pop(key, None)
        if former is not None and not former.users:
            self._close(former)
        self._make_room()
        link = self._make(stored.server, secrets, self._pinner)
        await link.open()
        held = self._held[key] = _Held(stored, caller, link)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep_for_ever())
        return held

    def _make_room(self) -> None:
        if len(self._held) < MAX_LINKS:
            return
        idle = [key for key, held in self._held.items() if not held.users]
        if not idle:
            raise McpFull("try again later")
        self._close(self._held.pop(min(idle, key=lambda key: self._held[key].idle_since)))

    def _close(self, held: _Held) -> None:
        task = asyncio.get_running_loop().create_task(held.link.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()
