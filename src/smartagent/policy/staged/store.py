# SPDX-License-Identifier: Apache-2.0
"""The tables `staged_rules` and `staged_shifts`, and everything that is said to them."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Integer, Table, Text, bindparam, delete, insert, select, update

from smartagent.kernel import Change, Scalar, Write
from smartagent.policy.errors import PolicyChanged
from smartagent.policy.staged.model import Staged
from smartagent.policy.staged.shifts import Shift
from smartagent.storage import Database, metadata, new_values

STAGED_TOPIC: Final = "staged-rules"

staged_rules: Final = Table(
    "staged_rules",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("text", Text, nullable=False),
    Column("allow_broad", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
)
staged_shifts: Final = Table(
    "staged_shifts",
    metadata,
    *(Column(name, Text, primary_key=True) for name in Shift._fields),
    Column("calls", BigInteger, nullable=False),
)

_NAMED: Final = (staged_rules.c.kind == bindparam("old_kind"), staged_rules.c.name == bindparam("old_name"))
_SEEN: Final = (*_NAMED, staged_rules.c.revision == bindparam("old_revision"))
_ALL: Final = select(staged_rules).order_by(staged_rules.c.kind, staged_rules.c.name)
_ONE: Final = select(staged_rules).where(*_NAMED)
_ADD: Final = insert(staged_rules).values(new_values(*Staged.__struct_fields__))
_CHANGE: Final = update(staged_rules).where(*_SEEN).values(new_values(*Staged.__struct_fields__))
_DROP: Final = delete(staged_rules).where(*_SEEN)
_OF_RULE: Final = staged_shifts.c.rule == bindparam("old_rule")
_SHIFTS: Final = select(staged_shifts).where(_OF_RULE, staged_shifts.c.digest == bindparam("old_digest"))
_FORGET: Final = delete(staged_shifts).where(_OF_RULE)
_FIRST: Final = insert(staged_shifts).values(new_values(*Shift._fields, "calls"))
_MORE: Final = (
    update(staged_shifts)
    .where(*(staged_shifts.c[name] == bindparam("new_" + name) for name in Shift._fields))
    .values(calls=staged_shifts.c.calls + bindparam("new_calls", type_=BigInteger()))
)


async def read_staged(database: Database, kind: str = "", name: str = "") -> list[Staged]:
    """Read what is staged under a name, or everything.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = (
        await database.fetch(_ONE, {"old_kind": kind, "old_name": name})
        if name
        else await database.fetch(_ALL)
    )
    return msgspec.convert(found, list[Staged])


def put_staged(new: Staged) -> Write:
    """Write what is staged over the revision before it; revision 1 is the first."""
    values: dict[str, Scalar] = {
        "new_kind": new.kind.value,
        "new_name": new.name,
        "new_text": new.text,
        "new_allow_broad": new.allow_broad,
        "new_stage": new.stage.value,
        "new_percent": new.percent,
        "new_base": new.base,
        "new_revision": new.revision,
        "new_reason": new.reason,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
    }
    if new.revision == 1:
        return Write(_ADD, values, lost=PolicyChanged(new.name))
    return Write(_CHANGE, values | _seen(new, new.revision - 1), lost=PolicyChanged(new.name))


def drop_staged(old: Staged) -> tuple[Write, ...]:
    """Delete the revision that was seen, and what was counted of it."""
    drop = Write(_DROP, _seen(old, old.revision), lost=PolicyChanged(old.name))
    return drop, forget_shifts(old)


def staged_changed(staged: Staged) -> Change:
    """Tell every node that what is staged under a name is not what it was."""
    return Change(STAGED_TOPIC, staged.label)


async def read_shifts(database: Database, rule: str, digest: str) -> dict[Shift, int]:
    """Read what a staged text would have decided otherwise, and how often.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_SHIFTS, {"old_rule": rule, "old_digest": digest})
    rows = msgspec.convert(found, list[tuple[str, str, str, str, str, str, str, str, int]])
    return {Shift(*row[:-1]): row[-1] for row in rows}


def add_shift(shift: Shift, calls: int, *, known: bool) -> Write:
    """Count more decisions; lost when another node wrote the first of them meanwhile."""
    values: dict[str, Scalar] = {
        **{f"new_{name}": value for name, value in zip(shift._fields, shift, strict=True)},
        "new_calls": calls,
    }
    return Write(_MORE if known else _FIRST, values, lost=PolicyChanged(shift.rule))


def forget_shifts(staged: Staged) -> Write:
    """Delete what was counted under a name."""
    return Write(_FORGET, {"old_rule": staged.label}, lost=PolicyChanged(staged.name), rows=None)


def _seen(staged: Staged, revision: int) -> dict[str, Scalar]:
    return {"old_kind": staged.kind.value, "old_name": staged.name, "old_revision": revision}
