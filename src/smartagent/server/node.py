# SPDX-License-Identifier: Apache-2.0
"""A node: the rooms put together, with a beginning and an end."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from smartagent.crypto import SystemClock
from smartagent.gateway import Gateway
from smartagent.identity import Identity
from smartagent.kernel import Ledger, Secret, SmartAgentError
from smartagent.keyset import Rewrapping
from smartagent.server.settings import Settings
from smartagent.server.timekeeping import catch_up_with_the_log
from smartagent.signals import Signals
from smartagent.storage import Store
from smartagent.tokens import Tokens

log: Final = logging.getLogger("smartagent.node")

TEND_SECONDS: Final = 30.0
"""How often the signing keys, and what has expired, are looked after."""


class Worker(Protocol):
    """What works beside the requests."""

    def start(self) -> None:
        """Begin; the store has started."""
        ...

    async def stop(self) -> None:
        """End; another node goes on."""
        ...


class Node:
    """What one worker runs: the store, the rooms' memory, the gateway, and what must be looked after."""

    def __init__(  # noqa: PLR0913 -- what begins and ends with the node
        self,
        *,
        settings: Settings,
        clock: SystemClock,
        store: Store,
        identity: Identity,
        tokens: Tokens,
        sweepers: Sequence[Callable[[Ledger], Awaitable[None]]],
        signals: Signals,
        rewrapping: Rewrapping,
        workers: Sequence[Worker],
        gateway: Gateway,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._store = store
        self._identity = identity
        self._tokens = tokens
        self._sweepers = sweepers
        self._signals = signals
        self._rewrapping = rewrapping
        self._workers = workers
        self._gateway = gateway
        self._leaving: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._draining: asyncio.Task[None] | None = None

    def on_leaving(self, step: Callable[[], None]) -> None:
        """Have `step` called when the node begins to drain; it must not block."""
        self._leaving.append(step)

    @property
    def draining(self) -> bool:
        """Whether the node is on its way out, and should be sent nothing more."""
        return self._draining is not None

    @property
    def keys_ready(self) -> bool:
        """Whether tokens can be signed."""
        try:
            _ = self._tokens.ring.active
        except SmartAgentError:
            return False
        return True

    async def start(self) -> None:
        """Load memory, make sure that there is a signing key, and open the gateway.

        Raises:
            SmartAgentError: The store cannot be reached, or the root key is another store's.
        """
        await self._store.start()
        await catch_up_with_the_log(self._clock, self._store.database)
        await self._rewrapping.begin(self._store.ledger)
        await self._tokens.rings.tend(self._store.ledger)
        await self._signals.start()
        for worker in self._workers:
            worker.start()
        self._rewrapping.start()
        await self._gateway.serve(self._settings.listen, self._settings.gateway_port, reuse_port=True)
        self._tasks = [asyncio.get_running_loop().create_task(self._tend())]

    async def drain(self) -> None:
        """Stop accepting at the gateway, and let its calls finish.  May be called more than once."""
        if self._draining is None:
            self._signals.drain()
            for step in self._leaving:
                step()
            self._draining = asyncio.get_running_loop().create_task(self._gateway.drain())
        await self._draining

    async def stop(self) -> None:
        """Drain, and let go of the store."""
        await self.drain()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._rewrapping.stop()
        for worker in reversed(self._workers):
            await worker.stop()
        await self._signals.stop()
        await self._store.close()

    async def first_claim_link(self) -> Secret[str] | None:
        """Return a fresh claim link while nobody owns the authority."""
        return await self._identity.first_claim(self._store.ledger)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            # When the store is down the keys can wait; readiness says that it is.
            with contextlib.suppress(SmartAgentError):
                await self._tokens.rings.tend(self._store.ledger)
                for sweep in self._sweepers:
                    await sweep(self._store.ledger)
