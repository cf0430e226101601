# SPDX-License-Identifier: Apache-2.0
"""CORS: which addresses a script on another site may read.

Those that hold nothing of a person's session: public documents, and endpoints whose caller brings a
proof in the request itself.  Never the authorization endpoint, nor a page, nor the house's API: there a
browser would add what makes the person who they are.

Spec: RFC 9700 section 2.6 (never at the authorization endpoint); WHATWG Fetch sections 3.2.2 to 3.2.5;
RFC 9449 section 8.2 (what a script must see).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Reply

PREFLIGHT_SECONDS: Final = 7200
ANY_ORIGIN: Final = ("access-control-allow-origin", "*")
EXPOSED: Final = ("access-control-expose-headers", "DPoP-Nonce, WWW-Authenticate")
# A star stands for neither credentials nor `authorization`: what may be sent is named.
TAKEN: Final = (
    "access-control-allow-headers",
    "accept, authorization, content-type, dpop, mcp-protocol-version",
)

_READ: Final = "GET, HEAD"
_ENDPOINTS: Final[Mapping[str, str]] = {
    "/.well-known/jwks.json": _READ,
    "/oauth/token": "POST",
    "/oauth/register": "POST",
    "/oauth/revoke": "POST",
    "/oauth/userinfo": "GET, HEAD, POST",
    "/oauth/status-lists": _READ,
    "/.well-known/oauth-protected-resource": _READ,
}
_BENEATH: Final = ("/oauth/status/", "/.well-known/oauth-protected-resource/")


class Cors:
    """Opens some addresses to scripts of any origin, without credentials.

    Args:
        documents: The paths of the metadata.
    """

    __slots__ = ("_methods",)

    def __init__(self, documents: Iterable[str] = ()) -> None:
        self._methods = {**_ENDPOINTS, **dict.fromkeys(documents, _READ)}

    def preflight(self, inbound: Inbound) -> Reply | None:
        """Answer a preflight; None when the request is none, or not for an open address.

        Spec: WHATWG Fetch section 3.2.2.
        """
        if inbound.method != "OPTIONS":
            return None
        asks = "origin" in inbound.headers and "access-control-request-method" in inbound.headers
        methods = self._methods_at(inbound.path)
        if not asks or not methods:
            return None
        return Reply(
            204,
            headers=(
                ANY_ORIGIN,
                ("access-control-allow-methods", methods),
                TAKEN,
                ("access-control-max-age", str(PREFLIGHT_SECONDS)),
            ),
        )

    def opened(self, path: str, reply: Reply) -> Reply:
        """Return `reply` as a script may read it, when it comes from an open address; errors, too."""
        if not self._methods_at(path):
            return reply
        headers = [header for header in reply.headers if header[0] != ANY_ORIGIN[0]]
        return structs.replace(reply, headers=(*headers, ANY_ORIGIN, EXPOSED))

    def _methods_at(self, path: str) -> str:
        methods = self._methods.get(path, "")
        return methods or (_READ if path.startswith(_BENEATH) else "")
