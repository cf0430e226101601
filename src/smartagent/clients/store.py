# SPDX-License-Identifier: Apache-2.0
"""The tables `clients` and `resources`, and everything that is said to them."""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from smartagent.clients.errors import ClientChanged, ResourceChanged
from smartagent.clients.model import Client, ClientKind, Resource, StoredClient
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata

CLIENTS_TOPIC: Final = "clients"
RESOURCES_TOPIC: Final = "resources"
PAGE: Final = 100

clients: Final = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)
resources: Final = Table(
    "resources",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

_ROW: Final = (clients.c.document, clients.c.token_hash, clients.c.used_at)
_ONE: Final = select(*_ROW).where(clients.c.id == bindparam("old_id"))
_PAGE: Final = select(*_ROW).where(clients.c.id > bindparam("after")).order_by(clients.c.id).limit(PAGE)
_ADD: Final = insert(clients).values(
    id=bindparam("new_id"),
    kind=bindparam("new_kind"),
    document=bindparam("new_document"),
    token_hash=bindparam("new_token_hash"),
    created_at=bindparam("new_created_at"),
    used_at=0,
)
# A registration token is replaced whenever it is used to change something: who comes second finds another.
_CHANGE: Final = (
    update(clients)
    .where(clients.c.id == bindparam("old_id"), clients.c.token_hash == bindparam("old_token_hash"))
    .values(document=bindparam("new_document"), token_hash=bindparam("new_token_hash"))
)
_USE: Final = (
    update(clients)
    .where(clients.c.id == bindparam("old_id"))
    .values(used_at=bindparam("new_used_at", type_=BigInteger()))
)
_DROP: Final = delete(clients).where(clients.c.id == bindparam("old_id"))
_DROP_UNUSED: Final = delete(clients).where(
    clients.c.kind == ClientKind.DYNAMIC.value,
    clients.c.used_at == 0,
    clients.c.created_at < bindparam("before"),
)
_ALL_RESOURCES: Final = select(resources.c.document).order_by(resources.c.identifier)
_ADD_RESOURCE: Final = insert(resources).values(
    identifier=bindparam("new_identifier"), document=bindparam("new_document")
)
_DROP_RESOURCE: Final = delete(resources).where(resources.c.identifier == bindparam("old_identifier"))

_client: Final = msgspec.json.Decoder(Client).decode
_resource: Final = msgspec.json.Decoder(Resource).decode


async def read_client(database: Database, client_id: str) -> StoredClient | None:
    """Read one client."""
    found = await database.fetch(_ONE, {"old_id": client_id})
    return _stored(found[0]) if found else None


async def read_page(database: Database, after: str) -> list[StoredClient]:
    """Read up to `PAGE` clients whose ids come behind `after`."""
    return [_stored(row) for row in await database.fetch(_PAGE, {"after": after})]


async def read_resources(database: Database) -> list[Resource]:
    """Read all resources."""
    return [_resource(str(row[0])) for row in await database.fetch(_ALL_RESOURCES)]


def add_client(client: Client, token_hash: bytes = b"") -> Write:
    """Add a client."""
    values: dict[str, Scalar] = {
        "new_id": client.id,
        "new_kind": client.kind.value,
        "new_document": _text(client),
        "new_token_hash": token_hash,
        "new_created_at": client.created_at,
    }
    return Write(_ADD, values, lost=ClientChanged(client.id))


def change_client(client: Client, old_hash: bytes, new_hash: bytes) -> Write:
    """Replace what a client said of itself, and the token that it may do so with."""
    values: dict[str, Scalar] = {
        "old_id": client.id,
        "old_token_hash": old_hash,
        "new_document": _text(client),
        "new_token_hash": new_hash,
    }
    return Write(_CHANGE, values, lost=ClientChanged(client.id))


def client_used(client_id: str, *, now: int) -> Write:
    """Remember that a client was given something; nothing happens when it is not in the table."""
    values: dict[str, Scalar] = {"old_id": client_id, "new_used_at": now}
    return Write(_USE, values, lost=ClientChanged(client_id), rows=None)


def drop_client(client_id: str) -> Write:
    """Remove a client."""
    return Write(_DROP, {"old_id": client_id}, lost=ClientChanged(client_id))


def drop_unused(before: int) -> Write:
    """Remove those who registered themselves before an instant (Unix seconds) and were never given anything."""
    return Write(_DROP_UNUSED, {"before": before}, lost=ClientChanged("unused"), rows=None)


def put_resource(resource: Resource) -> tuple[Write, ...]:
    """Write a resource over an earlier one of the same identifier."""
    lost = ResourceChanged(resource.identifier)
    values: dict[str, Scalar] = {
        "new_identifier": resource.identifier,
        "new_document": msgspec.json.encode(resource).decode(),
    }
    return (
        Write(_DROP_RESOURCE, {"old_identifier": resource.identifier}, lost, rows=None),
        Write(_ADD_RESOURCE, values, lost),
    )


def drop_resource(identifier: str) -> Write:
    """Remove a resource."""
    return Write(_DROP_RESOURCE, {"old_identifier": identifier}, lost=ResourceChanged(identifier))


def client_changed(client_id: str) -> Change:
    """Tell every node that this client is not what it was."""
    return Change(CLIENTS_TOPIC, client_id)


def resource_changed(identifier: str) -> Change:
    """Tell every node that this resource is not what it was."""
    return Change(RESOURCES_TOPIC, identifier)


def _text(client: Client) -> str:
    return msgspec.json.encode(client).decode()


def _stored(row: tuple[Scalar, ...]) -> StoredClient:
    document, token_hash, used_at = msgspec.convert(row, tuple[str, bytes, int])
    return StoredClient(_client(document), token_hash, used_at)
