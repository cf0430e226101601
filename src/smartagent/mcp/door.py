# SPDX-License-Identifier: Apache-2.0
"""Who comes in: each server is a protected resource of its own, and so is the house's.

The token must be meant for the very address that it is sent to.  It goes no further: what a server gets
is its own credential.

Spec: RFC 9728 section 5.1; RFC 8707 section 2; MCP 2026-07-28, Authorization.
"""

from msgspec import structs

from smartagent.edge import AuthenticationFailed, Inbound
from smartagent.kernel import Caller, CallerKind
from smartagent.mcp.errors import McpOriginRefused, McpTokenNeeded
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.oauth import challenges, check_scope, metadata_url
from smartagent.policy import MCP_SCOPE


class Door:
    """Lets callers in."""

    def __init__(self, means: Means, memory: Memory) -> None:
        self._means = means
        self._memory = memory

    async def by_mcp_token(self, inbound: Inbound) -> Caller:
        """Authenticate by a token that is meant for the server that the path names, or for the house's own.

        People and clients have the role that their client has, or else the one that the server's entry has for them.

        Raises:
            McpTokenNeeded: The token, or the proof that must go with it, does not hold.
        """
        server = inbound.params.get("server", "")
        address = self._means.address_of(server)
        try:
            caller = _unrestricted(self._means.authenticate(inbound, frozenset({address})))
        except AuthenticationFailed as error:
            headers = challenges(
                error="invalid_token" if "authorization" in inbound.headers else "",
                scope=scope_of(server),
                resource_metadata=metadata_url(address),
            )
            raise McpTokenNeeded(error.reason, headers) from None
        if caller.kind is CallerKind.AGENT:
            return caller
        role = await self._means.client_role(caller)
        if not role and server:
            role = self._memory.server(server).server.people_role
        return structs.replace(caller, role=role)

    def admit(self, caller: Caller, inbound: Inbound) -> None:
        """Let `caller` use the server that the path names.

        Raises:
            McpOriginRefused: A page of another origin sent it.
            InsufficientScope: The token lacks the server's scope.
        """
        origin = inbound.headers.get("origin")
        if origin is not None and origin != _origin_of(self._means.issuer):
            # A name that was made to lead here must not make a browser speak for its user (DNS rebinding).
            raise McpOriginRefused("send no Origin header, or this authority's own")
        server = inbound.params.get("server", "")
        needed = [scope_of(server)] if server else []
        check_scope(needed, caller.scopes, metadata_url=metadata_url(self._means.address_of(server)))


def _unrestricted(caller: Caller) -> Caller:
    if caller.restriction is not None:
        raise AuthenticationFailed("a token for one call is good at the gateway only")
    return caller


def scope_of(server: str) -> str:
    """Return the scope that a server's tokens need; the house's own server needs none."""
    return f"{MCP_SCOPE}{server}" if server else ""


def _origin_of(issuer: str) -> str:
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"
