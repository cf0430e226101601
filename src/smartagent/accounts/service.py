# SPDX-License-Identifier: Apache-2.0
"""Accounts as one thing: their verbs, and what keeps their access tokens fresh."""

import asyncio
import contextlib
import logging
from typing import Final

from smartagent.accounts.entries import Entries
from smartagent.accounts.errors import AccountError
from smartagent.accounts.means import Means
from smartagent.accounts.model import Access
from smartagent.accounts.refreshing import Refresher
from smartagent.accounts.store import read_due
from smartagent.kernel import Secret, SmartAgentError

LOOK_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


class Accounts:
    """What the house may use at OAuth providers in people's names."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._refresher = Refresher(means)
        self.entries = Entries(means, self._refresher)
        self._task: asyncio.Task[None] | None = None

    async def access(self, provider: str, name: str) -> Access:
        """Return an access token that lives, refreshed when it is close to its end.

        Raises:
            AccountNotFound: There is no such account.
            ReconnectNeeded: Its provider takes the refresh token no more.
            AccountRefused: Its provider said no.
            AccountUnreachable: Its provider does not answer, and there is no token that lives.
        """
        return await self._refresher.access(provider, name)

    async def token(self, provider: str, name: str) -> tuple[Secret[bytes], int]:
        """Return an access token as the vault takes it, and when it dies (Unix seconds); raises as `access`."""
        access = await self.access(provider, name)
        return Secret(access.token.reveal().encode()), access.expires_at

    def start(self) -> None:
        """Begin to refresh what comes close to its end.  Call it when the store has started."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Refresh no more; another node goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            with contextlib.suppress(SmartAgentError):
                await self._means.turn.release()

    async def step(self) -> None:
        """Take the turn, and refresh what is due.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if not await self._means.turn.acquire():
            return
        for account in await read_due(self._means.database, now=int(self._means.clock.now())):
            try:
                await self._refresher.access(account.provider, account.name)
            except AccountError as error:
                _log.warning("the account %s was not refreshed: %s", account.label, error.title)

    async def _run(self) -> None:
        while True:
            try:
                await self.step()
            except SmartAgentError:
                _log.exception("accounts cannot be looked after; it is tried again")
            await asyncio.sleep(LOOK_SECONDS)
