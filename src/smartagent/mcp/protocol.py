# SPDX-License-Identifier: Apache-2.0
"""A message as it comes in: one JSON-RPC request or notification, of a revision that is spoken here.

Since 2026-07-28 each request says its revision, method and name twice, in the headers and in the body; where
the two differ it is refused.  Older revisions begin with `initialize`; no session is kept for them, so any node
and any worker answers the next message.

Spec: MCP 2026-07-28 and 2025-11-25, Transports; JSON-RPC 2.0 sections 4 and 5.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_METHOD_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    InboundLadderRejection,
    classify_inbound_request,
    validate_mcp_param_headers,
)
from mcp_types import HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, methods
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from smartagent.crypto import MalformedJson, strict_json
from smartagent.edge import Inbound
from smartagent.mcp.errors import McpMessageRefused, RpcId

MAX_MESSAGE_BYTES: Final = 1_048_576
REVISIONS: Final = (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS)
_UNSAID: Final = "2025-03-26"
"""What a request without the header means, by the revisions that came before it."""
_OK: Final = 200
_BAD: Final = 400
_STREAM: Final = "text/event-stream"
NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Methods that name one thing, and the member that names it."""
SERVED: Final = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "completion/complete",
        *NAMED,
    }
)


class Message(msgspec.Struct, frozen=True):
    """A request, or a notification (`id` is None), whose shape was checked for its revision."""

    id: RpcId
    method: str
    params: dict[str, object]
    revision: str

    @property
    def modern(self) -> bool:
        """Whether it is of a revision without sessions."""
        return self.revision in MODERN_PROTOCOL_VERSIONS

    @property
    def name(self) -> str:
        """What it names: a tool, a prompt, a resource; empty when nothing."""
        return str(self.params.get(NAMED.get(self.method, ""), ""))

    @property
    def arguments(self) -> dict[str, object]:
        """A tool call's arguments."""
        found = self.params.get("arguments")
        return found if isinstance(found, dict) else {}

    @property
    def progress_token(self) -> str | int | None:
        """What notifications of its progress carry; None when none are wanted."""
        meta = self.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        return token if isinstance(token, str | int) and not isinstance(token, bool) else None


def read_message(inbound: Inbound) -> Message:
    """Read the message that a request brings.

    Raises:
        McpMessageRefused: It is none, its headers say something else, or its method is not served.
    """
    body = _body_of(inbound)
    rpc_id = _id_of(body)
    method, params = body.get("method"), body.get("params", {})
    if (
        body.get("jsonrpc") != "2.0"
        or not isinstance(method, str)
        or not method
        or not isinstance(params, dict)
        or (rpc_id is None and "id" in body)
    ):
        raise McpMessageRefused("send one JSON-RPC 2.0 request or notification", None, INVALID_REQUEST, _BAD)
    if "id" not in body:
        return Message(None, method, params, _revision(inbound))
    if not (_accepts(inbound, "application/json") and _accepts(inbound, _STREAM)):
        # Whether an answer streams is known only when it comes.
        raise _refused(rpc_id, INVALID_REQUEST, f"accept application/json and {_STREAM}")
    revision = _checked(inbound, body, rpc_id, method, params)
    message = Message(rpc_id, method, params, revision)
    _check_shape(message)
    return message


def check_parameter_headers(message: Message, inbound: Inbound, schema: object) -> None:
    """Compare a tool call's `Mcp-Param-*` headers with its arguments.

    Args:
        message: The call.
        inbound: The request that brought it.
        schema: The tool's input schema, as it was approved.

    Raises:
        McpMessageRefused: They differ.
    """
    if not message.modern:
        return
    rejection = validate_mcp_param_headers(schema, message.arguments, inbound.headers)
    if rejection is not None:
        raise _rejected(message.id, rejection)


def status_of(code: int, *, modern: bool) -> int:
    """Return the HTTP status that a JSON-RPC error goes with."""
    return ERROR_CODE_HTTP_STATUS.get(code, _OK) if modern else _OK


def error_body(rpc_id: RpcId, code: int, text: str, data: object = None) -> dict[str, object]:
    """Return a JSON-RPC error."""
    error: dict[str, object] = {"code": code, "message": text}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": "2.0", "id": rpc_id, "error": error}


def _body_of(inbound: Inbound) -> Mapping[str, object]:
    try:
        body = strict_json(inbound.body, MAX_MESSAGE_BYTES)
    except MalformedJson as error:
        raise McpMessageRefused(str(error), None, PARSE_ERROR, _BAD) from None
    if not isinstance(body, dict):
        raise McpMessageRefused("one message at a time", None, INVALID_REQUEST, _BAD)
    return body


def _checked(
    inbound: Inbound, body: Mapping[str, object], rpc_id: RpcId, method: str, params: Mapping[str, object]
) -> str:
    said = inbound.headers.get(MCP_PROTOCOL_VERSION_HEADER)
    if said is not None and said not in HANDSHAKE_PROTOCOL_VERSIONS:
        route = classify_inbound_request(body, headers=inbound.headers)
        if isinstance(route, InboundLadderRejection):
            raise _rejected(rpc_id, route)
        return route.protocol_version
    if inbound.headers.get(MCP_METHOD_HEADER, method) != method:
        raise _refused(rpc_id, HEADER_MISMATCH, "the headers say another method than the body")
    if method != "initialize":
        return said or _UNSAID
    wanted = params.get("protocolVersion")
    # A server answers an unknown revision with one that it speaks.
    return str(wanted) if wanted in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION


def _revision(inbound: Inbound) -> str:
    said = inbound.headers.get(MCP_PROTOCOL_VERSION_HEADER, _UNSAID)
    if said not in REVISIONS:
        raise McpMessageRefused("no such revision is spoken here", None, INVALID_REQUEST, _BAD)
    return said


def _check_shape(message: Message) -> None:
    status = status_of(METHOD_NOT_FOUND, modern=message.modern)
    if message.method not in SERVED:
        raise McpMessageRefused("this method is not served", message.id, METHOD_NOT_FOUND, status)
    try:
        methods.validate_client_request(message.method, message.revision, message.params)
    except KeyError:
        raise McpMessageRefused(
            "this revision has no such method", message.id, METHOD_NOT_FOUND, status
        ) from None
    except ValidationError:
        raise McpMessageRefused(
            "the parameters are not those of the method",
            message.id,
            INVALID_PARAMS,
            status_of(INVALID_PARAMS, modern=message.modern),
        ) from None


def _id_of(body: Mapping[str, object]) -> RpcId:
    value = body.get("id")
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _accepts(inbound: Inbound, media_type: str) -> bool:
    offered = [part.partition(";")[0].strip() for part in inbound.headers.get("accept", "").split(",")]
    return bool({media_type, f"{media_type.partition('/')[0]}/*", "*/*"} & set(offered))


def _refused(rpc_id: RpcId, code: int, text: str) -> McpMessageRefused:
    return McpMessageRefused(text, rpc_id, code, _BAD)


def _rejected(rpc_id: RpcId, rejection: InboundLadderRejection) -> McpMessageRefused:
    data: object = rejection.data
    status = status_of(rejection.code, modern=True)
    return McpMessageRefused(rejection.message, rpc_id, rejection.code, status, data)
