# SPDX-License-Identifier: Apache-2.0
"""The tables `roles` and `policies`, and everything that is said to them."""

import logging
from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import BindParameter

from smartagent.kernel import Change, Scalar, Write
from smartagent.policy.errors import MalformedRoleFile, PolicyChanged
from smartagent.policy.model import StoredPolicy, StoredRole
from smartagent.policy.rolefile import parse_role_file
from smartagent.storage import Database, metadata

ROLES_TOPIC: Final = "roles"
POLICIES_TOPIC: Final = "policies"

_log = logging.getLogger(__name__)

roles: Final = Table(
    "roles",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role_file", Text, nullable=False),
    Column("cedar", Text, nullable=False),
    Column("allow_broad", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
policies: Final = Table(
    "policies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cedar", Text, nullable=False),
    Column("allow_broad", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)


class _RoleRow(msgspec.Struct, array_like=True):
    name: str
    role_file: str
    cedar: str
    allow_broad: int
    version: int
    changed_at: int
    changed_by: str


class _PolicyRow(msgspec.Struct, array_like=True):
    name: str
    cedar: str
    allow_broad: int
    version: int
    changed_at: int
    changed_by: str


def _values(row: type[_RoleRow | _PolicyRow]) -> dict[str, BindParameter[object]]:
    return {name: bindparam("new_" + name) for name in row.__struct_fields__}


_ALL_ROLES: Final = select(roles)
_ONE_ROLE: Final = select(roles).where(roles.c.name == bindparam("old_name"))
_ALL_POLICIES: Final = select(policies)
_ONE_POLICY: Final = select(policies).where(policies.c.name == bindparam("old_name"))

# `version` is what the writer has seen: whoever comes second loses, and looks again.
_ADD_ROLE: Final = insert(roles).values(_values(_RoleRow))
_CHANGE_ROLE: Final = (
    update(roles)
    .where(roles.c.name == bindparam("old_name"), roles.c.version == bindparam("old_version"))
    .values(_values(_RoleRow))
)
_DROP_ROLE: Final = delete(roles).where(
    roles.c.name == bindparam("old_name"), roles.c.version == bindparam("old_version")
)
_ADD_POLICY: Final = insert(policies).values(_values(_PolicyRow))
_CHANGE_POLICY: Final = (
    update(policies)
    .where(policies.c.name == bindparam("old_name"), policies.c.version == bindparam("old_version"))
    .values(_values(_PolicyRow))
)
_DROP_POLICY: Final = delete(policies).where(
    policies.c.name == bindparam("old_name"), policies.c.version == bindparam("old_version")
)


async def read_roles(database: Database, name: str = "") -> list[StoredRole]:
    """Read the role `name`, or all of them.

    A role whose file this release cannot read is left out: then it grants nothing, and the
    others stand.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE_ROLE, {"old_name": name}) if name else await database.fetch(_ALL_ROLES)
    kept = [_role_of(row) for row in msgspec.convert(found, list[_RoleRow])]
    return [stored for stored in kept if stored is not None]


def _role_of(row: _RoleRow) -> StoredRole | None:
    try:
        role = parse_role_file(row.role_file)
    except MalformedRoleFile as error:
        _log.error("the role %s cannot be read and grants nothing: %s", row.name, error)
        return None
    return StoredRole(
        role=role,
        role_file=row.role_file,
        cedar=row.cedar,
        allow_broad=bool(row.allow_broad),
        version=row.version,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


async def read_policies(database: Database, name: str = "") -> list[StoredPolicy]:
    """Read the policy `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_ONE_POLICY, {"old_name": name}) if name else await database.fetch(_ALL_POLICIES)
    )
    return [
        StoredPolicy(
            name=row.name,
            cedar=row.cedar,
            allow_broad=bool(row.allow_broad),
            version=row.version,
            changed_at=row.changed_at,
            changed_by=row.changed_by,
        )
        for row in msgspec.convert(found, list[_PolicyRow])
    ]


def put_role(new: StoredRole, over: int | None = None) -> Write:
    """Write `new` over the version `over`, 0 for a new role; when it is not said, over the one before it."""
    seen_version = new.version - 1 if over is None else over
    values: dict[str, Scalar] = {
        "new_name": new.role.name,
        "new_role_file": new.role_file,
        "new_cedar": new.cedar,
        "new_allow_broad": int(new.allow_broad),
        "new_version": new.version,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    if seen_version == 0:
        return Write(_ADD_ROLE, values, lost=PolicyChanged(new.role.name))
    seen: dict[str, Scalar] = {"old_name": new.role.name, "old_version": seen_version}
    return Write(_CHANGE_ROLE, values | seen, lost=PolicyChanged(new.role.name))


def drop_role(old: StoredRole) -> Write:
    """Delete the version of a role that was seen."""
    seen: dict[str, Scalar] = {"old_name": old.role.name, "old_version": old.version}
    return Write(_DROP_ROLE, seen, lost=PolicyChanged(old.role.name))


def put_policy(new: StoredPolicy, over: int | None = None) -> Write:
    """Write `new` over the version `over`, 0 for a new policy; when it is not said, over the one before it."""
    seen_version = new.version - 1 if over is None else over
    values: dict[str, Scalar] = {
        "new_name": new.name,
        "new_cedar": new.cedar,
        "new_allow_broad": int(new.allow_broad),
        "new_version": new.version,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    if seen_version == 0:
        return Write(_ADD_POLICY, values, lost=PolicyChanged(new.name))
    seen: dict[str, Scalar] = {"old_name": new.name, "old_version": seen_version}
    return Write(_CHANGE_POLICY, values | seen, lost=PolicyChanged(new.name))


def drop_policy(old: StoredPolicy) -> Write:
    """Delete the version of a policy that was seen."""
    seen: dict[str, Scalar] = {"old_name": old.name, "old_version": old.version}
    return Write(_DROP_POLICY, seen, lost=PolicyChanged(old.name))


def role_changed(name: str) -> Change:
    """Tell every node that this role is not what it was."""
    return Change(ROLES_TOPIC, name)


def policy_changed(name: str) -> Change:
    """Tell every node that this policy is not what it was."""
    return Change(POLICIES_TOPIC, name)
