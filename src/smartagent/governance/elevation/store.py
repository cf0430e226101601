# SPDX-License-Identifier: Apache-2.0
"""The table `elevations`, and everything that is said to it.

`slot` is unique: the agent's id for the one that is open, its own id for those that are over.  So an agent never has
two, whichever nodes are asked at once.
"""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, insert, select, update

from smartagent.governance.elevation.model import Elevation
from smartagent.governance.errors import ElevatedAlready, GovernanceChanged
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata, new_values

ELEVATIONS_TOPIC: Final = "elevations"

elevations: Final = Table(
    "elevations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("slot", Text, nullable=False, unique=True),
)
_COLUMNS: Final = [elevations.c[name] for name in Elevation.__struct_fields__]
_OPEN: Final = select(*_COLUMNS).where(elevations.c.ended_at == 0).order_by(elevations.c.id)
_OPEN_OF: Final = select(*_COLUMNS).where(elevations.c.slot == bindparam("old_slot"))
_ONE: Final = select(*_COLUMNS).where(elevations.c.id == bindparam("old_id"))
_ADD: Final = insert(elevations).values(new_values(*Elevation.__struct_fields__, "slot"))
_END: Final = (
    update(elevations)
    .where(elevations.c.id == bindparam("old_id"), elevations.c.ended_at == 0)
    .values(ended_at=bindparam("new_ended_at", type_=BigInteger()), slot=elevations.c.id)
)


async def read_open(database: Database, agent: str = "") -> list[Elevation]:
    """Read the elevations whose end is not recorded yet: of `agent`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_OPEN_OF, {"old_slot": agent}) if agent else await database.fetch(_OPEN)
    return msgspec.convert(rows, list[Elevation])


async def read_elevation(database: Database, elevation: str) -> Elevation | None:
    """Read one elevation.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_ONE, {"old_id": elevation}), list[Elevation])
    return found[0] if found else None


def add_elevation(elevation: Elevation) -> Write:
    """Add an elevation; lost when the agent has one."""
    values: dict[str, Scalar] = {
        f"new_{name}": getattr(elevation, name) for name in Elevation.__struct_fields__
    }
    return Write(_ADD, values | {"new_slot": elevation.agent}, ElevatedAlready("end it first"))


def end_elevation(elevation: str, *, now: int) -> Write:
    """Record that an elevation is over; lost when that is recorded."""
    return Write(_END, {"old_id": elevation, "new_ended_at": now}, GovernanceChanged(elevation))


def elevation_changed(agent: str) -> Change:
    """Tell every node that an agent's elevation is not what it was."""
    return Change(ELEVATIONS_TOPIC, agent)
