# SPDX-License-Identifier: Apache-2.0
"""The table `trusted_issuers`, and everything that is said to it."""

import logging
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text

from smartagent.federation.errors import IssuerChanged
from smartagent.federation.model import StoredIssuer, TrustedIssuer
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, Entries, metadata

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


_ENTRIES: Final = Entries("trusted_issuers")


async def read_issuers(database: Database, name: str = "") -> list[StoredIssuer]:
    """Read the issuer `name`, or all of them.

    An entry that this release cannot read is left out: then nobody is trusted by it.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await _ENTRIES.read(database, name)
    kept = [_stored(row) for row in msgspec.convert(found, list[_Row])]
    return [stored for stored in kept if stored is not None]


def put_issuer(new: StoredIssuer) -> Write:
    """Write `new` over the version before it; version 1 is a new entry."""
    entry = new.issuer
    row: dict[str, Scalar] = {
        "name": entry.name,
        "issuer": entry.issuer,
        "entry": msgspec.json.encode(entry).decode(),
        "changed_at": new.changed_at,
        "changed_by": new.changed_by,
    }
    return _ENTRIES.put(row, new.version, IssuerChanged(entry.name))


def drop_issuer(old: StoredIssuer) -> Write:
    """Delete the version of an entry that was seen."""
    return _ENTRIES.drop(old.issuer.name, old.version, IssuerChanged(old.issuer.name))


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
