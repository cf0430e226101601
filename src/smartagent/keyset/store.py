# SPDX-License-Identifier: Apache-2.0
"""The table `sealing_keys`, and the columns of other tables that hold envelopes."""

from collections.abc import Callable, Sequence
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
    func,
    insert,
    select,
    update,
)

from smartagent.kernel import Change, Scalar, Write
from smartagent.keyset.errors import KeysetMoved
from smartagent.keyset.model import SealingKey, SealingState
from smartagent.storage import Database, metadata, new_values

KEYSET_TOPIC: Final = "keyset"
PAGE: Final = 100

sealing_keys: Final = Table(
    "sealing_keys",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

_FIELDS: Final = SealingKey.__struct_fields__


_ALL: Final = select(*(sealing_keys.c[name] for name in _FIELDS)).order_by(sealing_keys.c.number)
_ADD: Final = insert(sealing_keys).values(new_values(*_FIELDS))
_IS_SEEN: Final = (sealing_keys.c.number == bindparam("old_number")) & (
    sealing_keys.c.state == bindparam("old_state")
)
_MOVE: Final = update(sealing_keys).where(_IS_SEEN).values(new_values("state", "changed_at"))
_DROP: Final = delete(sealing_keys).where(_IS_SEEN)


class Envelopes(msgspec.Struct, frozen=True):
    """A column that holds envelopes: how to find those that another key wraps, and how to replace one."""

    name: str
    keys: tuple[str, ...]
    identity: Callable[[Sequence[object]], str]
    page: object
    put: object


class Found(msgspec.Struct, frozen=True):
    """An envelope where it stands."""

    key: tuple[object, ...]
    envelope: bytes


def envelopes_in(
    name: str, column: str, keys: tuple[str, ...], identity: Callable[[Sequence[object]], str]
) -> Envelopes:
    """Describe the column `column` of the table `name`.

    Args:
        name: The table's, which is declared already.
        column: Holds envelopes; no bytes: none.
        keys: The columns of its primary key.
        identity: What an envelope was sealed as, from the values of `keys`.
    """
    table = metadata.tables[name]
    held = table.c[column]
    page = (
        select(*map(table.c.__getitem__, keys), held)
        .where(
            func.length(held) > 0,
            func.substr(held, 1, bindparam("length", type_=Integer()))
            != bindparam("mark", type_=LargeBinary()),
        )
        .limit(PAGE)
    )
    put = update(table).where(held == bindparam("old_envelope"))
    for key in keys:
        put = put.where(table.c[key] == bindparam("old_" + key))
    put = put.values({column: bindparam("new_envelope")})
    return Envelopes(f"{name}.{column}", keys, identity, page, put)


async def read_keys(database: Database) -> list[SealingKey]:
    """Read all keys by number, sealed.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_ALL)
    return [msgspec.convert(dict(zip(_FIELDS, row, strict=True)), SealingKey) for row in rows]


async def read_others(database: Database, envelopes: Envelopes, mark: bytes) -> list[Found]:
    """Read a page of the envelopes that do not begin with `mark`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(envelopes.page, {"length": len(mark), "mark": mark})
    many = len(envelopes.keys)
    return [Found(tuple(row[:many]), msgspec.convert(row[many], bytes)) for row in rows]


def put_envelope(envelopes: Envelopes, found: Found, envelope: bytes) -> Write:
    """Replace an envelope, unless somebody has written another meanwhile."""
    row: dict[str, Scalar] = {"old_envelope": found.envelope, "new_envelope": envelope}
    for name, value in zip(envelopes.keys, found.key, strict=True):
        row[f"old_{name}"] = msgspec.convert(value, int | str)
    return Write(envelopes.put, row, KeysetMoved(envelopes.name), rows=None)


def add_key(key: SealingKey) -> Write:
    """Write a new key."""
    row: dict[str, Scalar] = {f"new_{name}": getattr(key, name) for name in _FIELDS}
    row["new_state"] = key.state.value
    return Write(_ADD, row, KeysetMoved(str(key.number)))


def move_key(key: SealingKey, seen: SealingState) -> Write:
    """Write the state that follows `seen`."""
    row: dict[str, Scalar] = {
        "old_number": key.number,
        "old_state": seen.value,
        "new_state": key.state.value,
        "new_changed_at": key.changed_at,
    }
    return Write(_MOVE, row, KeysetMoved(str(key.number)))


def drop_key(key: SealingKey) -> Write:
    """Forget a key."""
    row: dict[str, Scalar] = {"old_number": key.number, "old_state": key.state.value}
    return Write(_DROP, row, KeysetMoved(str(key.number)))


def keyset_changed() -> Change:
    """Tell every node that the keyset is not what it was."""
    return Change(KEYSET_TOPIC, "")
