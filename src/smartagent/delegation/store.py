# SPDX-License-Identifier: Apache-2.0
"""The table `delegations`, and everything that is said to it."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, delete, insert, select, update

from smartagent.delegation.errors import DelegationChanged
from smartagent.delegation.model import Delegation
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata, new_values

DELEGATIONS_TOPIC: Final = "delegations"

delegations: Final = Table(
    "delegations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("from_id", Text, nullable=False),
    Column("to_agent", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("depth_allowed", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("reason", Text, nullable=False),
)


_ALL: Final = select(delegations).order_by(delegations.c.id)
_ONE: Final = select(delegations).where(delegations.c.id == bindparam("old_id"))
_ADD: Final = insert(delegations).values(new_values(*Delegation.__struct_fields__))
_REVOKE: Final = (
    update(delegations)
    .where(delegations.c.id == bindparam("old_id"), delegations.c.revoked_at.is_(None))
    .values(new_values("revoked_at", "reason"))
)
_FORGET: Final = delete(delegations).where(delegations.c.until < bindparam("before"))


async def read_delegations(database: Database) -> list[Delegation]:
    """Read all delegations, oldest first.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_ALL), list[Delegation])


async def read_delegation(database: Database, delegation_id: str) -> Delegation | None:
    """Read one delegation.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE, {"old_id": delegation_id})
    return msgspec.convert(found[0], Delegation) if found else None


def add_delegation(delegation: Delegation, *, forget_before: int) -> tuple[Write, ...]:
    """Add a delegation, and forget those that ended before `forget_before` (Unix seconds)."""
    lost = DelegationChanged(delegation.id)
    values: dict[str, Scalar] = {
        "new_id": delegation.id,
        "new_from_id": delegation.from_id,
        "new_to_agent": delegation.to_agent,
        "new_scope": delegation.scope,
        "new_audience": delegation.audience,
        "new_until": delegation.until,
        "new_depth_allowed": delegation.depth_allowed,
        "new_created_by": delegation.created_by,
        "new_created_at": delegation.created_at,
        "new_revoked_at": delegation.revoked_at,
        "new_reason": delegation.reason,
    }
    return Write(_FORGET, {"before": forget_before}, lost, rows=None), Write(_ADD, values, lost)


def revoke_delegation(delegation_id: str, reason: str, *, now: int) -> Write:
    """End a live delegation; lost when it was ended meanwhile."""
    seen: dict[str, Scalar] = {"old_id": delegation_id, "new_revoked_at": now, "new_reason": reason}
    return Write(_REVOKE, seen, DelegationChanged(delegation_id))


def delegation_changed(delegation_id: str) -> Change:
    """Tell every node that this delegation is not what it was."""
    return Change(DELEGATIONS_TOPIC, delegation_id)
