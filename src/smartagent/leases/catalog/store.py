# SPDX-License-Identifier: Apache-2.0
"""The tables `providers` and `credentials`, and everything that is said to them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, exists, update

from smartagent.kernel import Change, Scalar, Write
from smartagent.leases.errors import CredentialNotFound, LeasesChanged, ProviderInUse, ProviderNotFound
from smartagent.leases.model import (
    Credential,
    LeaseState,
    Provider,
    Stamp,
    StoredCredential,
    StoredProvider,
)
from smartagent.leases.store import leases
from smartagent.storage import Database, Entries, metadata

PROVIDERS_TOPIC: Final = "providers"
CREDENTIALS_TOPIC: Final = "credentials"

providers: Final = Table(
    "providers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("secrets", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
credentials: Final = Table(
    "credentials",
    metadata,
    Column("name", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("grant", Text, nullable=False),
    Column("ttl_seconds", BigInteger, nullable=False),
    Column("max_ttl_seconds", BigInteger, nullable=False),
    Column("env", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)


class _ProviderRow(msgspec.Struct, array_like=True):
    name: str
    kind: str
    settings: str
    secrets: str
    version: int
    changed_at: int
    changed_by: str


class _CredentialRow(msgspec.Struct, array_like=True):
    name: str
    provider: str
    grant: str
    ttl_seconds: int
    max_ttl_seconds: int
    env: str
    version: int
    changed_at: int
    changed_by: str


_PROVIDERS: Final = Entries("providers")
_CREDENTIALS: Final = Entries("credentials")
_DROP_PROVIDER: Final = delete(providers).where(
    providers.c.name == bindparam("old_name"),
    ~exists().where(credentials.c.provider == bindparam("old_name")),
    ~exists().where(leases.c.provider == bindparam("old_name"), leases.c.state != LeaseState.DEAD.value),
)
_HOLD_PROVIDER: Final = (
    update(providers).where(providers.c.name == bindparam("old_name")).values(version=providers.c.version)
)
"""Changes nothing: it fails when the provider has gone, in the transaction that comes to depend on it."""
_DROP_CREDENTIAL: Final = delete(credentials).where(credentials.c.name == bindparam("old_name"))


async def read_providers(database: Database, name: str = "") -> list[StoredProvider]:
    """Read the provider `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await _PROVIDERS.read(database, name)
    return [
        StoredProvider(
            Provider(
                row.name,
                row.kind,
                msgspec.json.decode(row.settings),
                msgspec.json.decode(row.secrets, type=dict[str, str]),
            ),
            Stamp(row.version, row.changed_at, row.changed_by),
        )
        for row in msgspec.convert(found, list[_ProviderRow])
    ]


async def read_credentials(database: Database, name: str = "") -> list[StoredCredential]:
    """Read the credential `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await _CREDENTIALS.read(database, name)
    return [
        StoredCredential(
            Credential(
                row.name,
                row.provider,
                msgspec.json.decode(row.grant),
                row.ttl_seconds,
                row.max_ttl_seconds,
                msgspec.json.decode(row.env, type=dict[str, str]),
            ),
            Stamp(row.version, row.changed_at, row.changed_by),
        )
        for row in msgspec.convert(found, list[_CredentialRow])
    ]


def put_provider(new: StoredProvider) -> Write:
    """Write an entry over the version before it."""
    provider, stamp = new.provider, new.stamp
    row: dict[str, Scalar] = {
        "name": provider.name,
        "kind": provider.kind,
        "settings": _json(provider.settings),
        "secrets": _json(provider.secrets),
        "changed_at": stamp.changed_at,
        "changed_by": stamp.changed_by,
    }
    return _PROVIDERS.put(row, stamp.version, LeasesChanged(provider.name))


def drop_provider(name: str) -> Write:
    """Delete a provider that nothing comes from any more."""
    return Write(
        _DROP_PROVIDER, {"old_name": name}, ProviderInUse("credentials come from it, or leases live there")
    )


def put_credential(new: StoredCredential) -> tuple[Write, ...]:
    """Write an entry over the version before it, provided that its provider is still there."""
    credential, stamp = new.credential, new.stamp
    row: dict[str, Scalar] = {
        "name": credential.name,
        "provider": credential.provider,
        "grant": _json(credential.grant),
        "ttl_seconds": credential.ttl_seconds,
        "max_ttl_seconds": credential.max_ttl_seconds,
        "env": _json(credential.env),
        "changed_at": stamp.changed_at,
        "changed_by": stamp.changed_by,
    }
    put = _CREDENTIALS.put(row, stamp.version, LeasesChanged(credential.name))
    return hold_provider(credential.provider), put


def drop_credential(name: str) -> Write:
    """Delete a credential.  Leases of it live on until they end."""
    return Write(_DROP_CREDENTIAL, {"old_name": name}, CredentialNotFound(name[:64]))


def hold_provider(name: str) -> Write:
    """Have a commit fail when the provider has gone meanwhile."""
    return Write(_HOLD_PROVIDER, {"old_name": name}, ProviderNotFound(name))


def provider_changed(name: str) -> Change:
    """Tell every node that this provider is not what it was."""
    return Change(PROVIDERS_TOPIC, name)


def credential_changed(name: str) -> Change:
    """Tell every node that this credential is not what it was."""
    return Change(CREDENTIALS_TOPIC, name)


def _json(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value).decode()
