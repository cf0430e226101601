# SPDX-License-Identifier: Apache-2.0
"""A unit of durable work, and the seam that makes it durable.

A room decides what should happen and says so as a `Work`; a `Ledger` makes all of it
happen or none of it.  Records, claims and writes of one work are in one transaction, so
the log can never disagree with the tables.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from smartagent.kernel.errors import SmartAgentError
from smartagent.kernel.record import Record

Scalar = str | int | bytes | None


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Something that can be used once: a nonce, a `jti`.

    `key` is 16 bytes that name it (a truncated hash is enough: a collision refuses, it never
    admits).  After `expires_at` (Unix seconds) the claim may be forgotten, so whoever makes
    one must refuse the thing itself from that instant on.  `lost` is raised when it was
    claimed before.
    """

    key: bytes
    expires_at: int
    lost: SmartAgentError


class Write(msgspec.Struct, frozen=True):
    """One change to a table.

    `statement` is a SQLAlchemy Core insert, update or delete that a room's `store` holds as a
    module constant, with `bindparam`s for every value.  It must touch exactly `rows` rows
    (None: any number); else, and when it breaks a unique constraint, `lost` is raised.
    """

    statement: object
    parameters: Mapping[str, Scalar]
    lost: SmartAgentError
    rows: int | None = 1


class Change(msgspec.Struct, frozen=True, gc=False):
    """Tells every node's memory that `key` of `topic` is not what it was."""

    topic: str
    key: str


class Work(msgspec.Struct, frozen=True):
    """What one request makes durable."""

    records: tuple[Record, ...]
    claims: tuple[Claim, ...] = ()
    writes: tuple[Write, ...] = ()
    changes: tuple[Change, ...] = ()


class Effects(msgspec.Struct, frozen=True):
    """What a refusal brings about: it is committed with the record of the refusal."""

    writes: tuple[Write, ...] = ()
    changes: tuple[Change, ...] = ()


class Consequential(SmartAgentError):
    """A refusal that has consequences, e.g. the end of all that a stolen token gave.  A base of other errors."""

    effects: Effects = Effects()


class Committed(msgspec.Struct, frozen=True, gc=False):
    """Proof that a work is durable.

    `index` is where its first record stands in the log.  `version` is the newest change of
    the store at that instant, over all nodes: a node whose memory has not reached it
    decided on something stale, and must look again before it answers.
    """

    index: int
    version: int


class Ledger(Protocol):
    """Makes works durable.

    Durability: when `commit` returns, the work survives a power failure.
    Atomicity: all of a work or nothing; works are independent of each other.
    Order: records of all nodes stand in one sequence without gaps.
    Cancellation: a cancelled `commit` may still happen.
    Failure: when the store cannot be reached or written, `storage.StoreUnavailable`; the work
    may or may not have happened, and its claims count as used.
    """

    async def commit(self, work: Work) -> Committed:
        """Make `work` durable.

        Raises:
            SmartAgentError: The `lost` of the first claim or write that did not hold.
        """
        ...

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon, without waiting: only for what no answer depends on."""
        ...
