# SPDX-License-Identifier: Apache-2.0
"""Reading the log's records back, by their index."""

from typing import Final

import msgspec
from sqlalchemy import bindparam, func, select

from smartagent.storage.database import Database
from smartagent.storage.log import Row
from smartagent.storage.schema import head, log_segment
from smartagent.storage.wire import split_entries

_FIRST: Final = log_segment.c.first
_SEGMENTS: Final = (
    select(_FIRST, log_segment.c.count, log_segment.c.entries)
    .where(
        select(func.max(_FIRST)).where(bindparam("first") >= _FIRST).scalar_subquery() <= _FIRST,
        bindparam("end") > _FIRST,
    )
    .order_by(_FIRST)
)
_SIZE: Final = select(head.c.next)


class Segment(msgspec.Struct, array_like=True, gc=False):
    """A row of `log_segment`, without its claims."""

    first: int
    count: int
    entries: bytes


async def read_size(database: Database) -> int:
    """Return how many records the log holds."""
    rows = await database.fetch(_SIZE)
    return msgspec.convert(rows[0][0], int) if rows else 0


async def read_leaves(database: Database, first: int, count: int) -> list[bytes]:
    """Return the leaves `first`, `first + 1`, ...: `count` of them, or as many as there are."""
    rows = await database.fetch(_SEGMENTS, {"first": first, "end": first + count})
    return cut_leaves(rows, first, count)


def cut_leaves(rows: list[Row], first: int, count: int) -> list[bytes]:
    """Return the wanted leaves of neighbouring segments, the first of which holds `first`."""
    leaves: list[bytes] = []
    start = first
    for row in rows:
        segment = msgspec.convert(row, Segment)
        if not leaves:
            start = segment.first
        leaves += split_entries(segment.entries)
    return leaves[first - start : first - start + count] if leaves else []
