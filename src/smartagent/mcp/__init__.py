# SPDX-License-Identifier: Apache-2.0
"""MCP: agents' tools go through the same door as everything else; and the house's own MCP server."""

from smartagent.mcp.errors import (
    MalformedMcpServer,
    McpChanged,
    McpError,
    McpNotInstalled,
    McpServerNotFound,
    McpServerTimeout,
    McpServerUnreachable,
    McpToolNotFound,
)
from smartagent.mcp.flow import Flow
from smartagent.mcp.means import Approve, Means
from smartagent.mcp.routes import mcp_routes
from smartagent.mcp.service import Mcp

__all__ = [
    "Approve",
    "Flow",
    "MalformedMcpServer",
    "Mcp",
    "McpChanged",
    "McpError",
    "McpNotInstalled",
    "McpServerNotFound",
    "McpServerTimeout",
    "McpServerUnreachable",
    "McpToolNotFound",
    "Means",
    "mcp_routes",
]
