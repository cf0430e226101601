# SPDX-License-Identifier: Apache-2.0
"""The table `trusted_issuers`, and everything that is said to it."""

import logging
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import BindParameter

from smartagent.federation.errors import IssuerChanged
from smartagent.federation.model import StoredIssuer, TrustedIssuer
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata

ISSUERS_TOPIC: Final = "trusted-issuers"

_log = logging.getLogger(__name__)

# `issuer` is unique: a token's `iss` leads to one entry, whatever names there are.
trusted_issuers: Final = Table(
    "trusted_issuers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("issuer", Text, nullable=False, unique=True),
    Column("entry", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)


class _Row(msgspec.Struct, array_like=True):
    name: str
    issuer: str
    entry: str
    version: int
    changed_at: int
    changed_by: str


def _values() -> dict[str, BindParameter[object]]:
    return {name: bindparam("new_" + name) for name in _Row.__struct_fields__}


_ALL: Final = select(trusted_issuers)
_ONE: Final = select(trusted_issuers).where(trusted_issuers.c.name == bindparam("old_name"))
# `version` is what the writer has seen: whoever comes second loses, and looks again.
_SEEN: Final = (
    trusted_issuers.c.name == bindparam("old_name"),
    trusted_issuers.c.version == bindparam("old_version"),
)
_ADD: Final = insert(trusted_issuers).values(_values())
_CHANGE: Final = update(trusted_issuers).where(*_SEEN).values(_values())
_DROP: Final = delete(trusted_issuers).where(*_SEEN)


async def read_issuers(database: Database, name: str = "") -> list[StoredIssuer]:
    """Read the issuer `name`, or all of them.

    An entry that this release cannot read is left out: then nobody is trusted by it.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE, {"old_name": name}) if name else await database.fetch(_ALL)
    kept = [_stored(row) for row in msgspec.convert(found, list[_Row])]
    return [stored for stored in kept if stored is not None]


def put_issuer(new: StoredIssuer) -> Write:
    """Write `new` over the version before it; version 1 is a new entry."""
    entry = new.issuer
    values: dict[str, Scalar] = {
        "new_name": entry.name,
        "new_issuer": entry.issuer,
        "new_entry": msgspec.json.encode(entry).decode(),
        "new_version": new.version,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    lost = IssuerChanged(entry.name)
    if new.version == 1:
        return Write(_ADD, values, lost)
    return Write(_CHANGE, values | {"old_name": entry.name, "old_version": new.version - 1}, lost)


def drop_issuer(old: StoredIssuer) -> Write:
    """Delete the version of an entry that was seen."""
    seen: dict[str, Scalar] = {"old_name": old.issuer.name, "old_version": old.version}
    return Write(_DROP, seen, IssuerChanged(old.issuer.name))


def issuer_changed(name: str) -> Change:
    """Tell every node that this entry is not what it was."""
    return Change(ISSUERS_TOPIC, name)


def _stored(row: _Row) -> StoredIssuer | None:
    try:
        entry = msgspec.json.decode(row.entry, type=TrustedIssuer)
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("the trusted issuer %s cannot be read, and is not trusted: %s", row.name, error)
        return None
    return StoredIssuer(entry, row.version, row.changed_at, row.changed_by)
