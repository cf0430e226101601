# SPDX-License-Identifier: Apache-2.0
"""Protected resource metadata: what a client must know to get a token for a resource.

The house is a resource itself (its own API, under its issuer's name), and so is the gateway.  What was
registered is described as well, where its address is one of theirs.

    https://host/path?query  ->  https://host/.well-known/oauth-protected-resource/path?query

Spec: RFC 9728 sections 2, 3 and 4.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from smartagent.clients import Resource
from smartagent.edge import Inbound, Reply, RouteNotFound
from smartagent.oauth.challenge import DPOP_ALGORITHMS
from smartagent.tokens import JWKS_LIFE_SECONDS

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
HOUSE_SCOPES: Final = ("openid", "profile")
_CACHE: Final = (("cache-control", f"public, max-age={JWKS_LIFE_SECONDS}"),)
# A client that reads it here would ask for it; whether it gets refresh tokens is between it and the issuer.
_NOT_FOR_RESOURCES: Final = "offline_access"

FindResource = Callable[[str], Resource | None]
Page = Callable[[Inbound], Awaitable[Reply]]


def metadata_url(identifier: str) -> str:
    """Return where the metadata of the resource `identifier` are.

    Args:
        identifier: An absolute URI without a fragment.

    Spec: RFC 9728 section 3.1.
    """
    parts = urlsplit(identifier)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{metadata_path(identifier)}{query}"


def metadata_path(identifier: str) -> str:
    """Return the path of `metadata_url(identifier)`."""
    path = urlsplit(identifier).path
    return WELL_KNOWN + ("" if path == "/" else path)


def identifiers_at(base: str, path: str, query: str = "") -> tuple[str, ...]:
    """Return the identifiers that `path` and `query` can be the metadata of: none, one, or two.

    Args:
        base: Any URL on this host, as the outside knows it.
        path: Of the request; it begins with the well-known path, or there is no such identifier.
        query: Of the request, without the question mark.
    """
    head, found, rest = path.partition(WELL_KNOWN)
    if head or not found or (rest and not rest.startswith("/")):
        return ()
    parts = urlsplit(base)
    tail = rest + (f"?{query}" if query else "")
    origin = f"{parts.scheme}://{parts.netloc}"
    # The slash behind a host is taken away before the path is put in, so both have the same address.
    return (origin + tail,) if rest else (origin + tail, f"{origin}/{tail}")


class ProtectedResources:
    """Describes resources.

    Args:
        issuer: Who issues their tokens: this house.  Its own API goes by this name, too.
        gateway: The gateway's identifier.
        find: Finds what was registered.
        authorization_details_types: Those that every resource here takes.
        more: What else the house itself is; registered resources may lie beneath each.
    """

    def __init__(
        self,
        issuer: str,
        gateway: str,
        find: FindResource,
        authorization_details_types: tuple[str, ...] = (),
        more: tuple[Resource, ...] = (),
    ) -> None:
        self._issuer = issuer
        self._find = find
        self._types = authorization_details_types
        self._parents = tuple(each.identifier for each in more)
        self._built_in = {
            issuer: Resource(identifier=issuer, name="SmartAgent", scopes=HOUSE_SCOPES),
            gateway: Resource(identifier=gateway, name="SmartAgent gateway"),
            **{each.identifier: each for each in more},
        }

    def resource(self, identifier: str) -> Resource | None:
        """Return what goes by `identifier`; what was registered goes before what is built in."""
        return self._find(identifier) or self._built_in.get(identifier)

    def pages(self, base: str) -> Mapping[str, Page]:
        """Return the pages by their paths, for the host that `base` is on.

        Those that end with a slash are for all that lies right beneath them.
        """

        async def show(inbound: Inbound) -> Reply:
            return self.at(base, inbound.path, inbound.query)

        beneath = (f"{metadata_path(identifier)}/" for identifier in self._parents)
        return dict.fromkeys((metadata_path(base), WELL_KNOWN, f"{WELL_KNOWN}/", *beneath), show)

    def document(self, resource: Resource) -> Reply:
        """Return the metadata of `resource`.

        Spec: RFC 9728 sections 2 and 3.2; a member without a value is left out.
        """
        body: dict[str, object] = {
            "resource": resource.identifier,
            "authorization_servers": [self._issuer],
            # RFC 6750 sections 2.2 and 2.3: never in a body, and never in a URL, which is logged.
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        }
        scopes = [scope for scope in resource.scopes if scope != _NOT_FOR_RESOURCES]
        if scopes:
            body["scopes_supported"] = scopes
        if resource.name:
            body["resource_name"] = resource.name
        if resource.dpop_required:
            body["dpop_bound_access_tokens_required"] = True
        if self._types:
            body["authorization_details_types_supported"] = list(self._types)
        return Reply(200, body, "application/json", _CACHE)

    def at(self, base: str, path: str, query: str = "") -> Reply:
        """Return what is asked for at a well-known address of the host that `base` is on.

        Args:
            base: The issuer, or the gateway: whichever the request came to.
            path: Of the request.
            query: Of the request, without the question mark.

        Raises:
            RouteNotFound: Nothing goes by that name.

        Spec: RFC 9728 section 3.3: `resource` is the very identifier that the address was made of.
        """
        for identifier in identifiers_at(base, path, query):
            resource = self.resource(identifier)
            if resource is not None:
                return self.document(resource)
        raise RouteNotFound("no such resource is known here")
