# SPDX-License-Identifier: Apache-2.0
"""The house's own server: an agent asks what it may do, asks for more, and sees what the log holds about it.

Everything is about the caller alone.  A request for access changes nothing: operators see it, and decide.
"""

from typing import Final, TypeVar

import msgspec
from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from smartagent.governance import AccessAsked, GovernanceError
from smartagent.kernel import Caller, Record, Work, rfc3339
from smartagent.mcp.answering import Progress
from smartagent.mcp.deciding import Deciding
from smartagent.mcp.entries import OWN_NAME
from smartagent.mcp.errors import INVALID_PARAMS, McpMessageRefused
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.protocol import Message
from smartagent.mcp.relay import greeting, written

MAX_TRAIL: Final = 100
MAX_TEXT_CHARS: Final = 1000
_INSTRUCTIONS: Final = "Ask here what you may do before you try, and for access that you lack."
_OK: Final = 200
_NOTHING: Final[dict[str, object]] = {"type": "object", "properties": {}, "additionalProperties": False}
_TOOLS: Final = (
    Tool(
        name="what_may_i_do",
        description="Say what your role allows: upstreams with methods and paths, credentials, and tools of MCP servers.",
        input_schema=_NOTHING,
        annotations=ToolAnnotations(read_only_hint=True),
    ),
    Tool(
        name="request_access",
        description="Ask the operators for something that you may not do: name the request that was denied "
        "(its X-Request-ID), or say what you want. They decide; nothing changes by itself.",
        input_schema={
            "type": "object",
            "properties": {
                "request": {"type": "string", "maxLength": MAX_TEXT_CHARS, "minLength": 1},
                "wanted": {"type": "string", "maxLength": MAX_TEXT_CHARS, "minLength": 1},
                "reason": {"type": "string", "maxLength": MAX_TEXT_CHARS, "minLength": 1},
            },
            "required": ["reason"],
            "additionalProperties": False,
        },
    ),
    Tool(
        name="my_audit_trail",
        description="Show the newest records that the log holds about you.",
        input_schema={
            "type": "object",
            "properties": {"limit": {"type": "integer", "minimum": 1, "maximum": MAX_TRAIL}},
            "additionalProperties": False,
        },
        annotations=ToolAnnotations(read_only_hint=True),
    ),
)
T = TypeVar("T")
NAMES: Final = frozenset(tool.name for tool in _TOOLS)


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    reason: str
    request: str = ""
    wanted: str = ""


class _Bounded(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 20


class Own:
    """The house's own server."""

    def __init__(self, means: Means, memory: Memory, deciding: Deciding) -> None:
        self._means = means
        self._memory = memory
        self._deciding = deciding

    async def serve(
        self, message: Message, caller: Caller, request: str, progress: Progress
    ) -> dict[str, object]:
        """Do what a message asks, and return the result as the message's revision has it."""
        del progress  # nothing here takes long
        return written(message, await self._result(message, caller, request), OWN_NAME)

    async def _result(self, message: Message, caller: Caller, request: str) -> dict[str, object]:
        match message.method:
            case "initialize" | "server/discover":
                said = {"capabilities": {"tools": {}}, "instructions": _INSTRUCTIONS}
                return said | greeting(message, OWN_NAME)
            case "tools/list":
                return {
                    "tools": [
                        tool.model_dump(by_alias=True, mode="json", exclude_none=True) for tool in _TOOLS
                    ]
                }
            case "tools/call":
                return _shown(await self._called(message, caller, request))
            case _:
                raise McpMessageRefused("this server has tools only", message.id, INVALID_PARAMS, _OK)

    async def _called(self, message: Message, caller: Caller, request: str) -> dict[str, object]:
        match message.name:
            case "what_may_i_do":
                _parsed(message, _Nothing)
                return self._may(caller)
            case "request_access":
                return await self._request(caller, request, _parsed(message, _Wanted), message)
            case _:
                return await self._trail(caller, _parsed(message, _Bounded))

    def _may(self, caller: Caller) -> dict[str, object]:
        stored = self._means.book.known_role(caller.role)
        role = None if stored is None else stored.role
        servers = {
            entry.server.name: self._deciding.tools_of(caller, entry.server.name)
            for entry in self._memory.servers()
        }
        return {
            "role": caller.role,
            "upstreams": [] if role is None else [msgspec.to_builtins(block) for block in role.allow],
            "credentials": [] if role is None else list(role.leasable),
            "mcp_servers": [
                {"name": name, "address": self._means.address_of(name), "tools": tools}
                for name, tools in servers.items()
                if tools
            ],
        }

    async def _request(
        self, caller: Caller, request: str, asked: _Wanted, message: Message
    ) -> dict[str, object]:
        try:
            prepared = await self._means.prepare(
                caller, AccessAsked(reason=asked.reason, request=asked.request, wanted=asked.wanted)
            )
        except GovernanceError as error:
            raise _unfit(message, str(error)) from None
        record = Record(
            event="access.requested",
            at_ms=int(self._means.clock.now() * 1000),
            request=request,
            caller=caller.principal,
            session=caller.session,
            jti=caller.jti,
            target=f"access-request/{prepared.request.id}",
        )
        await self._means.commit(Work((record,), (), prepared.writes), caller)
        return msgspec.structs.asdict(prepared.view)

    async def _trail(self, caller: Caller, asked: _Bounded) -> dict[str, object]:
        limit = min(max(asked.limit, 1), MAX_TRAIL)
        records = await self._means.trail(caller.principal, limit)
        return {"records": [_record_view(each) for each in records]}


def _parsed(message: Message, schema: type[T]) -> T:
    try:
        return msgspec.convert(message.arguments, schema)
    except msgspec.ValidationError as error:
        raise _unfit(message, str(error)[:200]) from None


def _unfit(message: Message, text: str) -> McpMessageRefused:
    return McpMessageRefused(text, message.id, INVALID_PARAMS, _OK)


def _shown(value: dict[str, object]) -> dict[str, object]:
    text = TextContent(type="text", text=msgspec.json.encode(value).decode())
    result = CallToolResult(content=[text], structured_content=value)
    dumped: dict[str, object] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dumped


def _record_view(record: Record) -> dict[str, object]:
    return {
        "event": record.event,
        "at": rfc3339(record.at_ms // 1000),
        "request": record.request,
        "session": record.session,
        "target": record.target,
        "decision": "" if record.decision is None else record.decision.value,
        "outcome": record.outcome,
    }
