# SPDX-License-Identifier: Apache-2.0
"""The table `access_requests`, and everything that is said to it."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Index, Table, Text, bindparam, insert, select, update

from smartagent.governance.access.model import AccessRequest
from smartagent.governance.errors import AccessRequestNotFound
from smartagent.kernel import Scalar, Write
from smartagent.storage import Database, metadata, new_values

MAX_LISTED: Final = 500

access_requests: Final = Table(
    "access_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("request", Text, nullable=False, server_default=""),
    Column("wish", Text, nullable=False, server_default="{}"),
    Column("circumstances", Text, nullable=False, server_default="{}"),
    Column("times", BigInteger, nullable=False, server_default="1"),
    Column("decision", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("elevation", Text, nullable=False, server_default=""),
    Column("granted", Text, nullable=False, server_default=""),
    Index("ix_access_requests_agent", "agent", "closed_at"),
)
_FIELDS: Final = AccessRequest.__struct_fields__
_CLOSING: Final = ("closed_at", "closed_by", "decision", "note", "elevation", "granted")
_ALL: Final = select(*[access_requests.c[name] for name in _FIELDS])
_ONE: Final = _ALL.where(access_requests.c.id == bindparam("old_id"))
_OPEN: Final = _ALL.where(access_requests.c.closed_at == 0).order_by(access_requests.c.id).limit(MAX_LISTED)
_OPEN_OF_AGENT: Final = _OPEN.where(access_requests.c.agent == bindparam("old_agent"))
_GRANTING: Final = _ALL.where(access_requests.c.granted != "")
_ADD: Final = insert(access_requests).values(new_values(*_FIELDS))
# That it is open is a part of the WHERE: of two who decide at once the second loses.
_CLOSE: Final = (
    update(access_requests)
    .where(access_requests.c.id == bindparam("old_id"), access_requests.c.closed_at == 0)
    .values(new_values(*_CLOSING))
)
_AGAIN: Final = (
    update(access_requests)
    .where(access_requests.c.id == bindparam("old_id"), access_requests.c.closed_at == 0)
    .values(times=access_requests.c.times + 1)
)
_TAKEN: Final = (
    update(access_requests)
    .where(access_requests.c.id == bindparam("old_id"), access_requests.c.granted != "")
    .values(granted="")
)


async def read_requests(database: Database, agent: str = "") -> list[AccessRequest]:
    """Read the open requests, the oldest first: all, or an agent's.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = (
        await database.fetch(_OPEN_OF_AGENT, {"old_agent": agent}) if agent else await database.fetch(_OPEN)
    )
    return msgspec.convert(rows, list[AccessRequest])


async def read_request(database: Database, request_id: str) -> AccessRequest | None:
    """Read one request, also one that was decided.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_ONE, {"old_id": request_id}), list[AccessRequest])
    return found[0] if found else None


async def read_granting(database: Database) -> list[AccessRequest]:
    """Read those for which a role was made that is still there.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_GRANTING), list[AccessRequest])


def add_request(request: AccessRequest) -> Write:
    """Keep a request."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(request, name) for name in _FIELDS}
    return Write(_ADD, values, AccessRequestNotFound(request.id))


def ask_again(request_id: str) -> Write:
    """Count that an open request was made once more; lost when it was decided meanwhile."""
    return Write(_AGAIN, {"old_id": request_id}, AccessRequestNotFound(request_id))


def close_request(closed: AccessRequest) -> Write:
    """Write what became of a request; lost when it was decided before."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(closed, name) for name in _CLOSING}
    return Write(_CLOSE, values | {"old_id": closed.id}, AccessRequestNotFound(closed.id))


def granted_is_gone(request_id: str) -> Write:
    """Note that the role which was made for a request is not there any more; lost when that is noted."""
    return Write(_TAKEN, {"old_id": request_id}, AccessRequestNotFound(request_id))
