# SPDX-License-Identifier: Apache-2.0
"""The table `rule_versions`, and everything that is said to it.  What stands in it is never changed."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, func, insert, select

from smartagent.kernel import Scalar, Write
from smartagent.policy.errors import PolicyChanged
from smartagent.policy.model import RuleKind
from smartagent.policy.versions.model import Version
from smartagent.storage import Database, metadata

MOST_SHOWN: Final = 500
"""How many versions of one name are read at once, the newest."""

rule_versions: Final = Table(
    "rule_versions",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("text", Text, nullable=False),
    Column("allow_broad", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)

_OF_THE_NAME: Final = (
    rule_versions.c.kind == bindparam("old_kind"),
    rule_versions.c.name == bindparam("old_name"),
)
_NEWEST: Final = (
    select(rule_versions).where(*_OF_THE_NAME).order_by(rule_versions.c.version.desc()).limit(MOST_SHOWN)
)
_ONE: Final = select(rule_versions).where(*_OF_THE_NAME, rule_versions.c.version == bindparam("old_version"))
_LAST: Final = select(func.max(rule_versions.c.version)).where(*_OF_THE_NAME)
_ADD: Final = insert(rule_versions).values(
    {name: bindparam("new_" + name) for name in Version.__struct_fields__}
)


async def read_versions(database: Database, kind: RuleKind, name: str) -> list[Version]:
    """Read the newest versions of a name, the newest first.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_NEWEST, {"old_kind": kind.value, "old_name": name})
    return msgspec.convert(found, list[Version])


async def read_version(database: Database, kind: RuleKind, name: str, version: int) -> Version | None:
    """Read one version.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    asked: dict[str, Scalar] = {"old_kind": kind.value, "old_name": name, "old_version": version}
    found = msgspec.convert(await database.fetch(_ONE, asked), list[Version])
    return found[0] if found else None


async def last_version(database: Database, kind: RuleKind, name: str) -> int:
    """Return the number of the newest version; 0 when the name was never written.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_LAST, {"old_kind": kind.value, "old_name": name})
    return msgspec.convert(rows[0][0], int | None) or 0


def add_version(new: Version) -> Write:
    """Keep a version; lost when another one has its number."""
    values: dict[str, Scalar] = {
        "new_kind": new.kind.value,
        "new_name": new.name,
        "new_version": new.version,
        "new_text": new.text,
        "new_allow_broad": new.allow_broad,
        "new_deleted": new.deleted,
        "new_reason": new.reason,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    return Write(_ADD, values, lost=PolicyChanged(new.name))
