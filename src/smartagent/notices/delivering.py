# SPDX-License-Identifier: Apache-2.0
"""Sending notices: by whoever has the turn, and by somebody else when it dies.

    made --(in the commit of what it tells of)--> waiting --taken--> delivered
                                                    ^  |
                                                    |  +-- a day old: given up
                                                    +----- else: put off, twice as long each time

Delivery is at least once: who dies between the sending and the commit that says so leaves a notice that is sent again,
with the same id.  Each channel has a task of its own, so none waits for another.
"""

import asyncio
import contextlib
import logging
from typing import Final

from msgspec import structs

from smartagent.kernel import Secret, SmartAgentError, Work
from smartagent.notices.errors import NotDelivered, NoticeMoved, ReceiverGone
from smartagent.notices.events import delivered, disabled, given_up
from smartagent.notices.means import Means
from smartagent.notices.model import Notice, StoredChannel, Waiting, sealed_as
from smartagent.notices.rules import GIVEN_UP_SECONDS, KEPT_SECONDS, pause
from smartagent.notices.store import (
    disable,
    failed,
    finish,
    forget,
    put_off,
    read_channels,
    read_counts,
    read_due,
    read_due_channels,
    succeeded,
)

LOOK_SECONDS: Final = 1.0
FORGET_SECONDS: Final = 600.0
_AT_ONCE: Final = 16

_log = logging.getLogger(__name__)


class Deliverer:
    """Sends what waits."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._holding = False
        self._forget_at = 0.0
        self._sending: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                try:
                    await self.step()
                except Exception:  # noqa: BLE001 -- a bug, or the store is down: notices are sent all the same, later
                    _log.exception("notices cannot be sent; it is tried again")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self.stop()

    async def step(self) -> None:
        """When something is due, take the turn, and see that it is on its way.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        now = self._means.clock.now()
        names = await read_due_channels(self._means.database, int(now))
        if not names and now < self._forget_at:
            return
        self._holding = await self._means.turn.acquire()
        if not self._holding:
            return
        if now >= self._forget_at:
            self._forget_at = now + FORGET_SECONDS
            await self._means.ledger.commit(Work((), writes=(forget(int(now) - KEPT_SECONDS),)))
        for name in names:
            running = self._sending.get(name)
            if running is None or running.done():
                self._sending[name] = asyncio.create_task(self._send_all(name))

    async def settle(self) -> None:
        """Return when nothing is on its way any more."""
        while running := [task for task in self._sending.values() if not task.done()]:
            await asyncio.wait(running)

    async def stop(self) -> None:
        """Send no more; what was on its way is sent again by whoever goes on."""
        self._holding = False
        for task in self._sending.values():
            task.cancel()
        await self.settle()
        with contextlib.suppress(SmartAgentError):
            await self._means.turn.release()

    async def send(self, stored: StoredChannel, notice: Notice) -> None:
        """Send one notice through a channel.

        Raises:
            NotDelivered: The receiver did not take it.
            ReceiverGone: It wants nothing any more.
            CannotUnseal: The channel's secret is another store's.
        """
        if stored.channel.email:
            if self._means.mail is None:
                raise NotDelivered("mail is not set up")
            await self._means.mail.send(stored.channel, notice, Secret(b""))
            return
        await self._means.webhooks.send(stored.channel, notice, self._secret(stored))

    def _secret(self, stored: StoredChannel) -> Secret[bytes]:
        return self._means.sealing.open(stored.sealed_secret, sealed_as(stored.channel.name))

    async def _send_all(self, name: str) -> None:
        """Send what is due in a channel, oldest first, until something is not taken."""
        try:
            for waiting in await read_due(self._means.database, name, int(self._means.clock.now()), _AT_ONCE):
                found = await read_channels(self._means.database, name)
                if not self._holding or not found or not await self._send(found[0], waiting):
                    return
        except NoticeMoved:
            return
        except Exception:  # noqa: BLE001 -- as above, and no other channel may suffer
            _log.exception("notices for %s cannot be sent; it is tried again", name)

    async def _send(self, stored: StoredChannel, waiting: Waiting) -> bool:
        """Send one, and keep what came of it; tell whether the receiver took it."""
        try:
            await self.send(stored, waiting.notice)
        except ReceiverGone as error:
            await self._gone(stored, waiting, error.reason)
            return False
        except NotDelivered as error:
            await self._failed(waiting, error.reason)
            return False
        now = self._means.clock.now()
        writes = (finish(waiting, int(now)), succeeded(waiting.channel, int(now)))
        await self._means.ledger.commit(Work((delivered(waiting, now),), writes=writes))
        return True

    async def _gone(self, stored: StoredChannel, waiting: Waiting, reason: str) -> None:
        now, name = self._means.clock.now(), waiting.channel
        dropped = (await read_counts(self._means.database)).get(name, 0)
        record = disabled(waiting, now, reason, dropped)
        _log.warning("the channel %s is disabled: %s", name, reason)
        await self._means.ledger.commit(Work((record,), writes=disable(stored, reason, int(now))))

    async def _failed(self, waiting: Waiting, reason: str) -> None:
        now = self._means.clock.now()
        failure = failed(waiting.channel, reason, int(now))
        if now - waiting.notice.made_at >= GIVEN_UP_SECONDS:
            record = given_up(waiting, now, reason)
            _log.error("a notice for %s is given up: %s", waiting.channel, reason)
            await self._means.ledger.commit(Work((record,), writes=(finish(waiting, int(now)), failure)))
            return
        chance = int.from_bytes(self._means.entropy(2)) / 0xFFFF
        later = structs.replace(
            waiting,
            attempts=waiting.attempts + 1,
            not_before=int(now + pause(waiting.attempts, chance)) + 1,
        )
        _log.info("a notice for %s is sent again: %s", waiting.channel, reason)
        await self._means.ledger.commit(Work((), writes=(put_off(later), failure)))
