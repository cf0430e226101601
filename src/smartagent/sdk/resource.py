# SPDX-License-Identifier: Apache-2.0
"""A service as clients see it that know nothing of it yet: where its tokens come from, and what it asks of them.

A client that is refused reads where the metadata are, reads there who issues tokens, and comes
back with one.  No client has to be told beforehand.

Spec: RFC 9728 sections 2, 3 and 5; RFC 6750 section 3; RFC 9470 section 3.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
MAX_AGE_SECONDS: Final = 3600
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_UNQUOTABLE: Final = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_OPEN: Final = ((b"access-control-allow-origin", b"*"),)
_PREFLIGHT: Final = (
    *_OPEN,
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"accept, mcp-protocol-version"),
    (b"access-control-max-age", b"7200"),
)

Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ProtectedResource:
    """Describes one service, and is the ASGI application that shows the description.

    Args:
        identifier: The service's own URL, without a fragment: also the audience of its tokens.
        authorization_servers: The issuers whose tokens it takes.
        scopes: What there is to ask for.  Not `offline_access`, which is no business of a resource.
        name: For people.
        documentation: A URL for developers.

    Raises:
        ValueError: The identifier is no such URL, or there is no issuer, or a scope cannot be one.
    """

    def __init__(
        self,
        identifier: str,
        authorization_servers: Sequence[str],
        *,
        scopes: Sequence[str] = (),
        name: str = "",
        documentation: str = "",
    ) -> None:
        parts = urlsplit(identifier)
        if parts.scheme not in {"http", "https"} or not parts.netloc or "#" in identifier:
            message = "the identifier is the service's URL, without a fragment"
            raise ValueError(message)
        if not authorization_servers:
            message = "name at least one issuer"
            raise ValueError(message)
        if not all(_SCOPE.fullmatch(scope) for scope in scopes) or "offline_access" in scopes:
            message = "a scope has no blanks and no quotes, and offline_access is none of a resource's"
            raise ValueError(message)
        self.identifier = identifier
        self.scopes = tuple(scopes)
        self.path = WELL_KNOWN + ("" if parts.path == "/" else parts.path)
        query = f"?{parts.query}" if parts.query else ""
        self.metadata_url = f"{parts.scheme}://{parts.netloc}{self.path}{query}"
        members: dict[str, object] = {
            "resource": identifier,
            "authorization_servers": list(authorization_servers),
            "bearer_methods_supported": ["header"],
            "scopes_supported": list(scopes),
            "resource_name": name,
            "resource_documentation": documentation,
        }
        # RFC 9728 section 3.2: a member without a value is left out.
        self.document = msgspec.json.encode({member: value for member, value in members.items() if value})

    def is_asked_for(self, scope: Scope) -> bool:
        """Say whether a request is for the metadata."""
        return scope["type"] == "http" and scope.get("path") == self.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's shape
        """Show the metadata, to scripts of other sites as well."""
        match scope.get("method"):
            case "GET" | "HEAD":
                headers = (
                    (b"content-type", b"application/json"),
                    (b"cache-control", b"public, max-age=%d" % MAX_AGE_SECONDS),
                    *_OPEN,
                )
                await _send(send, 200, headers, self.document)
            case "OPTIONS":
                await _send(send, 204, _PREFLIGHT, b"")
            case _:
                await _send(send, 405, ((b"allow", b"GET, HEAD, OPTIONS"),), b"")


def bearer_challenge(resource: ProtectedResource | None, **parameters: str | int | None) -> str:
    """Return a `WWW-Authenticate` value for `Bearer`; it says where the resource's metadata are.

    Args:
        resource: Whose; None when it has no metadata.
        parameters: `error`, `scope`, `acr_values`, `max_age` ...; None or empty is left out.

    Spec: RFC 6750 section 3, RFC 9728 section 5.1.
    """
    said = {name: value for name, value in parameters.items() if value is not None and value != ""}
    if resource is not None:
        said["resource_metadata"] = resource.metadata_url
    written = ", ".join(f'{name}="{_UNQUOTABLE.sub("", str(value))}"' for name, value in said.items())
    return f"Bearer {written}".rstrip()


async def _send(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode("ascii"))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
