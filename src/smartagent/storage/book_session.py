# SPDX-License-Identifier: Apache-2.0
"""Runs a log job's step on the writer's connection, between two batches."""

import sqlite3
from collections.abc import Coroutine, Mapping, Sequence
from typing import Final

from smartagent.kernel import Scalar
from smartagent.storage.log import NO_PARAMETERS, LogJob, Row
from smartagent.storage.wire import split_entries

_SIZE: Final = 'SELECT "next" FROM head WHERE id = 1'
_SEGMENTS: Final = """
    SELECT first, entries FROM log_segment
    WHERE first >= (SELECT max(first) FROM log_segment WHERE first <= :first) AND first < :end
    ORDER BY first
"""


class BookSession:
    """A `LogSession` whose calls never wait: the connection is this thread's own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a query."""
        return self._connection.execute(sql, dict(parameters)).fetchall()

    async def execute(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> int:
        """Change something, and return how many rows that touched."""
        return self._connection.execute(sql, dict(parameters)).rowcount

    async def execute_many(self, sql: str, parameters: Sequence[Mapping[str, Scalar]]) -> None:
        """Run one statement for each element of `parameters`."""
        self._connection.executemany(sql, parameters)

    async def size(self) -> int:
        """Return how many records the log holds."""
        (size,) = self._connection.execute(_SIZE).fetchone()
        return int(size)

    async def leaves(self, first: int, count: int) -> list[bytes]:
        """Return the leaves from `first` on, at most `count`."""
        leaves: list[bytes] = []
        start = first
        for segment_first, entries in self._connection.execute(
            _SEGMENTS, {"first": first, "end": first + count}
        ):
            if not leaves:
                start = segment_first
            leaves += split_entries(entries)
        return leaves[first - start : first - start + count]


def step(connection: sqlite3.Connection, job: LogJob) -> bool:
    """Run one step of `job` in a transaction of its own.

    Raises:
        Exception: Whatever the step raised; nothing of it happened.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        more = _finish(job.step(BookSession(connection)))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return more


def _finish(coroutine: Coroutine[object, None, bool]) -> bool:
    """Run a coroutine that waits for nothing, so that no batch gets into its transaction."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return bool(done.value)
    coroutine.close()
    message = "a step may wait for nothing but its session"
    raise RuntimeError(message)
