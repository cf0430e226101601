# SPDX-License-Identifier: Apache-2.0
"""The room's table: passkeys.  A row has nothing secret: a public key, and how often it signed."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, bindparam, delete, insert, select, update

from smartagent.console.errors import PasskeyNotFound, PasskeyRefused
from smartagent.console.model import Passkey
from smartagent.kernel import Scalar, Write
from smartagent.storage import Database, metadata, new_values

passkeys: Final = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)

_ADD: Final = insert(passkeys).values(new_values(*Passkey.__struct_fields__))
_ONE: Final = select(passkeys).where(passkeys.c.id == bindparam("old_id"))
_OF_PERSON: Final = (
    select(passkeys)
    .where(passkeys.c.person == bindparam("person"))
    .order_by(passkeys.c.created_at, passkeys.c.id)
)
_USE: Final = (
    update(passkeys)
    .where(passkeys.c.id == bindparam("old_id"), passkeys.c.counter == bindparam("old_counter"))
    .values(
        counter=bindparam("new_counter", type_=BigInteger()),
        used_at=bindparam("new_used_at", type_=BigInteger()),
    )
)
_DROP: Final = delete(passkeys).where(
    passkeys.c.id == bindparam("old_id"), passkeys.c.person == bindparam("old_person")
)


async def read_passkey(database: Database, passkey_id: str) -> Passkey | None:
    """Read a passkey by the id of its credential."""
    found = await database.fetch(_ONE, {"old_id": passkey_id})
    return msgspec.convert(found[0], Passkey) if found else None


async def read_passkeys_of(database: Database, person: str) -> list[Passkey]:
    """Read the passkeys of an operator, the oldest first."""
    return msgspec.convert(await database.fetch(_OF_PERSON, {"person": person}), list[Passkey])


def add_passkey(passkey: Passkey) -> Write:
    """Add a passkey."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(passkey, name) for name in Passkey.__struct_fields__}
    return Write(_ADD, values, lost=PasskeyRefused("the credential is known already"))


def use_passkey(passkey: Passkey, counter: int, *, now: int) -> Write:
    """Note that a passkey was used; of two uses with the same counter one is lost."""
    values: dict[str, Scalar] = {
        "old_id": passkey.id,
        "old_counter": passkey.counter,
        "new_counter": counter,
        "new_used_at": now,
    }
    return Write(_USE, values, lost=PasskeyRefused("it was used elsewhere at the same instant"))


def drop_passkey(passkey_id: str, person: str) -> Write:
    """Forget a passkey of an operator."""
    return Write(_DROP, {"old_id": passkey_id, "old_person": person}, lost=PasskeyNotFound("check its id"))
