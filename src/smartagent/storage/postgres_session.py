# SPDX-License-Identifier: Apache-2.0
"""A log job's transaction on PostgreSQL."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from smartagent.kernel import Scalar
from smartagent.storage.leaves import cut_leaves
from smartagent.storage.log import NO_PARAMETERS, Row

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

_NAME: Final = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")
_SIZE: Final = "SELECT next FROM head WHERE id = 1"
_SEGMENTS: Final = """
    SELECT first, count, entries FROM log_segment
    WHERE first >= (SELECT max(first) FROM log_segment WHERE first <= :first) AND first < :end
    ORDER BY first
"""


class PostgresSession:
    """A `LogSession` on one connection."""

    def __init__(self, connection: "PoolConnectionProxy[asyncpg.Record]") -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a query."""
        text, names = numbered(sql)
        return [
            tuple(row) for row in await self._connection.fetch(text, *[parameters[name] for name in names])
        ]

    async def execute(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> int:
        """Change something, and return how many rows that touched."""
        text, names = numbered(sql)
        return touched(await self._connection.execute(text, *[parameters[name] for name in names]))

    async def execute_many(self, sql: str, parameters: Sequence[Mapping[str, Scalar]]) -> None:
        """Run one statement for each element of `parameters`."""
        text, names = numbered(sql)
        await self._connection.executemany(text, [[row[name] for name in names] for row in parameters])

    async def size(self) -> int:
        """Return how many records the log holds."""
        return int(await self._connection.fetchval(_SIZE))

    async def leaves(self, first: int, count: int) -> list[bytes]:
        """Return the leaves from `first` on, at most `count`."""
        return cut_leaves(await self.fetch(_SEGMENTS, {"first": first, "end": first + count}), first, count)


@lru_cache(maxsize=512)
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return `sql` with `$1`, `$2`, ... for its `:name`s, and the names in that order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _NAME.sub(number, sql), tuple(names)


def touched(status: str) -> int:
    """Return the number of rows from a command's status, "UPDATE 1"."""
    return int(status.rpartition(" ")[2])
