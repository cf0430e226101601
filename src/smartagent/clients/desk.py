# SPDX-License-Identifier: Apache-2.0
"""What operators do with clients and resources."""

import msgspec

from smartagent.clients.errors import ClientNotFound, InvalidClientMetadata, ResourceNotFound
from smartagent.clients.means import Means
from smartagent.clients.metadata import parse_metadata, parse_resource
from smartagent.clients.model import Client, ClientKind, Resource
from smartagent.clients.registration import Kill, registered
from smartagent.clients.store import (
    PAGE,
    add_client,
    client_changed,
    drop_client,
    drop_resource,
    put_resource,
    read_client,
    read_page,
    read_resources,
    resource_changed,
)
from smartagent.edge import Inbound, Outcome, Reply, parse_form, parse_json
from smartagent.kernel import Caller, IdPrefix, rfc3339


class ClientRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/clients`: the members of RFC 7591 section 2, and a role for the gateway."""

    client_name: str
    redirect_uris: list[str] = []
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    token_endpoint_auth_method: str = "none"  # noqa: S105 -- a method, not a password
    jwks: dict[str, object] | None = None
    jwks_uri: str | None = None
    scope: str = ""
    role: str = ""
    application_type: str = "web"
    id_token_signed_response_alg: str = "RS256"  # noqa: S105 -- an algorithm
    dpop_bound_access_tokens: bool = False
    legacy_audience: bool = False
    client_uri: str | None = None
    logo_uri: str | None = None


class ClientView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A client, as shown."""

    id: str
    kind: ClientKind
    created_at: str
    metadata: dict[str, object]
    role: str = ""
    owner: str = ""


class ClientPage(msgspec.Struct, frozen=True):
    """Clients by their ids; `next_cursor` is empty on the last page."""

    clients: list[ClientView]
    next_cursor: str


class ResourceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/resources`."""

    identifier: str
    name: str = ""
    scopes: list[str] = []
    dpop_required: bool = False
    introspectors: list[str] = []


class ResourceView(msgspec.Struct, frozen=True):
    """A protected resource, as shown."""

    identifier: str
    name: str
    scopes: tuple[str, ...]
    dpop_required: bool
    introspectors: tuple[str, ...]
    created_at: str


class ResourceList(msgspec.Struct, frozen=True):
    """All resources by identifier."""

    resources: list[ResourceView]


class Desk:
    """Registers clients and resources for others."""

    def __init__(self, means: Means, kill: Kill) -> None:
        self._means = means
        self._kill = kill

    async def add(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Register a client.

        Raises:
            InvalidRedirectUri, InvalidClientMetadata: It cannot be registered so.
        """
        request = parse_json(inbound.body, ClientRequest)
        if request.role and not self._means.known_role(request.role):
            raise InvalidClientMetadata("role", "make the role first")
        blank = Client(
            id=self._means.ids.new(IdPrefix.CLIENT),
            kind=ClientKind.REGISTERED,
            role=request.role,
            legacy_audience=request.legacy_audience,
            owner=caller.principal,
            created_at=int(self._means.clock.now()),
        )
        said = {
            name: value for name, value in msgspec.structs.asdict(request).items() if value not in (None, "")
        }
        client = parse_metadata({**said, "grant_types": list(request.grant_types)}, blank)
        return Outcome(
            Reply(201, _view(client)),
            subject=client.id,
            detail={"name": client.name, "role": client.role, "method": client.auth_method.value},
            writes=(add_client(client),),
            changes=(client_changed(client.id),),
        )

    async def list_clients(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """List clients, a page at a time."""
        cursor = parse_form(inbound.query.encode()).get("cursor", "")
        page = await read_page(self._means.database, cursor)
        following = page[-1].client.id if len(page) == PAGE else ""
        return Outcome(Reply(200, ClientPage([_view(stored.client) for stored in page], following)))

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show a client.

        Raises:
            ClientNotFound: There is none.
        """
        client = await self._client(inbound)
        return Outcome(Reply(200, _view(client)), subject=client.id)

    async def remove(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Remove a client, and end all that it was given.

        Raises:
            ClientNotFound: There is none.
        """
        client = await self._client(inbound)
        writes, changes = self._kill(client.id, self._means.clock.now())
        return Outcome(
            Reply(204),
            subject=client.id,
            writes=(drop_client(client.id), *writes),
            changes=(client_changed(client.id), *changes),
        )

    async def put_resource(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Describe a protected resource, or change it.

        Raises:
            MalformedResource: It cannot be meant.
        """
        request = parse_json(inbound.body, ResourceRequest)
        resource = parse_resource(
            Resource(
                identifier=request.identifier,
                name=request.name,
                scopes=tuple(dict.fromkeys(request.scopes)),
                dpop_required=request.dpop_required,
                introspectors=tuple(dict.fromkeys(request.introspectors)),
                created_at=int(self._means.clock.now()),
            )
        )
        return Outcome(
            Reply(200, _resource_view(resource)),
            target=resource.identifier,
            detail={"scopes": " ".join(resource.scopes)},
            writes=put_resource(resource),
            changes=(resource_changed(resource.identifier),),
        )

    async def list_resources(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the resources."""
        found = await read_resources(self._means.database)
        return Outcome(Reply(200, ResourceList([_resource_view(each) for each in found])))

    async def remove_resource(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Remove a resource: nobody gets a token for it any more.

        Raises:
            ResourceNotFound: There is none.
        """
        identifier = parse_form(inbound.query.encode()).get("identifier", "")
        if identifier not in {each.identifier for each in await read_resources(self._means.database)}:
            raise ResourceNotFound(identifier[:128])
        return Outcome(
            Reply(204),
            target=identifier,
            writes=(drop_resource(identifier),),
            changes=(resource_changed(identifier),),
        )

    async def _client(self, inbound: Inbound) -> Client:
        stored = await read_client(self._means.database, inbound.params["id"])
        if stored is None:
            raise ClientNotFound(inbound.params["id"][:64])
        return stored.client


def _view(client: Client) -> ClientView:
    return ClientView(
        client.id, client.kind, rfc3339(client.created_at), registered(client), client.role, client.owner
    )


def _resource_view(resource: Resource) -> ResourceView:
    return ResourceView(
        resource.identifier,
        resource.name,
        resource.scopes,
        resource.dpop_required,
        resource.introspectors,
        rfc3339(resource.created_at),
    )
