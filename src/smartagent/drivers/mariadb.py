# SPDX-License-Identifier: Apache-2.0
"""A MariaDB that is not ours, as its administrator sees it: users come and go, with what they may do.

MariaDB commits each change of users and grants by itself, so what is cut off in the middle is found again by the
user's name.  A password is sent as its hash, so it cannot stand in the server's log.
"""

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Final, Protocol, TypeVar

import msgspec

from smartagent.drivers.errors import DriverFailed, DriverMissing, DriverUnreachable
from smartagent.kernel import Secret

T = TypeVar("T")

_CONNECT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 8.0
_MOST_CONNECTIONS: Final = 8
_MOST_POOLS: Final = 64
_USER: Final = re.compile(r"[a-z][a-z0-9_]{0,79}")
_PRIVILEGE: Final = re.compile(r"SELECT|INSERT|UPDATE|DELETE")
_CLIENT_ERRORS: Final = range(2000, 3000)
_NOBODY_THERE: Final = frozenset({1040, 1053, 1077, 1152, 1159, 1160, 1161, 1184, 1203, 1927})


class MariaDbTarget(msgspec.Struct, frozen=True):
    """A server, and who administers it.  `tls` is `verify-full`, `require` (any certificate) or `disable`."""

    host: str
    database: str
    user: str
    port: int = 3306
    tls: str = "verify-full"
    ca: str = ""


class MariaDbGrant(msgspec.Struct, frozen=True):
    """What a user may do with one table, or with some of its columns; an empty table means the whole database."""

    database: str
    table: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()


class Cursor(Protocol):
    """A cursor, as `aiomysql` has it."""

    async def execute(self, query: str, args: tuple[object, ...] | None = None) -> int:
        """Run one statement."""
        ...

    async def fetchone(self) -> tuple[object, ...] | None:
        """Return the next row."""
        ...


class Connection(Protocol):
    """A connection, as `aiomysql` has it."""

    def cursor(self) -> AbstractAsyncContextManager[Cursor]:
        """Open a cursor."""
        ...

    def close(self) -> None:
        """Drop the connection."""
        ...


class Pool(Protocol):
    """Connections to one server, as `aiomysql` has them."""

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection."""
        ...

    def terminate(self) -> None:
        """Drop all connections that are lent, and lend no more."""
        ...

    async def wait_closed(self) -> None:
        """Drop the others, too."""
        ...


class MariaDbAdmin:
    """Administers servers, on a few warm connections to each.

    Raises, every verb:
        DriverMissing: The library is not installed.
        DriverFailed: The server said no; `reason` is its error's number.
        DriverUnreachable: It did not answer, or the connection was lost: it may have happened all the same.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[MariaDbTarget, bytes], Pool] = {}
        self._making = asyncio.Lock()

    async def create_user(
        self,
        target: MariaDbTarget,
        password: Secret[bytes],
        name: str,
        new: Secret[str],
        grants: tuple[MariaDbGrant, ...],
        *,
        connection_limit: int,
    ) -> None:
        """Make a user with all that it may do."""
        user = _user(name)

        async def work(cursor: Cursor) -> None:
            await cursor.execute(
                f"CREATE USER {user} IDENTIFIED VIA mysql_native_password USING '{_hash(new)}'"
                f" WITH MAX_USER_CONNECTIONS {int(connection_limit)}"
            )
            for grant in grants:
                columns = (
                    f" ({', '.join(quoted(column) for column in grant.columns)})" if grant.columns else ""
                )
                what = ", ".join(f"{_checked(privilege)}{columns}" for privilege in grant.privileges)
                place = quoted(grant.table) if grant.table else "*"
                await cursor.execute(f"GRANT {what} ON {quoted(grant.database)}.{place} TO {user}")

        await self._run(target, password, work)

    async def drop_user(self, target: MariaDbTarget, password: Secret[bytes], name: str) -> int:
        """End a user: no new connection, then none at all, then the user itself; return how many were cut.

        It is no error when there is no such user.
        """
        user = _user(name)

        async def work(cursor: Cursor) -> int:
            if not await _exists(cursor, name):
                return 0
            await cursor.execute(f"ALTER USER {user} ACCOUNT LOCK")
            await cursor.execute(
                "SELECT count(*) FROM information_schema.processlist WHERE user = %s", (name,)
            )
            row = await cursor.fetchone()
            await cursor.execute(f"DROP USER {user}")
            await cursor.execute(f"KILL HARD USER '{name}'")
            return row[0] if row is not None and isinstance(row[0], int) else 0

        return await self._run(target, password, work)

    async def user_exists(self, target: MariaDbTarget, password: Secret[bytes], name: str) -> bool:
        """Say whether there is such a user."""
        return await self._run(target, password, lambda cursor: _exists(cursor, name))

    async def set_password(
        self, target: MariaDbTarget, password: Secret[bytes], user: str, new: Secret[str]
    ) -> None:
        """Give the target's own user, or another of any host, the password `new`."""
        # Of another user, SET PASSWORD would need UPDATE on the system's tables; this needs CREATE USER.
        statement = (
            f"SET PASSWORD FOR CURRENT_USER() = '{_hash(new)}'"
            if user == target.user
            else f"ALTER USER {_text(user)}@'%' IDENTIFIED VIA mysql_native_password USING '{_hash(new)}'"
        )

        async def work(cursor: Cursor) -> None:
            await cursor.execute(statement)

        await self._run(target, password, work)

    async def check_login(self, target: MariaDbTarget, password: Secret[str]) -> None:
        """Say nothing when the target's user gets in with `password`, on a connection of its own."""
        library = _library()
        connection: Connection = await _guarded(
            library.connect(**_arguments(target), password=password.reveal())
        )
        connection.close()

    async def close(self) -> None:
        """Let go of all connections."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await _dropped(pool)

    async def _run(
        self, target: MariaDbTarget, password: Secret[bytes], work: Callable[[Cursor], Awaitable[T]]
    ) -> T:
        async def worked() -> T:
            pool = await self._pool(target, password)
            async with asyncio.timeout(_STATEMENT_SECONDS), pool.acquire() as connection:
                try:
                    async with connection.cursor() as cursor:
                        return await work(cursor)
                except BaseException:
                    # A connection that was left in the middle of something is not used again.
                    connection.close()
                    raise

        return await _guarded(worked())

    async def _pool(self, target: MariaDbTarget, password: Secret[bytes]) -> Pool:
        key = (target, password.reveal())
        async with self._making:
            pool = self._pools.get(key)
            if pool is None:
                for old in [
                    each for each in self._pools if each[0] == target or len(self._pools) >= _MOST_POOLS
                ]:
                    await _dropped(self._pools.pop(old))
                pool = await _library().create_pool(
                    **_arguments(target),
                    password=password.reveal().decode(),
                    minsize=0,
                    maxsize=_MOST_CONNECTIONS,
                    autocommit=True,
                    pool_recycle=60,
                )
                self._pools[key] = pool
        return pool


class _Library(Protocol):
    def connect(self, **arguments: object) -> Awaitable[Connection]:
        """Connect."""
        ...

    def create_pool(self, **arguments: object) -> Awaitable[Pool]:
        """Make a pool."""
        ...


def quoted(name: str) -> str:
    """Write `name` as an identifier.

    Raises:
        DriverFailed: It has a NUL, is empty, or has no form in UTF-8 of at most 64 characters.
    """
    if not name or "\x00" in name or len(name) > 64 or any(0xD800 <= ord(char) < 0xE000 for char in name):  # noqa: PLR2004 -- MariaDB's bounds
        raise DriverFailed("malformed-name")
    return "`" + name.replace("`", "``") + "`"


def _text(text: str) -> str:
    """Write `text` as a string literal, whatever the server's mode says of backslashes."""
    return f"_utf8mb4 x'{text.encode().hex()}'" if not _USER.fullmatch(text) else f"'{text}'"


async def _exists(cursor: Cursor, name: str) -> bool:
    await cursor.execute("SELECT count(*) FROM mysql.global_priv WHERE user = %s", (name,))
    row = await cursor.fetchone()
    return row is not None and row[0] != 0


def _user(name: str) -> str:
    if _USER.fullmatch(name) is None:
        raise DriverFailed("malformed-name")
    return f"'{name}'@'%'"


def _checked(privilege: str) -> str:
    if _PRIVILEGE.fullmatch(privilege) is None:
        raise DriverFailed("malformed-privilege")
    return privilege


def _hash(password: Secret[str]) -> str:
    # What the server keeps of a password of this method: SHA-1, twice.  It is random and long, so that is enough.
    once = hashlib.sha1(password.reveal().encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def _library() -> _Library:
    try:
        library: _Library = import_module("aiomysql")
    except ModuleNotFoundError:
        raise DriverMissing("install smartagent[mariadb]") from None
    return library


async def _dropped(pool: Pool) -> None:
    pool.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STATEMENT_SECONDS):
            await pool.wait_closed()


async def _guarded(doing: Awaitable[T]) -> T:
    try:
        return await doing
    except TimeoutError:
        raise DriverUnreachable("timeout") from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise DriverUnreachable(type(error).__name__) from None
    except UnicodeError:
        raise DriverFailed("not-text") from None
    except Exception as error:
        if type(error).__module__ != "pymysql.err":
            raise
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if number in _CLIENT_ERRORS or number in _NOBODY_THERE or number == 0:
            raise DriverUnreachable(str(number)) from None
        raise DriverFailed(str(number)) from None


def _arguments(target: MariaDbTarget) -> dict[str, object]:
    return {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "db": target.database,
        "connect_timeout": _CONNECT_SECONDS,
        "charset": "utf8mb4",
        "ssl": _tls(target),
    }


def _tls(target: MariaDbTarget) -> ssl.SSLContext | None:
    if target.tls == "disable":
        return None
    context = ssl.create_default_context(cadata=target.ca or None)
    if target.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
