# SPDX-License-Identifier: Apache-2.0
"""What must happen when nobody asks: by whoever has the turn, one node at a time, and somebody else when it dies."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from smartagent.governance.errors import GovernanceChanged
from smartagent.governance.means import Means
from smartagent.governance.usage import Usage
from smartagent.kernel import SmartAgentError

LOOK_SECONDS: Final = 5.0
_PIECES: Final = 64
"""How much of the log is read at once, before everything else has its turn again."""

Duty = Callable[[float], Awaitable[None]]

_log = logging.getLogger(__name__)


class Caretaker:
    """Does what is due.  A duty is given the instant, in Unix seconds."""

    def __init__(self, means: Means, usage: Usage, duties: Sequence[Duty]) -> None:
        self._means = means
        self._usage = usage
        self._duties = duties
        self._wake = asyncio.Event()

    async def reload(self, keys: Sequence[str]) -> None:  # noqa: ARG002 -- the feed's shape
        """Look at what is due, at once."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.step()
                except Exception:  # noqa: BLE001 -- a bug, or the store is down: what is due is done all the same, later
                    _log.exception("what is due is not done yet; it is tried again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
        finally:
            with contextlib.suppress(SmartAgentError):
                await self._means.turn.release()

    async def step(self) -> None:
        """Take the turn, and do everything that is due.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if not await self._means.turn.acquire():
            return
        with contextlib.suppress(GovernanceChanged):
            for _ in range(_PIECES):
                if not await self._usage.step():
                    break
        for duty in self._duties:
            await duty(self._means.clock.now())
