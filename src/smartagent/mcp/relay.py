# SPDX-License-Identifier: Apache-2.0
"""What is asked of a server goes to it, and what it lists is cut down to what the caller may reach.

The revisions on the two sides need not be the same: the SDK's client speaks to the server, and results are written
as the caller's revision has them.
"""

from collections.abc import Mapping
from typing import Final

from mcp_types import SERVER_INFO_META_KEY, PromptReference, ResourceTemplateReference, methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from smartagent.kernel import Caller
from smartagent.mcp.answering import Progress
from smartagent.mcp.credentials import Credentials
from smartagent.mcp.deciding import Deciding
from smartagent.mcp.errors import McpServerUnreachable, McpUnknown
from smartagent.mcp.link import Link
from smartagent.mcp.links import Links
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import McpServer, StoredServer
from smartagent.mcp.pinning import Pinning
from smartagent.mcp.pins import INSTRUCTIONS, definition_of, pin_digest
from smartagent.mcp.protocol import Message
from smartagent.policy import McpCall, McpKind

_OFFERED: Final = ("tools", "prompts", "resources", "completions")
_LISTED: Final = {
    "prompts/list": ("prompts", McpKind.PROMPT, "name"),
    "resources/list": ("resources", McpKind.RESOURCE, "uri"),
    "resources/templates/list": ("resourceTemplates", McpKind.RESOURCE, "uriTemplate"),
}
_OK: Final = 200


class Relay:
    """Asks servers for callers."""

    def __init__(
        self, memory: Memory, links: Links, credentials: Credentials, pinning: Pinning, deciding: Deciding
    ) -> None:
        self._memory = memory
        self._links = links
        self._credentials = credentials
        self._pinning = pinning
        self._deciding = deciding

    async def serve(
        self, stored: StoredServer, message: Message, caller: Caller, request: str, progress: Progress
    ) -> dict[str, object]:
        """Do what a message asks of a server, and return the result as the message's revision has it.

        Raises:
            RemoteError: The server answered with an error.
            SmartAgentError: The server cannot be asked, or what it offers is not what was approved.
        """
        secrets = await self._credentials.of(stored.server, caller)
        async with self._links.using(stored, caller, secrets) as link:
            asking = _Asking(self, stored.server, link, caller, request)
            return written(message, await asking.result(message, progress), stored.server.name)

    async def look(self, stored: StoredServer, caller: Caller, request: str) -> None:
        """Look at what a server offers now, and take note of it.

        Raises:
            SmartAgentError: The server cannot be asked.
        """
        secrets = await self._credentials.of(stored.server, caller)
        async with self._links.using(stored, caller, secrets) as link:
            await self.refresh(stored.server, link, request)

    async def refresh(self, server: McpServer, link: Link, request: str) -> list[dict[str, object]]:
        """List a server's tools, compare each with what was approved, and return their definitions."""
        said = link.described
        found: list[dict[str, object]] = []
        if said["instructions"]:
            found.append({"name": INSTRUCTIONS, "description": said["instructions"]})
        if "tools" in _members(said["capabilities"]):
            found += [tool for tool in await link.listing("tools/list") if tool.get("name") != INSTRUCTIONS]
        definitions = {str(tool.get("name")): definition_of(tool) for tool in reversed(found)}
        await self._pinning.observe(server, found, request)
        link.offered = {name: pin_digest(server, each) for name, each in definitions.items()}
        link.listed = True
        return [definitions[str(tool.get("name"))] for tool in found]

    def is_approved(self, server: McpServer, link: Link, name: str) -> bool:
        """Say whether what the server offers under `name` on this very connection is what was approved."""
        pin = self._memory.approved(server.name, name)
        return pin is not None and link.offered.get(name) == pin.approved

    def shows(self, caller: Caller, asked: McpCall) -> bool:
        """Say whether something stands in a list that `caller` gets."""
        return self._deciding.shows(caller, asked)


class _Asking:
    """One question of one caller to one server."""

    def __init__(self, relay: Relay, server: McpServer, link: Link, caller: Caller, request: str) -> None:
        self._relay = relay
        self._server = server
        self._link = link
        self._caller = caller
        self._request = request

    async def result(self, message: Message, progress: Progress) -> dict[str, object]:
        match message.method:
            case "initialize" | "server/discover":
                return await self._described(message)
            case "tools/list":
                return {"tools": await self._tools()}
            case "tools/call":
                return await self._called(message, progress)
            case "completion/complete":
                return await self._completed(message)
            case method if method in _LISTED:
                return await self._listed(method)
            case _:
                return await self._had(message)

    async def _had(self, message: Message) -> dict[str, object]:
        if message.method == "resources/read":
            return await self._link.read_resource(message.name)
        return await self._link.get_prompt(message.name, _texts(message.params.get("arguments")))

    async def _described(self, message: Message) -> dict[str, object]:
        await self._relay.refresh(self._server, self._link, self._request)
        said = self._link.described
        offered: dict[str, object] = {name: {} for name in _OFFERED if name in _members(said["capabilities"])}
        described: dict[str, object] = {"capabilities": offered}
        if self._relay.is_approved(self._server, self._link, INSTRUCTIONS):
            described["instructions"] = said["instructions"]
        return described | greeting(message, self._server.name)

    async def _tools(self) -> list[dict[str, object]]:
        found = await self._relay.refresh(self._server, self._link, self._request)
        return [
            tool
            for tool in found
            if tool["name"] != INSTRUCTIONS
            and self._relay.is_approved(self._server, self._link, str(tool["name"]))
            and self._shows(McpKind.TOOL, str(tool["name"]))
        ]

    async def _called(self, message: Message, progress: Progress) -> dict[str, object]:
        if not self._link.listed:
            await self._relay.refresh(self._server, self._link, self._request)
        if not self._relay.is_approved(self._server, self._link, message.name):
            # It was approved when the call was decided; what the server offers now is something else.
            text = f"Unknown tool: {message.name[:128]}"
            raise McpUnknown(text, message.id, _OK, "the server changed it")
        return await self._link.call_tool(message.name, message.arguments, progress)

    async def _completed(self, message: Message) -> dict[str, object]:
        reference, argument = message.params["ref"], _texts(message.params["argument"])
        context = message.params.get("context")
        given = _texts(context.get("arguments")) if isinstance(context, dict) else {}
        known = _members(reference)
        about = (
            ResourceTemplateReference.model_validate(known)
            if known.get("type") == "ref/resource"
            else PromptReference.model_validate(known)
        )
        return await self._link.complete(about, argument, given)

    async def _listed(self, method: str) -> dict[str, object]:
        member, kind, name = _LISTED[method]
        found = await self._link.listing(method)
        return {member: [each for each in found if self._shows(kind, str(each.get(name, "")))]}

    def _shows(self, kind: McpKind, name: str) -> bool:
        return self._relay.shows(self._caller, McpCall(self._server.name, kind, name))


def greeting(message: Message, name: str) -> dict[str, object]:
    """Return what an answer to `initialize` or `server/discover` says besides what is offered."""
    if message.method == "initialize":
        return {"protocolVersion": message.revision, "serverInfo": _info(name)}
    return {"supportedVersions": list(MODERN_PROTOCOL_VERSIONS)}


def written(message: Message, result: Mapping[str, object], name: str) -> dict[str, object]:
    """Return a result as the message's revision has it.

    Raises:
        McpServerUnreachable: It is no result of the method in that revision.
    """
    whole = dict(result)
    if message.modern:
        # What is listed depends on who asks and when: nobody keeps it.
        meta = {SERVER_INFO_META_KEY: _info(name), **_members(whole.get("_meta"))}
        whole = {"ttlMs": 0, "cacheScope": "private", **whole, "resultType": "complete", "_meta": meta}
    try:
        sieved: dict[str, object] = methods.serialize_server_result(message.method, message.revision, whole)
    except ValidationError:
        raise McpServerUnreachable("its result cannot be written in the caller's revision") from None
    return sieved


def _info(name: str) -> dict[str, object]:
    return {"name": name, "version": "1"}


def _members(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(name): str(each) for name, each in _members(value).items()}
