# SPDX-License-Identifier: Apache-2.0
"""What operators say of servers and their tools."""

from collections.abc import Awaitable, Callable

from smartagent.clients import Resource, drop_resource, put_resource, resource_changed
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller
from smartagent.mcp.door import scope_of
from smartagent.mcp.entries import allowed_program, parse_server
from smartagent.mcp.errors import MalformedMcpServer, McpChanged, McpServerNotFound, McpToolNotFound
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import McpServer, StoredServer
from smartagent.mcp.pins import approved
from smartagent.mcp.store import (
    drop_server,
    forget_met,
    put_pin,
    put_server,
    read_pins,
    server_changed,
    tools_changed,
)
from smartagent.mcp.views import (
    ApprovalRequest,
    McpServerList,
    McpServerRequest,
    ToolList,
    server_view,
    tool_view,
)

Look = Callable[[str, Caller, str], Awaitable[None]]
"""Looks at what a server offers now, on behalf of somebody and a request."""


class Desk:
    """The acts of operators."""

    def __init__(self, means: Means, memory: Memory, look: Look) -> None:
        self._means = means
        self._memory = memory
        self._look = look

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write an entry; tokens for the server can be had from then on.

        Raises:
            MalformedMcpServer: It is none, names a secret that is not in the vault, or starts a program that may not be.
        """
        entry = self._entry(inbound)
        try:
            version = self._memory.server(entry.name).version + 1
        except McpServerNotFound:
            version = 1
        now = int(self._means.clock.now())
        stored = StoredServer(entry, version, now, caller.principal)
        address = self._means.address_of(entry.name)
        resource = Resource(
            identifier=address, name=entry.name, scopes=(scope_of(entry.name),), created_at=now
        )
        return Outcome(
            Reply(201 if version == 1 else 200, server_view(stored, address)),
            target=f"mcp/{entry.name}",
            detail={
                "version": version,
                "url": entry.url,
                "program": entry.command[0] if entry.command else "",
                "secret": entry.secret,
                "place": entry.place,
                "account": entry.account,
            },
            writes=(put_server(stored), *put_resource(resource)),
            changes=(server_changed(entry.name), resource_changed(address)),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        shown = [
            server_view(each, self._means.address_of(each.server.name)) for each in self._memory.servers()
        ]
        return Outcome(Reply(200, McpServerList(shown)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        stored = self._memory.server(inbound.params["name"])
        name = stored.server.name
        return Outcome(Reply(200, server_view(stored, self._means.address_of(name))), target=f"mcp/{name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one, with what was approved of it; no token for it can be had any more."""
        stored = self._memory.server(inbound.params["name"])
        name = stored.server.name
        address = self._means.address_of(name)
        # Somebody may have removed the resource by itself.
        known = self._means.resource(address) is not None
        return Outcome(
            Reply(204),
            target=f"mcp/{name}",
            detail={"version": stored.version},
            writes=(*drop_server(stored), *([drop_resource(address)] if known else [])),
            changes=(server_changed(name), tools_changed(name), resource_changed(address)),
        )

    async def tools(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List what a server offered when it was last looked at, and what was approved."""
        return await self._tools(self._memory.server(inbound.params["name"]).server.name)

    async def look(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Look at what a server offers now, and list it.

        Raises:
            SmartAgentError: It cannot be asked.
        """
        name = self._memory.server(inbound.params["name"]).server.name
        await self._look(name, caller, inbound.request_id)
        return await self._tools(name)

    async def approve(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Approve tools as they were looked at: agents whose role says so may call them from then on.

        Raises:
            McpToolNotFound: The server never showed one of them.
            McpChanged: The server offers something else by now.
        """
        name = self._memory.server(inbound.params["name"]).server.name
        asked = parse_json(inbound.body, ApprovalRequest)
        pins = {pin.tool: pin for pin in await read_pins(self._means.database, name)}
        now = int(self._means.clock.now())
        changed = []
        for tool, digest in asked.tools.items():
            if tool not in pins:
                raise McpToolNotFound(tool[:128])
            if pins[tool].offered != digest:
                raise McpChanged(tool[:128])
            changed.append(approved(pins[tool], caller.principal, now))
            pins[tool] = changed[-1]
        return Outcome(
            Reply(200, ToolList([tool_view(pins[tool]) for tool in sorted(pins)])),
            target=f"mcp/{name}",
            detail={f"tool:{pin.tool[:128]}": pin.approved for pin in changed},
            writes=tuple(put_pin(pin) for pin in changed),
            changes=(tools_changed(name),),
        )

    async def release(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Forget which labels an agent has met: somebody looked, and it may send outside again."""
        agent = inbound.params["agent"][:64]
        return Outcome(Reply(204), target=f"mcp-flow/{agent}", writes=(forget_met(agent),))

    async def _tools(self, name: str) -> Outcome:
        pins = sorted(await read_pins(self._means.database, name), key=lambda pin: pin.tool)
        return Outcome(Reply(200, ToolList([tool_view(pin) for pin in pins])), target=f"mcp/{name}")

    def _entry(self, inbound: Inbound) -> McpServer:
        asked = parse_json(inbound.body, McpServerRequest)
        place = asked.place if asked.place is not None else "bearer" if asked.secret else ""
        entry = parse_server(
            McpServer(
                name=inbound.params["name"],
                url=asked.url,
                command=tuple(asked.command),
                env=asked.env,
                secret=asked.secret,
                place=place,
                account=asked.account,
                allow_private=asked.allow_private,
                allow_plaintext=asked.allow_plaintext,
                timeout_seconds=asked.timeout_seconds,
                people_role=asked.people_role,
                labels=asked.labels,
            )
        )
        if entry.secret and not self._means.secret_exists(entry.secret):
            raise MalformedMcpServer("secret", "there is no such secret in the vault")
        if entry.command and not allowed_program(entry.command, self._means.programs):
            raise MalformedMcpServer("command", "the setting mcp_programs does not name this program")
        return entry
