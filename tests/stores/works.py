# SPDX-License-Identifier: Apache-2.0
"""Works for tests to commit."""

from typing import ClassVar

import sqlalchemy as sa

from smartagent.kernel import Change, Claim, Kind, Record, SmartAgentError, Work, Write
from smartagent.storage.schema import lease


class Taken(SmartAgentError):
    """What a test's claim or write raises when it is lost."""

    code: ClassVar[str] = "taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "Taken."


FAR = 4_000_000_000

INSERT = sa.insert(lease)
RENAME = sa.update(lease).where(lease.c.name == sa.bindparam("old")).values(holder=sa.bindparam("holder"))
ALL = sa.select(lease.c.name, lease.c.holder).order_by(lease.c.name)
BROKEN = sa.insert(sa.table("nowhere", sa.column("name", sa.Text)))


def record(name: str) -> Record:
    return Record(event="tested", at_ms=1, request=name)


def plain(name: str, *claims: Claim) -> Work:
    return Work((record(name),), claims=claims)


def claim(number: int, expires_at: int = FAR) -> Claim:
    return Claim(number.to_bytes(16), expires_at, Taken(f"claim {number}"))


def insertion(name: str, holder: str = "") -> Write:
    return Write(INSERT, {"name": name, "holder": holder, "until": 1}, Taken(f"write {name}"))


def holding(name: str, holder: str) -> Write:
    return Write(RENAME, {"old": name, "holder": holder}, Taken(f"rename {name}"))


def writing(name: str, *writes: Write, claims: tuple[Claim, ...] = ()) -> Work:
    return Work((record(name),), claims, writes)


def changing(*keys: str, topic: str = "things") -> Work:
    return Work((record("change"),), changes=tuple(Change(topic, key) for key in keys))
