# SPDX-License-Identifier: Apache-2.0
"""The table `oauth_accounts`, and everything that is said to it."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from smartagent.accounts.errors import AccountNotFound, AccountsChanged, AccountTaken
from smartagent.accounts.model import Account, AccountState
from smartagent.accounts.rules import access_identity, refresh_identity
from smartagent.kernel import Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.storage import Database, metadata, new_values

MOST_DUE: Final = 100

oauth_accounts: Final = Table(
    "oauth_accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("refresh_token", LargeBinary, nullable=False),
    Column("access_token", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("refresh_at", BigInteger, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    UniqueConstraint("provider", "name", name="uq_oauth_accounts_provider_name"),
    Index("ix_oauth_accounts_refresh_at", "refresh_at"),
)

REFRESH_TOKENS: Final = envelopes_in(
    "oauth_accounts",
    "refresh_token",
    ("id", "number"),
    lambda key: refresh_identity(str(key[0]), int(str(key[1]))),
)
ACCESS_TOKENS: Final = envelopes_in(
    "oauth_accounts",
    "access_token",
    ("id", "number"),
    lambda key: access_identity(str(key[0]), int(str(key[1]))),
)

_FIELDS: Final = Account.__struct_fields__
_COLUMNS: Final = [oauth_accounts.c[field] for field in _FIELDS]


_ALL: Final = select(*_COLUMNS).order_by(oauth_accounts.c.provider, oauth_accounts.c.name)
_ONE: Final = select(*_COLUMNS).where(
    oauth_accounts.c.provider == bindparam("old_provider"), oauth_accounts.c.name == bindparam("old_name")
)
_DUE: Final = (
    select(*_COLUMNS)
    .where(
        oauth_accounts.c.refresh_at <= bindparam("now"),
        oauth_accounts.c.state != AccountState.RECONNECT_NEEDED.value,
    )
    .order_by(oauth_accounts.c.refresh_at)
    .limit(bindparam("most", type_=BigInteger()))
)
_ADD: Final = insert(oauth_accounts).values(new_values(*_FIELDS))
_SET: Final = (
    update(oauth_accounts)
    .where(oauth_accounts.c.id == bindparam("old_id"), oauth_accounts.c.version == bindparam("old_version"))
    .values(new_values(*[name for name in _FIELDS if name != "id"]))
)
_DROP: Final = delete(oauth_accounts).where(
    oauth_accounts.c.provider == bindparam("old_provider"), oauth_accounts.c.name == bindparam("old_name")
)


async def read_accounts(database: Database) -> list[Account]:
    """Read all of them, by provider and name.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_account(row) for row in await database.fetch(_ALL)]


async def read_account(database: Database, provider: str, name: str) -> Account:
    """Read one.

    Raises:
        AccountNotFound: There is none.
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE, {"old_provider": provider, "old_name": name})
    if not found:
        raise AccountNotFound(f"{provider}/{name}"[:130])
    return _account(found[0])


async def read_due(database: Database, *, now: int) -> list[Account]:
    """Read those whose access token is close to its end.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_account(row) for row in await database.fetch(_DUE, {"now": now, "most": MOST_DUE})]


def add_account(account: Account) -> Write:
    """Write a new one."""
    return Write(_ADD, _row(account, _FIELDS), AccountTaken(account.label))


def set_account(account: Account) -> Write:
    """Write it over the version before it."""
    seen: dict[str, Scalar] = {"old_id": account.id, "old_version": account.version - 1}
    changed = _row(account, [name for name in _FIELDS if name != "id"])
    return Write(_SET, changed | seen, AccountsChanged(account.label))


def drop_account(provider: str, name: str) -> Write:
    """Forget one, with its tokens."""
    return Write(
        _DROP, {"old_provider": provider, "old_name": name}, AccountNotFound(f"{provider}/{name}"[:130])
    )


def _account(row: object) -> Account:
    return msgspec.convert(dict(zip(_FIELDS, msgspec.convert(row, list[object]), strict=True)), Account)


def _row(account: Account, names: Sequence[str]) -> dict[str, Scalar]:
    row: dict[str, Scalar] = {}
    for name in names:
        value = getattr(account, name)
        row[f"new_{name}"] = value.value if isinstance(value, AccountState) else value
    return row
