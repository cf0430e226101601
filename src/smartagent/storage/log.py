# SPDX-License-Identifier: Apache-2.0
"""What the audit log's sequencer stands on: the same few calls on SQLite and on PostgreSQL.

The ledger appends records as segments, in one sequence without gaps.  A `LogJob` works
behind it: it reads leaves, and keeps tables of its own (tiles, checkpoints, an index) in
step with them.  On SQLite the writer process runs it between two batches, on the writer's
connection; on PostgreSQL whichever node holds the lease runs it.  At any instant at most one
transaction of a job is open on a store, wherever it runs.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from smartagent.kernel import Scalar

Row = tuple[Scalar, ...]

NO_PARAMETERS: Final[Mapping[str, Scalar]] = MappingProxyType({})


class LogSession(Protocol):
    """One open transaction.

    Statements are plain SQL that both dialects understand, with `:name` parameters (no colon
    in a literal, no `::` cast); they are prepared once per text, so keep them as module
    constants.  Binary values are `bytes`, numbers are 64 bits wide.
    """

    async def fetch(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> list[Row]:
        """Return all the rows of a query."""
        ...

    async def execute(self, sql: str, parameters: Mapping[str, Scalar] = NO_PARAMETERS) -> int:
        """Change something, and return how many rows that touched."""
        ...

    async def execute_many(self, sql: str, parameters: Sequence[Mapping[str, Scalar]]) -> None:
        """Run one statement for each element of `parameters`."""
        ...

    async def size(self) -> int:
        """Return how many records the log holds; all with a lower index can be read."""
        ...

    async def leaves(self, first: int, count: int) -> list[bytes]:
        """Return the leaves `first`, `first + 1`, ...: `count` of them, or as many as there are."""
        ...


class LogJob(Protocol):
    """Something that follows the log."""

    async def step(self, session: LogSession) -> bool:
        """Do a piece of work, and say whether there is more of it at hand.

        The transaction is committed when this returns and rolled back when it raises (the
        step is then tried again, a second later).  It must wait for nothing but `session`,
        and be short, a few milliseconds: on SQLite no request is answered meanwhile.  What
        has to be durable before something else happens (a checkpoint's size and root, before
        they are signed) is left to one step, and the rest to the next.
        """
        ...
