# SPDX-License-Identifier: Apache-2.0
"""Where MCP servers are: addresses beneath the issuer, each of which is a resource of its own."""

from smartagent.clients import Resource


def mcp_base(issuer: str) -> str:
    """Return the address that MCP servers are beneath, and that the house's own is at."""
    return f"{issuer}/mcp"


def own_resource(issuer: str) -> Resource:
    """Return the house's own MCP server, as a resource."""
    return Resource(identifier=mcp_base(issuer), name="SmartAgent MCP server")
