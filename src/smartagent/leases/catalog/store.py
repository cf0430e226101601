# SPDX-License-Identifier: Apache-2.0
"""The tables `providers` and `credentials`, and everything that is said to them."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, exists, insert, select, update
from sqlalchemy.sql.elements import BindParameter

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
from smartagent.storage import Database, metadata

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


def _values(names: Sequence[str]) -> dict[str, BindParameter[object]]:
    return {name: bindparam("new_" + name) for name in names}


_ALL_PROVIDERS: Final = select(providers).order_by(providers.c.name)
_ONE_PROVIDER: Final = select(providers).where(providers.c.name == bindparam("old_name"))
_ALL_CREDENTIALS: Final = select(credentials).order_by(credentials.c.name)
_ONE_CREDENTIAL: Final = select(credentials).where(credentials.c.name == bindparam("old_name"))
_PROVIDER_FIELDS: Final = _ProviderRow.__struct_fields__
_CREDENTIAL_FIELDS: Final = _CredentialRow.__struct_fields__
_ADD_PROVIDER: Final = insert(providers).values(_values(_PROVIDER_FIELDS))
_CHANGE_PROVIDER: Final = (
    update(providers)
    .where(providers.c.name == bindparam("old_name"), providers.c.version == bindparam("old_version"))
    .values(_values(_PROVIDER_FIELDS))
)
_DROP_PROVIDER: Final = delete(providers).where(
    providers.c.name == bindparam("old_name"),
    ~exists().where(credentials.c.provider == bindparam("old_name")),
    ~exists().where(leases.c.provider == bindparam("old_name"), leases.c.state != LeaseState.DEAD.value),
)
_HOLD_PROVIDER: Final = (
    update(providers).where(providers.c.name == bindparam("old_name")).values(version=providers.c.version)
)
"""Changes nothing: it fails when the provider has gone, in the transaction that comes to depend on it."""
_ADD_CREDENTIAL: Final = insert(credentials).values(_values(_CREDENTIAL_FIELDS))
_CHANGE_CREDENTIAL: Final = (
    update(credentials)
    .where(credentials.c.name == bindparam("old_name"), credentials.c.version == bindparam("old_version"))
    .values(_values(_CREDENTIAL_FIELDS))
)
_DROP_CREDENTIAL: Final = delete(credentials).where(credentials.c.name == bindparam("old_name"))


async def read_providers(database: Database, name: str = "") -> list[StoredProvider]:
    """Read the provider `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_ONE_PROVIDER, {"old_name": name})
        if name
        else await database.fetch(_ALL_PROVIDERS)
    )
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
    found = (
        await database.fetch(_ONE_CREDENTIAL, {"old_name": name})
        if name
        else await database.fetch(_ALL_CREDENTIALS)
    )
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
    values: dict[str, Scalar] = {
        "new_name": provider.name,
        "new_kind": provider.kind,
        "new_settings": _json(provider.settings),
        "new_secrets": _json(provider.secrets),
        **_stamped(stamp),
    }
    lost = LeasesChanged(provider.name)
    if stamp.version == 1:
        return Write(_ADD_PROVIDER, values, lost)
    return Write(
        _CHANGE_PROVIDER, values | {"old_name": provider.name, "old_version": stamp.version - 1}, lost
    )


def drop_provider(name: str) -> Write:
    """Delete a provider that nothing comes from any more."""
    return Write(
        _DROP_PROVIDER, {"old_name": name}, ProviderInUse("credentials come from it, or leases live there")
    )


def put_credential(new: StoredCredential) -> tuple[Write, ...]:
    """Write an entry over the version before it, provided that its provider is still there."""
    credential, stamp = new.credential, new.stamp
    values: dict[str, Scalar] = {
        "new_name": credential.name,
        "new_provider": credential.provider,
        "new_grant": _json(credential.grant),
        "new_ttl_seconds": credential.ttl_seconds,
        "new_max_ttl_seconds": credential.max_ttl_seconds,
        "new_env": _json(credential.env),
        **_stamped(stamp),
    }
    lost = LeasesChanged(credential.name)
    hold = hold_provider(credential.provider)
    if stamp.version == 1:
        return hold, Write(_ADD_CREDENTIAL, values, lost)
    seen: dict[str, Scalar] = {"old_name": credential.name, "old_version": stamp.version - 1}
    return hold, Write(_CHANGE_CREDENTIAL, values | seen, lost)


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


def _stamped(stamp: Stamp) -> dict[str, Scalar]:
    return {
        "new_version": stamp.version,
        "new_changed_at": stamp.changed_at,
        "new_changed_by": stamp.changed_by,
    }


def _json(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value).decode()
