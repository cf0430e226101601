# SPDX-License-Identifier: Apache-2.0
"""The servers' entries and what is pinned of their tools, as this node holds them in memory."""

from collections.abc import Mapping, Sequence

from smartagent.mcp.errors import McpServerNotFound
from smartagent.mcp.model import Pin, StoredServer, ToolState
from smartagent.mcp.store import SERVERS_TOPIC, TOOLS_TOPIC, read_pins, read_servers
from smartagent.storage import Database, Feed


class Memory:
    """What is known of servers.  Entries do not change; they are replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._servers: dict[str, StoredServer] = {}
        self._pins: dict[str, dict[str, Pin]] = {}

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        feed.register(SERVERS_TOPIC, self.reload_servers)
        feed.register(TOOLS_TOPIC, self.reload_pins)

    async def reload_servers(self, names: Sequence[str]) -> None:
        """Read the servers `names` again; with no names, all of them."""
        if not names:
            self._servers = {stored.server.name: stored for stored in await read_servers(self._database)}
        for name in dict.fromkeys(names):
            found = await read_servers(self._database, name)
            self._servers.pop(name, None)
            if found:
                self._servers[name] = found[0]

    async def reload_pins(self, servers: Sequence[str]) -> None:
        """Read what is pinned of `servers` again; with no names, of all of them."""
        if not servers:
            pins: dict[str, dict[str, Pin]] = {}
            for pin in await read_pins(self._database):
                pins.setdefault(pin.server, {})[pin.tool] = pin
            self._pins = pins
        for server in dict.fromkeys(servers):
            self._pins[server] = {pin.tool: pin for pin in await read_pins(self._database, server)}

    def server(self, name: str) -> StoredServer:
        """Return the entry `name`, the same object until it changes.

        Raises:
            McpServerNotFound: There is none.
        """
        try:
            return self._servers[name]
        except KeyError:
            raise McpServerNotFound(name[:64]) from None

    def servers(self) -> list[StoredServer]:
        """Return all entries by name."""
        return [self._servers[name] for name in sorted(self._servers)]

    def pins(self, server: str) -> Mapping[str, Pin]:
        """Return what is pinned of a server, by tool."""
        return self._pins.get(server, {})

    def approved(self, server: str, tool: str) -> Pin | None:
        """Return the pin of a tool that is what it was when it was approved; None for any other."""
        pin = self.pins(server).get(tool)
        return pin if pin is not None and pin.state is ToolState.APPROVED else None
