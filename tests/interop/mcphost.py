# SPDX-License-Identifier: Apache-2.0
"""A real MCP server of the SDK, which takes tokens of the authority and checks them with PyJWT."""

import asyncio
import contextlib

import jwt
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from tests.e2e.site import free_port, until

SCOPE = "orders:read"


class PyJwtVerifier:
    """What an author of an MCP server writes: the key set, and what a token must say."""

    def __init__(self, authority, resource):
        self._authority = authority
        self._resource = resource
        self.refused = []

    async def verify_token(self, token):
        keys = jwt.PyJWKSet.from_dict(await self._authority.jwks())
        try:
            claims = jwt.decode(
                token,
                keys[jwt.get_unverified_header(token)["kid"]],
                algorithms=["EdDSA"],
                issuer=self._authority.issuer,
                audience=self._resource,
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            self.refused.append(repr(error))
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            resource=claims["aud"],
            subject=claims["sub"],
            claims=claims,
        )


class McpHost:
    """An MCP server on loopback."""

    def __init__(self, authority):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.verifier = PyJwtVerifier(authority, self.url)
        auth = AuthSettings(
            issuer_url=authority.issuer,
            resource_server_url=self.url,
            required_scopes=[SCOPE],
            validate_token_resource=True,
        )
        server = MCPServer("orders", auth=auth, token_verifier=self.verifier, log_level="WARNING")
        server.tool()(order)
        config = uvicorn.Config(
            server.streamable_http_app(), port=self.port, log_config=None, lifespan="on", ws="none"
        )
        self._server = uvicorn.Server(config)

    async def start(self):
        self._task = asyncio.create_task(self._server.serve())

        async def started():
            return self._server.started

        await until(started, what="the MCP server")
        return self

    async def close(self):
        self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def order(number: int) -> str:
    """Say where an order is, and who asks."""
    token = get_access_token()
    return f"order {number} is on its way, {token.subject} by {token.client_id}"
