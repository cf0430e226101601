# SPDX-License-Identifier: Apache-2.0
"""The tables `secrets`, `secret_versions`, `upstreams` and `honeytokens`, and everything that is said to them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)

from smartagent.kernel import Change, Limits, Scalar, Write, parse_limits
from smartagent.keyset import envelopes_in
from smartagent.storage import Database, Entries, metadata, new_values
from smartagent.vault.errors import (
    HoneytokenNotFound,
    HoneytokenTaken,
    SecretInUse,
    SecretMissing,
    VaultChanged,
)
from smartagent.vault.model import Honeytoken, SealedVersion, SecretEntry, StoredUpstream, Upstream, sealed_as

SECRETS_TOPIC: Final = "secrets"
UPSTREAMS_TOPIC: Final = "upstreams"
HONEYTOKENS_TOPIC: Final = "honeytokens"
KEPT_VERSIONS: Final = 10

secrets: Final = Table(
    "secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("version", BigInteger, nullable=False),
)
secret_versions: Final = Table(
    "secret_versions",
    metadata,
    Column("secret_id", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
)
SEALED_VALUES: Final = envelopes_in(
    "secret_versions",
    "sealed",
    ("secret_id", "version"),
    lambda key: sealed_as(str(key[0]), int(str(key[1]))),
)
upstreams: Final = Table(
    "upstreams",
    metadata,
    Column("name", Text, primary_key=True),
    Column("base_url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("allow_private", Integer, nullable=False),
    Column("allow_plaintext", Integer, nullable=False),
    Column("timeout_seconds", Integer, nullable=False),
    Column("scrub", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("txn_token", Integer, nullable=False, server_default="0"),
    Column("limits", Text, nullable=False, server_default="{}"),
    Column("speaks", Text, nullable=False, server_default=""),
    Column("labels", Text, nullable=False, server_default=""),
)
honeytokens: Final = Table(
    "honeytokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
)


class _SecretRow(msgspec.Struct, array_like=True):
    id: str
    name: str
    version: int
    sealed: bytes
    created_at: int
    created_by: str
    source: str


class _UpstreamRow(msgspec.Struct, array_like=True):
    name: str
    base_url: str
    secret: str
    place: str
    allow_private: int
    allow_plaintext: int
    timeout_seconds: int
    scrub: int
    version: int
    changed_at: int
    changed_by: str
    txn_token: int
    limits: str
    speaks: str
    labels: str


class _HoneytokenRow(msgspec.Struct, array_like=True):
    name: str
    digest: bytes
    note: str
    created_at: int
    created_by: str


_ALL_SECRETS: Final = (
    select(
        secrets.c.id,
        secrets.c.name,
        secret_versions.c.version,
        secret_versions.c.sealed,
        secret_versions.c.created_at,
        secret_versions.c.created_by,
        secret_versions.c.source,
    )
    .join(secret_versions, secret_versions.c.secret_id == secrets.c.id)
    .order_by(secrets.c.name, secret_versions.c.version.desc())
)
_ONE_SECRET: Final = _ALL_SECRETS.where(secrets.c.name == bindparam("old_name"))
_UPSTREAMS: Final = Entries("upstreams")

_ADD_SECRET: Final = insert(secrets).values(new_values("name", "id", "version"))
_RAISE_SECRET: Final = (
    update(secrets)
    .where(secrets.c.id == bindparam("old_id"), secrets.c.version == bindparam("old_version"))
    .values(new_values("version"))
)
_ADD_VERSION: Final = insert(secret_versions).values(
    new_values("secret_id", "version", "sealed", "created_at", "created_by", "source")
)
_DROP_VERSIONS: Final = delete(secret_versions).where(
    secret_versions.c.secret_id == bindparam("old_id"),
    secret_versions.c.version <= bindparam("old_version"),
)
_DESTROY_VERSION: Final = (
    update(secret_versions)
    .where(
        secret_versions.c.secret_id == bindparam("old_id"),
        secret_versions.c.version == bindparam("old_version"),
    )
    .values(sealed=b"", source="")
)
_IS_UNUSED: Final = ~exists().where(upstreams.c.secret == bindparam("old_name"))
_DROP_SECRET: Final = delete(secrets).where(secrets.c.id == bindparam("old_id"), _IS_UNUSED)
_HOLD_SECRET: Final = (
    update(secrets)
    .where(secrets.c.name == bindparam("old_name"), secrets.c.id == bindparam("old_id"))
    .values(version=secrets.c.version)
)
"""Changes nothing: it fails when the secret has gone, in the transaction that comes to depend on it."""

_ADD_HONEYTOKEN: Final = insert(honeytokens).values(
    new_values("name", "digest", "note", "created_at", "created_by")
)
_DROP_HONEYTOKEN: Final = delete(honeytokens).where(honeytokens.c.name == bindparam("old_name"))
_ALL_HONEYTOKENS: Final = select(honeytokens)


async def read_secrets(database: Database, name: str = "") -> list[SecretEntry]:
    """Read the secret `name`, or all of them, sealed.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_ONE_SECRET, {"old_name": name}) if name else await database.fetch(_ALL_SECRETS)
    )
    rows = msgspec.convert(found, list[_SecretRow])
    return [_entry_of(list(group)) for _, group in groupby(rows, key=lambda row: row.id)]


async def read_upstreams(database: Database, name: str = "") -> list[StoredUpstream]:
    """Read the upstream `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await _UPSTREAMS.read(database, name)
    return [
        StoredUpstream(
            upstream=Upstream(
                name=row.name,
                base_url=row.base_url,
                secret=row.secret,
                place=row.place,
                allow_private=bool(row.allow_private),
                allow_plaintext=bool(row.allow_plaintext),
                timeout_seconds=row.timeout_seconds,
                scrub=bool(row.scrub),
                txn_token=bool(row.txn_token),
                limits=parse_limits(msgspec.json.decode(row.limits, type=Limits)),
                speaks=row.speaks,
                labels=tuple(row.labels.split()),
            ),
            version=row.version,
            changed_at=row.changed_at,
            changed_by=row.changed_by,
        )
        for row in msgspec.convert(found, list[_UpstreamRow])
    ]


def put_secret(name: str, secret_id: str, new: SealedVersion) -> tuple[Write, ...]:
    """Write a version over the one before it, and forget those that are too old."""
    lost = VaultChanged(name)
    version: dict[str, Scalar] = {
        "new_secret_id": secret_id,
        "new_version": new.version,
        "new_sealed": new.sealed,
        "new_created_at": new.created_at,
        "new_created_by": new.created_by,
        "new_source": new.source,
    }
    add_version = Write(_ADD_VERSION, version, lost)
    if new.version == 1:
        first: dict[str, Scalar] = {"new_name": name, "new_id": secret_id, "new_version": 1}
        return Write(_ADD_SECRET, first, lost), add_version
    seen: dict[str, Scalar] = {
        "old_id": secret_id,
        "old_version": new.version - 1,
        "new_version": new.version,
    }
    too_old: dict[str, Scalar] = {"old_id": secret_id, "old_version": new.version - KEPT_VERSIONS}
    return Write(_RAISE_SECRET, seen, lost), add_version, Write(_DROP_VERSIONS, too_old, lost, rows=None)


def drop_secret(entry: SecretEntry) -> tuple[Write, ...]:
    """Delete a secret and every version of it, unless an upstream has come to use it."""
    unused: dict[str, Scalar] = {"old_id": entry.id, "old_name": entry.name}
    # No version is newer than the greatest number; a version added meanwhile goes too.
    versions: dict[str, Scalar] = {"old_id": entry.id, "old_version": 2**62}
    return (
        Write(_DROP_SECRET, unused, SecretInUse(entry.name)),
        Write(_DROP_VERSIONS, versions, VaultChanged(entry.name), rows=None),
    )


def destroy_versions(entry: SecretEntry, versions: Sequence[int]) -> tuple[Write, ...]:
    """Forget the values of versions for ever; that there were such versions stays known."""
    gone: list[dict[str, Scalar]] = [{"old_id": entry.id, "old_version": version} for version in versions]
    return tuple(Write(_DESTROY_VERSION, seen, VaultChanged(entry.name)) for seen in gone)


def put_upstream(new: StoredUpstream, secret_id: str) -> tuple[Write, ...]:
    """Write an entry over the version before it, provided that its secret is still there."""
    entry = new.upstream
    row: dict[str, Scalar] = {
        "name": entry.name,
        "base_url": entry.base_url,
        "secret": entry.secret,
        "place": entry.place,
        "allow_private": int(entry.allow_private),
        "allow_plaintext": int(entry.allow_plaintext),
        "timeout_seconds": entry.timeout_seconds,
        "scrub": int(entry.scrub),
        "txn_token": int(entry.txn_token),
        "speaks": entry.speaks,
        "labels": " ".join(entry.labels),
        "limits": msgspec.json.encode(entry.limits).decode(),
        "changed_at": new.changed_at,
        "changed_by": new.changed_by,
    }
    put = _UPSTREAMS.put(row, new.version, VaultChanged(entry.name))
    if not entry.secret:
        return (put,)
    held: dict[str, Scalar] = {"old_name": entry.secret, "old_id": secret_id}
    return Write(_HOLD_SECRET, held, SecretMissing(entry.secret)), put


def drop_upstream(old: StoredUpstream) -> Write:
    """Delete the version of an entry that was seen."""
    return _UPSTREAMS.drop(old.upstream.name, old.version, VaultChanged(old.upstream.name))


async def read_honeytokens(database: Database) -> list[Honeytoken]:
    """Read all honeytokens.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_ALL_HONEYTOKENS)
    return [
        Honeytoken(row.name, row.digest, row.note, row.created_at, row.created_by)
        for row in msgspec.convert(rows, list[_HoneytokenRow])
    ]


def put_honeytoken(new: Honeytoken) -> Write:
    """Write a honeytoken, whose name must be free."""
    values: dict[str, Scalar] = {
        "new_name": new.name,
        "new_digest": new.digest,
        "new_note": new.note,
        "new_created_at": new.created_at,
        "new_created_by": new.created_by,
    }
    return Write(_ADD_HONEYTOKEN, values, HoneytokenTaken(new.name))


def drop_honeytoken(name: str) -> Write:
    """Delete a honeytoken."""
    return Write(_DROP_HONEYTOKEN, {"old_name": name}, HoneytokenNotFound(name))


def honeytoken_changed(name: str) -> Change:
    """Tell every node that this honeytoken is new, or gone."""
    return Change(HONEYTOKENS_TOPIC, name)


def secret_changed(name: str) -> Change:
    """Tell every node that this secret is not what it was."""
    return Change(SECRETS_TOPIC, name)


def upstream_changed(name: str) -> Change:
    """Tell every node that this upstream is not what it was."""
    return Change(UPSTREAMS_TOPIC, name)


def _entry_of(rows: Iterable[_SecretRow]) -> SecretEntry:
    newest, *_ = rows = list(rows)
    versions = tuple(
        SealedVersion(row.version, row.sealed, row.created_at, row.created_by, row.source) for row in rows
    )
    return SecretEntry(newest.id, newest.name, versions)
