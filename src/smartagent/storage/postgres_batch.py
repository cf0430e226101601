# SPDX-License-Identifier: Apache-2.0
"""One batch of works as one PostgreSQL transaction.

    1. claims    all at once; what another work has is not returned, and refuses only its own work
    2. writes    with the head row locked, each work's in a savepoint
    3. seal      the head row counts on, and gives the indexes; segment, changes

The head row is locked to the end of the transaction, so the order of the log, of the changes
and of the commits is one order, over all nodes.  Claims are taken in the order of their keys and
before the head: two nodes cannot wait for each other.
"""

from typing import TYPE_CHECKING, Final

import asyncpg

from smartagent.kernel import Claim, Committed, Scalar, Work, Write
from smartagent.storage import wire
from smartagent.storage.postgres_session import touched
from smartagent.storage.statement import Compiled, Compiler

if TYPE_CHECKING:
    import asyncio

    from asyncpg.pool import PoolConnectionProxy

CHANNEL: Final = "smartagent_change"

_TAKE: Final = """
    INSERT INTO claim (key, expires_at) SELECT * FROM unnest($1::bytea[], $2::bigint[])
    ON CONFLICT DO NOTHING RETURNING key
"""
_GIVE_BACK: Final = "DELETE FROM claim WHERE key = ANY($1::bytea[])"
_LOCK: Final = "SELECT next FROM head WHERE id = 1 FOR UPDATE"
_SEAL: Final = """
    WITH counted AS (
        UPDATE head SET next = next + $1::bigint, version = version + cardinality($4::text[]) WHERE id = 1
        RETURNING next - $1::bigint AS first, version
    ), segment AS (
        INSERT INTO log_segment (first, count, entries, claims, claims_until, at)
        SELECT first, $1::bigint, $2::bytea, ''::bytea, 0, $3::bigint FROM counted WHERE $1::bigint > 0
    ), changed AS (
        INSERT INTO change (version, topic, key, at)
        SELECT version - cardinality($4::text[]) + place, topic, key, $3::bigint
        FROM counted, unnest($4::text[], $5::text[]) WITH ORDINALITY AS new (topic, key, place)
    )
    SELECT first, version FROM counted
"""
_NOTIFY: Final = "SELECT pg_notify($1, '')"


class Item:
    """A work on its way, and who waits for it."""

    __slots__ = ("entries", "outcome", "waiter", "work", "writes")

    def __init__(self, work: Work, compiled: Compiler, waiter: "asyncio.Future[Committed] | None") -> None:
        wire.claims(work)  # refuses what no store could keep
        for change in work.changes:
            wire.storable(change)
        self.work = work
        self.entries = wire.entries(work)
        self.writes = [_ready(write, compiled(write.statement)) for write in work.writes]
        self.waiter = waiter
        self.outcome: Committed | Exception | None = None


def _ready(write: Write, compiled: Compiled) -> tuple[Write, str, tuple[Scalar, ...]]:
    return write, compiled.sql, compiled.values(write.parameters)


def without_rivals(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """Return the works of one batch, and those that have to wait for the outcome of one of them.

    Two works that claim the same must not meet in a batch: whether the second may have it
    depends on whether the first happens.
    """
    keys: set[bytes] = set()
    batch, later = [], []
    for item in items:
        own = [claim.key for claim in item.work.claims]
        if keys.isdisjoint(own):
            keys.update(own)
            batch.append(item)
        else:
            later.append(item)
    return batch, later


async def commit(connection: "PoolConnectionProxy[asyncpg.Record]", items: list[Item], now: int) -> None:
    """Commit `items`, and set the outcome of each.

    Raises:
        asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError: Nothing is known of any.
    """
    async with connection.transaction():
        taken = await _take_claims(connection, items)
        if any(item.writes for item in items):
            await connection.execute(_LOCK)
            for item in items:
                if item.outcome is None and item.writes:
                    item.outcome = await _write(connection, item)
        await _give_back(connection, items, taken)
        accepted = [item for item in items if item.outcome is None]
        if accepted:
            await _seal(connection, accepted, now)


async def _take_claims(connection: "PoolConnectionProxy[asyncpg.Record]", items: list[Item]) -> set[bytes]:
    """Claim what `items` claim, and return the keys that were free."""
    wanted: dict[bytes, Claim] = {claim.key: claim for item in items for claim in item.work.claims}
    if not wanted:
        return set()
    keys = sorted(wanted)
    rows = await connection.fetch(_TAKE, keys, [wanted[key].expires_at for key in keys])
    taken: set[bytes] = {row[0] for row in rows}
    for item in items:
        free = taken.copy() if len(item.work.claims) > 1 else taken
        for claim in item.work.claims:
            if claim.key not in free:
                item.outcome = claim.lost
                break
            if free is not taken:
                free.discard(claim.key)  # a work that claims one thing twice loses it
    return taken


async def _write(connection: "PoolConnectionProxy[asyncpg.Record]", item: Item) -> Exception | None:
    savepoint = connection.transaction()
    await savepoint.start()
    for write, sql, values in item.writes:
        error = await _write_one(connection, write, sql, values)
        if error is not None:
            await savepoint.rollback()
            return error
    await savepoint.commit()
    return None


async def _write_one(
    connection: "PoolConnectionProxy[asyncpg.Record]", write: Write, sql: str, values: tuple[Scalar, ...]
) -> Exception | None:
    try:
        status = await connection.execute(sql, *values)
    except (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError):
        return write.lost
    except (
        asyncpg.IntegrityConstraintViolationError,
        asyncpg.SyntaxOrAccessError,
        asyncpg.DataError,
        ValueError,
    ) as error:
        broken = RuntimeError(f"the database does not understand a write: {error}")
        broken.__cause__ = error
        return broken
    return None if write.rows is None or touched(status) == write.rows else write.lost


async def _give_back(
    connection: "PoolConnectionProxy[asyncpg.Record]", items: list[Item], taken: set[bytes]
) -> None:
    """Release what refused works had taken; no two works of a batch claim the same."""
    refused = {claim.key for item in items if item.outcome is not None for claim in item.work.claims}
    if refused & taken:
        await connection.execute(_GIVE_BACK, list(refused & taken))


async def _seal(connection: "PoolConnectionProxy[asyncpg.Record]", accepted: list[Item], now: int) -> None:
    count = sum(len(item.work.records) for item in accepted)
    entries = b"".join([item.entries for item in accepted])
    changes = [change for item in accepted for change in item.work.changes]
    row = await connection.fetchrow(
        _SEAL, count, entries, now, [change.topic for change in changes], [change.key for change in changes]
    )
    if row is None:
        message = "the store has no head row"
        raise asyncpg.InternalClientError(message)
    if changes:
        await connection.execute(_NOTIFY, CHANNEL)
    index, version = row
    for item in accepted:
        item.outcome = Committed(index, version)
        index += len(item.work.records)
