# SPDX-License-Identifier: Apache-2.0
"""What a server gets to know whom it serves: its own credential, never the caller's token.

With `secret` all callers share it.  With `account` each user has their own at the provider, under their own id,
and there is no other to fall back to.
"""

from collections import OrderedDict
from typing import Final

from smartagent.kernel import Caller, Secret
from smartagent.mcp.entries import account_name
from smartagent.mcp.means import Means
from smartagent.mcp.model import McpServer

_KEPT: Final = 1024


class Credentials:
    """Finds credentials."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._kept: OrderedDict[tuple[str, str], tuple[Secret[bytes], ...]] = OrderedDict()

    async def of(self, server: McpServer, caller: Caller) -> tuple[Secret[bytes], ...]:
        """Return what `server` is presented with for `caller`: the value in force, then those that it replaced.

        The same objects come back until the value changes.  Who acts for somebody uses that somebody's account.

        Raises:
            SmartAgentError: It is missing, or cannot be had.
        """
        if server.account:
            return await self._account(server.account, caller.subject or caller.principal)
        return await self._means.secret(server.secret) if server.secret else ()

    async def _account(self, provider: str, user: str) -> tuple[Secret[bytes], ...]:
        access = await self._means.account(provider, account_name(user))
        value = access.token.reveal().encode()
        key = (provider, user)
        kept = self._kept.get(key, ())
        if kept and kept[0].reveal() == value:
            return kept
        # The one before may still be echoed.
        self._kept[key] = (Secret(value), *kept[:1])
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]
