# SPDX-License-Identifier: Apache-2.0
"""Leases: what only one node may do, done by whoever holds the row.

    free --acquire--> held --acquire (again, in time)--> held ...
                       |--release, or its time passes--> free

The database's clock decides, so the nodes' own need not agree.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

_ACQUIRE: Final = """
    INSERT INTO lease AS held (name, holder, until)
    VALUES ($1, $2, extract(epoch FROM clock_timestamp())::bigint + $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE held.holder = excluded.holder OR held.until < extract(epoch FROM clock_timestamp())::bigint
    RETURNING name
"""
_RELEASE: Final = "DELETE FROM lease WHERE name = $1 AND holder = $2"


class Lease:
    """One node's claim to the lease `name`, for `ttl_seconds` at a time."""

    def __init__(
        self, pool: "asyncpg.Pool[asyncpg.Record]", name: str, holder: str, *, ttl_seconds: int = 5
    ) -> None:
        self._pool = pool
        self._name = name
        self._holder = holder
        self._ttl_seconds = ttl_seconds

    async def acquire(self) -> bool:
        """Take the lease, or keep it; say whether it is held now."""
        async with self._pool.acquire() as connection:
            return await self.hold(connection)

    async def hold(self, connection: "PoolConnectionProxy[asyncpg.Record]") -> bool:
        """Like `acquire`, inside a transaction: nobody else can take the lease before that ends.

        So what the transaction does, it does alone, even when it takes longer than the lease.
        """
        return await connection.fetchval(_ACQUIRE, self._name, self._holder, self._ttl_seconds) is not None

    async def release(self) -> None:
        """Let somebody else have it at once."""
        await self._pool.execute(_RELEASE, self._name, self._holder)
