# SPDX-License-Identifier: Apache-2.0
"""The tables `rotations` and `rotations_running`, and everything that is said to them."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from smartagent.kernel import Change, Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.rotation.errors import RotationNotFound, RotationsChanged
from smartagent.rotation.model import Phase, Rotation, Running
from smartagent.rotation.rules import sealed_as
from smartagent.storage import Database, Entries, metadata, new_values

ROTATIONS_TOPIC: Final = "rotations"

rotations: Final = Table(
    "rotations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
rotations_running: Final = Table(
    "rotations_running",
    metadata,
    Column("name", Text, primary_key=True),
    Column("phase", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("scheduled_at", BigInteger, nullable=False),
    Column("rotated_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", Text, nullable=False),
    Column("pending", LargeBinary, nullable=False),
    Column("former", LargeBinary, nullable=False),
    Column("mark", Text, nullable=False),
    Column("in_force", Text, nullable=False),
    Index("rotations_running_due_at", "due_at"),
)
PENDING_VALUES: Final = envelopes_in(
    "rotations_running", "pending", ("name",), lambda key: sealed_as(str(key[0]), "pending")
)
FORMER_VALUES: Final = envelopes_in(
    "rotations_running", "former", ("name",), lambda key: sealed_as(str(key[0]), "former")
)


class StoredRotation(msgspec.Struct, frozen=True):
    """A rotation as the store keeps it."""

    rotation: Rotation
    version: int
    changed_at: int
    changed_by: str


class _Row(msgspec.Struct, array_like=True):
    name: str
    entry: str
    version: int
    changed_at: int
    changed_by: str


_FIELDS: Final = Running.__struct_fields__
_COLUMNS: Final = [rotations_running.c[name] for name in _FIELDS]


_ENTRIES: Final = Entries("rotations")
_ALL_RUNNING: Final = select(*_COLUMNS).order_by(rotations_running.c.name)
_ONE_RUNNING: Final = select(*_COLUMNS).where(rotations_running.c.name == bindparam("old_name"))
_DUE: Final = (
    select(*_COLUMNS)
    .where(rotations_running.c.due_at <= bindparam("now"))
    .order_by(rotations_running.c.due_at)
    .limit(bindparam("most"))
)
_DROP: Final = delete(rotations).where(rotations.c.name == bindparam("old_name"))
_ADD_RUNNING: Final = insert(rotations_running).values(new_values(*_FIELDS))
_SET_RUNNING: Final = (
    update(rotations_running)
    .where(
        rotations_running.c.name == bindparam("old_name"),
        rotations_running.c.version == bindparam("old_version"),
    )
    .values(new_values(*[name for name in _FIELDS if name != "name"]))
)
_DROP_RUNNING: Final = delete(rotations_running).where(
    rotations_running.c.name == bindparam("old_name"), rotations_running.c.phase == Phase.IDLE.value
)


async def read_rotations(database: Database, name: str = "") -> list[StoredRotation]:
    """Read the rotation `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await _ENTRIES.read(database, name)
    return [
        StoredRotation(
            msgspec.json.decode(row.entry, type=Rotation), row.version, row.changed_at, row.changed_by
        )
        for row in msgspec.convert(found, list[_Row])
    ]


async def read_running(database: Database, name: str = "") -> list[Running]:
    """Read how far the rotation `name` is, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_ONE_RUNNING, {"old_name": name}) if name else await database.fetch(_ALL_RUNNING)
    )
    return [_running(row) for row in found]


async def read_due(database: Database, *, now: int, most: int) -> list[Running]:
    """Read the rotations about which something must be done.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_running(row) for row in await database.fetch(_DUE, {"now": now, "most": most})]


def put_rotation(new: StoredRotation) -> Write:
    """Write an entry over the version before it."""
    name = new.rotation.name
    row: dict[str, Scalar] = {
        "name": name,
        "entry": msgspec.json.encode(new.rotation).decode(),
        "changed_at": new.changed_at,
        "changed_by": new.changed_by,
    }
    return _ENTRIES.put(row, new.version, RotationsChanged(name))


def drop_rotation(name: str) -> tuple[Write, ...]:
    """Delete a rotation that is not in the middle of one."""
    seen: dict[str, Scalar] = {"old_name": name}
    return Write(_DROP, seen, RotationNotFound(name)), Write(_DROP_RUNNING, seen, RotationsChanged(name))


def add_running(running: Running) -> Write:
    """Begin to keep account of a rotation."""
    return Write(_ADD_RUNNING, _row(running, _FIELDS), RotationsChanged(running.name))


def set_running(running: Running) -> Write:
    """Write how far it is over the version before it."""
    changed = _row(running, [name for name in _FIELDS if name != "name"])
    seen: dict[str, Scalar] = {"old_name": running.name, "old_version": running.version - 1}
    return Write(_SET_RUNNING, changed | seen, RotationsChanged(running.name))


def rotation_changed(name: str) -> Change:
    """Tell every node that this rotation is not what it was."""
    return Change(ROTATIONS_TOPIC, name)


def _running(row: object) -> Running:
    return msgspec.convert(dict(zip(_FIELDS, msgspec.convert(row, list[object]), strict=True)), Running)


def _row(running: Running, names: Sequence[str]) -> dict[str, Scalar]:
    row: dict[str, Scalar] = {}
    for name in names:
        value = getattr(running, name)
        row[f"new_{name}"] = value.value if isinstance(value, Phase) else value
    return row
