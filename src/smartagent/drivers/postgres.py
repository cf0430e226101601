# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL that is not ours, as its administrator sees it: roles come and go, with what they may do.

Names are quoted by the server itself (`quote_ident`) and never by us; what we put into a statement is of our own
making and checked for its form.  Each change is one transaction.  A password is sent as its SCRAM verifier, so it
cannot stand in the server's log.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import msgspec

from smartagent.drivers.errors import DriverFailed, DriverUnreachable
from smartagent.drivers.scram import scram_verifier
from smartagent.kernel import Entropy, Secret

T = TypeVar("T")

MOST_CONNECTIONS: Final = 8
_CONNECT_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 8.0
_IDLE_SECONDS: Final = 60.0
_MOST_POOLS: Final = 64
_TERMINATE_MS: Final = 5000
# Any number: it is ours on every server.  Grants on one table by two at once fail in PostgreSQL.
_LOCK: Final = 0x5A_6E_74_01
_ROLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")
_LABEL: Final = re.compile(r"[A-Za-z0-9_.:-]{1,63}")
_NOBODY_THERE: Final = ("08", "53", "57", "58")
_SEPARATE_SET_AND_INHERIT: Final = 160_000


class Version(Protocol):
    """What a server says it is."""

    major: int


class Session(Protocol):
    """A connection, as `asyncpg` has it."""

    async def execute(self, query: str) -> object:
        """Run statements, all in one transaction."""
        ...

    async def fetchval(self, query: str, *args: object) -> object:
        """Run one statement, and return the first value of its first row."""
        ...

    def get_server_version(self) -> Version:
        """Return the server's version."""
        ...

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 -- the library's own shape
        """Say goodbye."""
        ...


class Pool(Protocol):
    """Connections to one database, as `asyncpg` has them."""

    def acquire(self) -> AbstractAsyncContextManager[Session]:
        """Lend a connection."""
        ...

    def terminate(self) -> None:
        """Drop all connections at once."""
        ...


class PostgresTarget(msgspec.Struct, frozen=True):
    """A database, and who administers it.

    `tls` is `verify-full`, `require` (any certificate) or `disable`; `ca` the PEM of whom to believe instead of the
    system's.  A `host` that begins with a slash is the directory of a Unix socket.
    """

    host: str
    database: str
    user: str
    port: int = 5432
    tls: str = "verify-full"
    ca: str = ""


class TableGrant(msgspec.Struct, frozen=True):
    """What a role may do with one table, or with some of its columns; with one sequence, when `kind` says so."""

    schema: str
    name: str
    privileges: tuple[str, ...]
    columns: tuple[str, ...] = ()
    kind: str = "TABLE"


class NewRole(msgspec.Struct, frozen=True):
    """A role to make.  `name` has a-z, 0-9 and _; `label` is what its connections are called; `until` is Unix seconds."""

    name: str
    password: Secret[str]
    label: str
    until: int
    connection_limit: int
    grants: tuple[TableGrant, ...]
    member_of: tuple[str, ...] = ()


class PostgresAdmin:
    """Administers databases, on a few warm connections to each.

    Raises, every verb:
        DriverFailed: The server said no; `reason` is its SQLSTATE.
        DriverUnreachable: It did not answer, or the connection was lost: it may have happened all the same.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._pools: dict[tuple[PostgresTarget, bytes], Pool] = {}
        self._quoted: dict[tuple[PostgresTarget, tuple[str, ...]], tuple[str, ...]] = {}
        self._making = asyncio.Lock()

    async def create_role(self, target: PostgresTarget, password: Secret[bytes], role: NewRole) -> None:
        """Make a role with all that it may do, or nothing."""
        name = _checked(_ROLE, role.name)
        verifier = _checked(_VERIFIER, scram_verifier(role.password, self._entropy))
        label = _checked(_LABEL, role.label)

        async def work(connection: Session) -> None:
            script = [
                f"SELECT pg_advisory_xact_lock({_LOCK})",
                (
                    f"CREATE ROLE {name} LOGIN PASSWORD '{verifier}' CONNECTION LIMIT {int(role.connection_limit)}"
                    f" VALID UNTIL '{_instant(role.until)}'"
                ),
                f"ALTER ROLE {name} SET application_name = '{label}'",
                # So that we may end its connections and take back what it was granted.
                f"GRANT {name} TO CURRENT_USER{_with_inherit(connection)}",
                *await self._grants(connection, target, role),
            ]
            await connection.execute("; ".join(script))

        await self._run(target, password, work)

    async def prolong_role(
        self, target: PostgresTarget, password: Secret[bytes], name: str, until: int
    ) -> None:
        """Let a role log in until `until` (Unix seconds)."""
        statement = f"ALTER ROLE {_checked(_ROLE, name)} VALID UNTIL '{_instant(until)}'"
        await self._run(target, password, lambda connection: connection.execute(statement))

    async def drop_role(self, target: PostgresTarget, password: Secret[bytes], name: str) -> int:
        """End a role: no new connection, then none at all, then the role itself; return how many were cut.

        What it owns becomes the administrator's.  It is no error when there is no such role.
        """
        role = _checked(_ROLE, name)

        async def work(connection: Session) -> int:
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                return 0
            await connection.execute(
                f"ALTER ROLE {role} NOLOGIN; GRANT {role} TO CURRENT_USER{_with_inherit(connection)}"
            )
            cut = await connection.fetchval(_TERMINATE, role, _TERMINATE_MS)
            await connection.execute(
                f"SELECT pg_advisory_xact_lock({_LOCK}); REASSIGN OWNED BY {role} TO CURRENT_USER;"
                f" DROP OWNED BY {role}; DROP ROLE {role}"
            )
            return cut if isinstance(cut, int) else 0

        return await self._run(target, password, work)

    async def set_password(
        self, target: PostgresTarget, password: Secret[bytes], user: str, new: Secret[str]
    ) -> None:
        """Give `user`, whatever its name, the password `new`."""
        verifier = _checked(_VERIFIER, scram_verifier(new, self._entropy))

        async def work(connection: Session) -> None:
            quoted = await connection.fetchval("SELECT quote_ident($1)", user)
            await connection.execute(f"ALTER ROLE {quoted} PASSWORD '{verifier}'")

        await self._run(target, password, work)

    async def check_login(self, target: PostgresTarget, password: Secret[str]) -> None:
        """Say nothing when the target's user gets in with `password`, on a connection of its own."""
        connection = await self._guarded(self._connect(target, password))
        await connection.close(timeout=_CONNECT_SECONDS)

    @asynccontextmanager
    async def held_login(
        self, target: PostgresTarget, password: Secret[str]
    ) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
        """Keep a connection of the target's user open, and give what says whether it still works."""
        connection = await self._guarded(self._connect(target, password))

        async def works() -> bool:
            try:
                return await self._guarded(connection.fetchval("SELECT 1")) == 1
            except (DriverFailed, DriverUnreachable):
                return False

        try:
            yield works
        finally:
            await connection.close(timeout=1)

    async def may_create_roles(self, target: PostgresTarget, password: Secret[bytes]) -> bool:
        """Say whether the target's user may make roles."""
        found = await self._run(target, password, lambda connection: connection.fetchval(_MAY_CREATE))
        return bool(found)

    async def close(self) -> None:
        """Let go of all connections."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.terminate()

    async def _grants(self, connection: Session, target: PostgresTarget, role: NewRole) -> list[str]:
        names = [
            *(grant.schema for grant in role.grants),
            *(grant.name for grant in role.grants),
            *(column for grant in role.grants for column in grant.columns),
            *role.member_of,
        ]
        quoted = await self._quote(connection, target, names)
        script = [
            f"GRANT USAGE ON SCHEMA {schema} TO {role.name}"
            for schema in dict.fromkeys(quoted[grant.schema] for grant in role.grants)
        ]
        for grant in role.grants:
            columns = f" ({', '.join(quoted[column] for column in grant.columns)})" if grant.columns else ""
            what = ", ".join(f"{_checked(_PRIVILEGE, privilege)}{columns}" for privilege in grant.privileges)
            kind = _checked(_KIND, grant.kind)
            script.append(
                f"GRANT {what} ON {kind} {quoted[grant.schema]}.{quoted[grant.name]} TO {role.name}"
            )
        script += [f"GRANT {quoted[group]} TO {role.name}" for group in role.member_of]
        return script

    async def _quote(
        self, connection: Session, target: PostgresTarget, names: Sequence[str]
    ) -> dict[str, str]:
        wanted = tuple(dict.fromkeys(names))
        if any("\x00" in name for name in wanted):
            raise DriverFailed("22021")
        known = self._quoted.get((target, wanted))
        if known is None:
            found = await connection.fetchval(_QUOTE, list(wanted)) if wanted else []
            known = tuple(map(str, found)) if isinstance(found, list) else ()
            if len(self._quoted) >= _MOST_POOLS:
                self._quoted.clear()
            self._quoted[target, wanted] = known
        return dict(zip(wanted, known, strict=True))

    async def _run(
        self,
        target: PostgresTarget,
        password: Secret[bytes],
        work: Callable[[Session], Awaitable[T]],
    ) -> T:
        async def worked() -> T:
            pool = await self._pool(target, password)
            async with pool.acquire() as connection:
                return await work(connection)

        return await self._guarded(worked())

    async def _pool(self, target: PostgresTarget, password: Secret[bytes]) -> Pool:
        import asyncpg  # noqa: PLC0415 -- loaded when a database is spoken to

        key = (target, password.reveal())
        async with self._making:
            pool = self._pools.get(key)
            if pool is None:
                # The password may have been rotated: connections with the old one are not needed any more.
                for old in [
                    each for each in self._pools if each[0] == target or len(self._pools) >= _MOST_POOLS
                ]:
                    self._pools.pop(old).terminate()
                pool = await asyncpg.create_pool(
                    **_arguments(target),
                    password=password.reveal().decode(),
                    min_size=0,
                    max_size=MOST_CONNECTIONS,
                    max_inactive_connection_lifetime=_IDLE_SECONDS,
                )
                self._pools[key] = pool
        return pool

    async def _connect(self, target: PostgresTarget, password: Secret[str]) -> Session:
        import asyncpg  # noqa: PLC0415 -- loaded when a database is spoken to

        connection: Session = await asyncpg.connect(**_arguments(target), password=password.reveal())
        return connection

    async def _guarded(self, doing: Awaitable[T]) -> T:
        import asyncpg  # noqa: PLC0415 -- loaded when a database is spoken to

        try:
            return await doing
        except asyncpg.PostgresError as error:
            state = str(error.sqlstate or "XX000")
            if state.startswith(_NOBODY_THERE):
                raise DriverUnreachable(state) from None
            raise DriverFailed(state) from None
        except (TimeoutError, asyncio.IncompleteReadError):
            raise DriverUnreachable("timeout") from None
        except (asyncpg.InterfaceError, OSError) as error:
            raise DriverUnreachable(type(error).__name__) from None
        except UnicodeError:
            raise DriverFailed("not-text") from None


_PRIVILEGE: Final = re.compile(r"SELECT|INSERT|UPDATE|DELETE|TRUNCATE|REFERENCES|TRIGGER|USAGE")
_KIND: Final = re.compile(r"TABLE|SEQUENCE")
_QUOTE: Final = "SELECT array_agg(quote_ident(name) ORDER BY place) FROM unnest($1::text[]) WITH ORDINALITY AS t(name, place)"
_TERMINATE: Final = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, $2::bigint)) FROM pg_stat_activity WHERE usename = $1"
_MAY_CREATE: Final = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"


def _checked(form: re.Pattern[str], text: str) -> str:
    if form.fullmatch(text) is None:
        raise DriverFailed("malformed-name")
    return text


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _with_inherit(connection: Session) -> str:
    # Since 16 a member does not inherit by itself when it was made so, and whoever makes a role is its admin only.
    version = connection.get_server_version()
    number = version.major * 10_000
    return " WITH INHERIT TRUE" if number >= _SEPARATE_SET_AND_INHERIT else ""


def _arguments(target: PostgresTarget) -> dict[str, object]:
    return {
        "host": target.host,
        "port": target.port,
        "database": target.database,
        "user": target.user,
        "ssl": _tls(target),
        "timeout": _CONNECT_SECONDS,
        "command_timeout": _STATEMENT_SECONDS,
        "server_settings": {
            "application_name": "smartagent",
            "statement_timeout": "8s",
            "lock_timeout": "6s",
            "idle_in_transaction_session_timeout": "15s",
        },
    }


def _tls(target: PostgresTarget) -> ssl.SSLContext | bool:
    if target.tls == "disable" or target.host.startswith("/"):
        return False
    context = ssl.create_default_context(cadata=target.ca or None)
    if target.tls == "require":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
