# SPDX-License-Identifier: Apache-2.0
"""The tables `break_glasses` and `recovery_keys`, and everything that is said to them.

`slot` is unique: the agent's id for the one that is open, its own id for those that are over.  Of a recovery key only
the hash is kept.
"""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, bindparam, insert, select, update

from smartagent.governance.breakglass.model import CONFIRM_SECONDS, BreakGlass, RecoveryKey
from smartagent.governance.errors import (
    BreakGlassOpen,
    BreakGlassOver,
    RecoveryKeyNotFound,
    RecoveryKeyRefused,
)
from smartagent.kernel import Change, Scalar, SmartAgentError, Write
from smartagent.storage import Database, metadata, new_values

BREAK_GLASS_TOPIC: Final = "break-glass"

break_glasses: Final = Table(
    "break_glasses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("confirmed_by", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
    Column("slot", Text, nullable=False, unique=True),
)
recovery_keys: Final = Table(
    "recovery_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("used_for", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
)
_FIELDS: Final = BreakGlass.__struct_fields__
_KEY_FIELDS: Final = RecoveryKey.__struct_fields__
_COLUMNS: Final = [break_glasses.c[name] for name in _FIELDS]
_KEY_COLUMNS: Final = [recovery_keys.c[name] for name in _KEY_FIELDS]
MOST: Final = 500
_NEWEST: Final = select(*_COLUMNS).order_by(break_glasses.c.id.desc()).limit(MOST)
_OPEN: Final = select(*_COLUMNS).where(break_glasses.c.closed_at == 0).order_by(break_glasses.c.id)
_OPEN_OF: Final = select(*_COLUMNS).where(break_glasses.c.slot == bindparam("old_slot"))
_OF: Final = select(*_COLUMNS).where(break_glasses.c.agent == bindparam("old_agent"))
_ONE: Final = select(*_COLUMNS).where(break_glasses.c.id == bindparam("old_id"))
_ADD: Final = insert(break_glasses).values(new_values(*_FIELDS, "slot"))
# That it still waits is a part of the WHERE: it is confirmed once, and in time.
_CONFIRM: Final = (
    update(break_glasses)
    .where(
        break_glasses.c.id == bindparam("old_id"),
        break_glasses.c.closed_at == 0,
        break_glasses.c.until == 0,
        break_glasses.c.opened_at > bindparam("earliest"),
    )
    .values(
        confirmed_by=bindparam("new_confirmed_by", type_=Text()),
        until=bindparam("new_until", type_=BigInteger()),
    )
)
_CLOSE: Final = (
    update(break_glasses)
    .where(
        break_glasses.c.id == bindparam("old_id"),
        break_glasses.c.closed_at == 0,
        break_glasses.c.until == bindparam("old_until"),
    )
    .values(closed_at=bindparam("new_closed_at", type_=BigInteger()), slot=break_glasses.c.id)
)
_KEYS: Final = select(*_KEY_COLUMNS).order_by(recovery_keys.c.id)
_KEY: Final = select(*_KEY_COLUMNS).where(recovery_keys.c.key_hash == bindparam("old_key_hash"))
_ADD_KEY: Final = insert(recovery_keys).values(new_values(*_KEY_FIELDS, "key_hash"))
_END_KEY: Final = (
    update(recovery_keys)
    .where(recovery_keys.c.id == bindparam("old_id"), recovery_keys.c.ended_at == 0)
    .values(new_values("ended_at", "ended_by", "used_for"))
)


async def read_newest(database: Database) -> list[BreakGlass]:
    """Read the newest, the newest first.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_NEWEST), list[BreakGlass])


async def read_open(database: Database, agent: str = "") -> list[BreakGlass]:
    """Read those whose end is not recorded yet: of `agent`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_OPEN_OF, {"old_slot": agent}) if agent else await database.fetch(_OPEN)
    return msgspec.convert(rows, list[BreakGlass])


async def read_all_of(database: Database, agent: str) -> list[BreakGlass]:
    """Read all that an agent ever had.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_OF, {"old_agent": agent}), list[BreakGlass])


async def read_break_glass(database: Database, break_glass: str) -> BreakGlass | None:
    """Read one.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_ONE, {"old_id": break_glass}), list[BreakGlass])
    return found[0] if found else None


def add_break_glass(new: BreakGlass) -> Write:
    """Add one; lost when the agent has one."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(new, name) for name in _FIELDS}
    return Write(_ADD, values | {"new_slot": new.agent}, BreakGlassOpen("confirm it, or end it first"))


def confirm_break_glass(confirmed: BreakGlass, *, now: int) -> Write:
    """Let one that waits be in force; lost when it does not wait at `now` (Unix seconds)."""
    values: dict[str, Scalar] = {
        "old_id": confirmed.id,
        "earliest": now - CONFIRM_SECONDS,
        "new_confirmed_by": confirmed.confirmed_by,
        "new_until": confirmed.until,
    }
    return Write(_CONFIRM, values, BreakGlassOver("open another"))


def close_break_glass(seen: BreakGlass, *, now: int) -> Write:
    """Record that one is over; lost when that is recorded, or it was confirmed since it was seen."""
    values: dict[str, Scalar] = {"old_id": seen.id, "old_until": seen.until, "new_closed_at": now}
    return Write(_CLOSE, values, BreakGlassOver("read it again"))


async def read_keys(database: Database) -> list[RecoveryKey]:
    """Read all recovery keys that there ever were, the oldest first.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_KEYS), list[RecoveryKey])


async def key_of_hash(database: Database, key_hash: bytes) -> RecoveryKey | None:
    """Read the recovery key that hashes to `key_hash`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_KEY, {"old_key_hash": key_hash}), list[RecoveryKey])
    return found[0] if found else None


def add_key(key: RecoveryKey, key_hash: bytes) -> Write:
    """Keep a recovery key's hash."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(key, name) for name in _KEY_FIELDS}
    return Write(_ADD_KEY, values | {"new_key_hash": key_hash}, RecoveryKeyNotFound(key.id))


def use_key(key: str, by: str, used_for: str, *, now: int) -> Write:
    """End a recovery key by its use; lost when it was used or revoked before."""
    return _ended(key, by, used_for, now, RecoveryKeyRefused("it was used or revoked"))


def revoke_key(key: str, by: str, *, now: int) -> Write:
    """End a recovery key unused; lost when it was used or revoked before."""
    return _ended(key, by, "", now, RecoveryKeyNotFound("look at the list"))


def _ended(key: str, by: str, used_for: str, now: int, lost: SmartAgentError) -> Write:
    values: dict[str, Scalar] = {
        "old_id": key,
        "new_ended_at": now,
        "new_ended_by": by,
        "new_used_for": used_for,
    }
    return Write(_END_KEY, values, lost)


def break_glass_changed(break_glass: str) -> Change:
    """Tell every node that a break-glass is not what it was."""
    return Change(BREAK_GLASS_TOPIC, break_glass)
