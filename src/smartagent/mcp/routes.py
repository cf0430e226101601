# SPDX-License-Identifier: Apache-2.0
"""The room's routes: agents' messages, and operators' words about servers and tools."""

from smartagent import edge
from smartagent.edge import Proof, Reply, Route
from smartagent.kernel import SmartAgentError
from smartagent.mcp.desk import Desk
from smartagent.mcp.errors import McpRefusal
from smartagent.mcp.service import Mcp
from smartagent.mcp.views import (
    ApprovalRequest,
    McpServerList,
    McpServerRequest,
    McpServerView,
    ToolList,
)
from smartagent.policy import Permission

MAX_MESSAGE_BYTES = 1_048_576


def mcp_routes(mcp: Mcp) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_messages(mcp), *_servers(mcp.desk), *_tools(mcp.desk))


def explained(error: SmartAgentError, request_id: str) -> Reply:
    """Render a refusal: in JSON-RPC when it is about a message, else as problem details with their challenge."""
    if not isinstance(error, McpRefusal):
        return edge.problem(error, instance=request_id)
    data = error.rpc_data if error.rpc_data is not None else {"code": error.code, "request": request_id}
    shown = {"code": error.rpc_code, "message": str(error), "data": data}
    return Reply(error.rpc_status, {"jsonrpc": "2.0", "id": error.rpc_id, "error": shown})


def _messages(mcp: Mcp) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/mcp/{server}",
            proof=Proof.MCP_TOKEN,
            permission=Permission.MCP_CALL,
            event="mcp.request",
            act=mcp.take,
            summary="Send a message to an MCP server (streamable HTTP)",
            render=explained,
            max_body_bytes=MAX_MESSAGE_BYTES,
        ),
        Route(
            method="POST",
            path="/mcp",
            proof=Proof.MCP_TOKEN,
            permission=Permission.MCP_CALL,
            event="mcp.request",
            act=mcp.take,
            summary="Send a message to the authority's own MCP server (streamable HTTP)",
            render=explained,
            max_body_bytes=MAX_MESSAGE_BYTES,
        ),
    )


def _servers(desk: Desk) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/mcp-servers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_WRITE,
            event="mcp-server.written",
            act=desk.put,
            summary="Describe an MCP server behind the gateway",
            request_schema=McpServerRequest,
            reply_schema=McpServerView,
        ),
        Route(
            method="GET",
            path="/v1/mcp-servers",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_READ,
            event="mcp-servers.read",
            act=desk.show_all,
            summary="List the MCP servers",
            reply_schema=McpServerList,
        ),
        Route(
            method="GET",
            path="/v1/mcp-servers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_READ,
            event="mcp-server.read",
            act=desk.show,
            summary="Show an MCP server",
            reply_schema=McpServerView,
        ),
        Route(
            method="DELETE",
            path="/v1/mcp-servers/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_WRITE,
            event="mcp-server.deleted",
            act=desk.drop,
            summary="Delete an MCP server, with what was approved of it",
        ),
    )


def _tools(desk: Desk) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/mcp-servers/{name}/tools",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_READ,
            event="mcp-tools.read",
            act=desk.tools,
            summary="List what an MCP server offered when it was last looked at, and what was approved",
            reply_schema=ToolList,
        ),
        Route(
            method="POST",
            path="/v1/mcp-servers/{name}/look",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_WRITE,
            event="mcp-tools.looked-at",
            act=desk.look,
            summary="Look at what an MCP server offers now",
            reply_schema=ToolList,
        ),
        Route(
            method="DELETE",
            path="/v1/mcp-flows/{agent}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_WRITE,
            event="mcp-flow.released",
            act=desk.release,
            summary="Forget which labels an agent has met, so that it may send outside again",
        ),
        Route(
            method="POST",
            path="/v1/mcp-servers/{name}/approvals",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.MCP_SERVERS_WRITE,
            event="mcp-tools.approved",
            act=desk.approve,
            summary="Approve tools of an MCP server as they were looked at",
            request_schema=ApprovalRequest,
            reply_schema=ToolList,
        ),
    )
