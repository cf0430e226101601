# SPDX-License-Identifier: Apache-2.0
"""MCP as one thing: its memory, its door, its acts.

The SDK is an extra.  What needs it is loaded by the first message; without it the house works, and messages and looks
at servers are refused with how to install it.
"""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from smartagent.edge import Inbound, Outcome, Proof
from smartagent.kernel import Caller, Decision, Record, Work
from smartagent.mcp.desk import Desk
from smartagent.mcp.door import Door
from smartagent.mcp.errors import McpNotInstalled
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.storage import Feed

if TYPE_CHECKING:
    from smartagent.mcp.serving import Serving

Authenticator = Callable[[Inbound], Awaitable[Caller]]


class Mcp:
    """The MCP gateway, and the house's own server."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self.memory = Memory(means.database)
        self.door = Door(means, self.memory)
        self.desk = Desk(means, self.memory, self.look)
        self._serving: Serving | None = None

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        self.memory.follow(feed)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.MCP_TOKEN: self.door.by_mcp_token}

    async def take(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take a message.

        Raises:
            McpNotInstalled: The SDK is not here.
            SmartAgentError: The message is refused.
        """
        return await self._loaded().take(caller, inbound)

    async def look(self, name: str, caller: Caller, request: str) -> None:
        """Look at what a server offers now; that it is asked stands in the log before it is.

        Raises:
            McpNotInstalled: The SDK is not here.
            SmartAgentError: The server cannot be asked.
        """
        serving = self._loaded()
        stored = self.memory.server(name)
        record = Record(
            event="mcp-tools.asked-for",
            at_ms=int(self._means.clock.now() * 1000),
            request=request,
            caller=caller.principal,
            session=caller.session,
            jti=caller.jti,
            target=f"mcp/{stored.server.name}",
            decision=Decision.PERMIT,
        )
        await self._means.commit(Work((record,)), caller)
        await serving.relay.look(stored, caller, request)

    def cut_revoked(self) -> None:
        """End every answer whose caller is no longer live."""
        if self._serving is not None:
            self._serving.cut_revoked()

    def start(self) -> None:
        """Begin; connections are opened when they are needed."""

    async def stop(self) -> None:
        """Close all connections to servers, and end the programs that were started."""
        if self._serving is not None:
            await self._serving.close()

    def _loaded(self) -> "Serving":
        if self._serving is None:
            if find_spec("mcp") is None:
                raise McpNotInstalled
            made: Serving = import_module("smartagent.mcp.serving").Serving(
                self._means, self.memory, self.door
            )
            self._serving = made
        return self._serving
