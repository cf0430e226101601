# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: a role for each lease, with what the credential grants and nothing else.

The role cannot log in after the lease's end, whatever becomes of us; ending the lease also cuts what was opened
before.  Its connections are called by the lease's id, so the database's log names the lease.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from smartagent.crypto import b64u
from smartagent.drivers import (
    DriverFailed,
    DriverUnreachable,
    NewRole,
    PostgresAdmin,
    PostgresTarget,
    TableGrant,
)
from smartagent.kernel import Entropy, Secret
from smartagent.leases.backends.reading import grant_of, settings_of, told
from smartagent.leases.backends.tables import Held, narrow_tables, place_of
from smartagent.leases.errors import (
    CannotNarrow,
    MalformedCredential,
    MalformedProvider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind

_PASSWORD_BYTES: Final = 24
_MAX_NAME: Final = 63
_SCHEMA: Final = "public"
_MAX_GRANTS: Final = 64
_TABLE_PRIVILEGES: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_COLUMN_PRIVILEGES: Final = frozenset({"SELECT", "INSERT", "UPDATE"})
_SEQUENCE_PRIVILEGES: Final = frozenset({"USAGE", "SELECT", "UPDATE"})
_TLS: Final = frozenset({"verify-full", "require", "disable"})


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    database: str
    user: str
    port: int = 5432
    tls: str = "verify-full"
    ca: str = ""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    table: str
    privileges: tuple[str, ...]
    schema: str = "public"
    columns: tuple[str, ...] = ()


class _Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sequence: str
    privileges: tuple[str, ...] = ("USAGE",)
    schema: str = "public"


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tables: tuple[_Table, ...] = ()
    sequences: tuple[_Sequence, ...] = ()
    roles: tuple[str, ...] = ()
    connection_limit: int = 5


class PostgresBackend:
    """Makes roles."""

    kind = "postgresql"
    renewable = True
    narrows = ResourceKind.DATABASE
    fields = ("username", "password", "host", "port", "database", "url")

    def __init__(self, admin: PostgresAdmin, entropy: Entropy) -> None:
        self._admin = admin
        self._entropy = entropy

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: A setting is missing, unknown or malformed.
        """
        settings = settings_of(provider, _Settings)
        if set(provider.secrets) != {"password"}:
            raise MalformedProvider(
                "secrets", "name the secret of the broker's password as `password`, and no other"
            )
        for field in ("host", "database", "user"):
            _check_name(getattr(settings, field), MalformedProvider, f"settings.{field}", most=255)
        if not 0 < settings.port < 65_536:  # noqa: PLR2004 -- ports
            raise MalformedProvider("settings.port", "1 to 65535")
        if settings.tls not in _TLS:
            raise MalformedProvider("settings.tls", "verify-full, require or disable")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It grants nothing, too much at once, or in a way that PostgreSQL does not know.
        """
        grant = grant_of(credential.grant, _Grant)
        if not (grant.tables or grant.sequences or grant.roles):
            raise MalformedCredential("grant", "it would grant nothing: name tables, sequences or roles")
        if len(grant.tables) + len(grant.sequences) + len(grant.roles) > _MAX_GRANTS:
            raise MalformedCredential("grant", f"at most {_MAX_GRANTS} of them")
        if not 0 < grant.connection_limit <= 1000:  # noqa: PLR2004 -- enough for anybody
            raise MalformedCredential("grant.connection_limit", "1 to 1000")
        _check_names(grant)

    def narrow(
        self,
        provider: Provider,  # noqa: ARG002 -- a backend's shape
        grant: Mapping[str, object],
        items: Sequence[Item],
    ) -> Mapping[str, object]:
        """Return the tables, columns and sequences that both name; a membership has no such parts, so none is left.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        held = grant_of(grant, _Grant)
        tables = [Held((each.schema, each.table), each.privileges, each.columns) for each in held.tables]
        left = narrow_tables(tables, items, _SCHEMA)
        named = {place_of(item.name, _SCHEMA) for item in items if item.verb == "USAGE"}
        sequences = tuple(each for each in held.sequences if (each.schema, each.sequence) in named)
        if not left and not sequences:
            raise CannotNarrow("the credential grants nothing of that on tables or sequences of its own")
        return told(
            _Grant(
                tables=tuple(
                    _Table(each.place[1], each.privileges, each.place[0], each.columns) for each in left
                ),
                sequences=sequences,
                connection_limit=held.connection_limit,
            )
        )

    def handle_of(self, lease_id: str) -> str:
        """Name the role."""
        return "sa_" + lease_id.partition("_")[2]

    async def issue(self, order: Order) -> Made:
        """Make the role.

        Raises:
            ProviderFailed: The server said no; the reason is its SQLSTATE.
            ProviderUnreachable: It did not answer.
        """
        settings, grant = settings_of(order.provider, _Settings), grant_of(order.grant, _Grant)
        password = Secret(b64u(self._entropy(_PASSWORD_BYTES)))
        role = NewRole(
            name=order.handle,
            password=password,
            label=order.lease_id,
            until=order.expires_at,
            connection_limit=grant.connection_limit,
            grants=(
                *(
                    TableGrant(each.schema, each.table, each.privileges, each.columns)
                    for each in grant.tables
                ),
                *(
                    TableGrant(each.schema, each.sequence, each.privileges, kind="SEQUENCE")
                    for each in grant.sequences
                ),
            ),
            member_of=grant.roles,
        )
        try:
            await self._admin.create_role(_target(settings), order.secrets["password"], role)
        except (DriverFailed, DriverUnreachable) as error:
            raise _told(error) from None
        return Made(_fields(settings, order, password))

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """Let the role log in for longer.  That the server refuses late logins is its second line: it knows no other end.

        Raises:
            ProviderFailed: There is no such role, or the server said no.
            ProviderUnreachable: It did not answer.
        """
        target = _target(settings_of(order.provider, _Settings))
        try:
            await self._admin.prolong_role(target, order.secrets["password"], order.handle, order.expires_at)
        except (DriverFailed, DriverUnreachable) as error:
            raise _told(error) from None
        return 0

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """End the role, and every connection of it.

        Raises:
            ProviderFailed: The server said no.
            ProviderUnreachable: It did not answer.
        """
        target = _target(settings_of(order.provider, _Settings))
        try:
            severed = await self._admin.drop_role(target, order.secrets["password"], order.handle)
        except (DriverFailed, DriverUnreachable) as error:
            raise _told(error) from None
        return Ended(severed=severed)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when the broker may make roles.

        Raises:
            ProviderFailed: It may not, or the server said no.
            ProviderUnreachable: It did not answer.
        """
        try:
            may = await self._admin.may_create_roles(
                _target(settings_of(provider, _Settings)), secrets["password"]
            )
        except (DriverFailed, DriverUnreachable) as error:
            raise _told(error) from None
        if not may:
            raise ProviderFailed("no-createrole")


def _target(settings: _Settings) -> PostgresTarget:
    return PostgresTarget(
        settings.host, settings.database, settings.user, settings.port, settings.tls, settings.ca
    )


def _fields(settings: _Settings, order: Order, password: Secret[str]) -> dict[str, Secret[str]]:
    query = {"application_name": order.lease_id}
    place = ""
    if settings.host.startswith("/"):
        query["host"] = settings.host
        query["port"] = str(settings.port)
    else:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        place = f"{host}:{settings.port}"
        query["sslmode"] = settings.tls
    url = (
        f"postgresql://{order.handle}:{password.reveal()}@{place}/{quote(settings.database, safe='')}"
        f"?{urlencode(query)}"
    )
    return {
        "username": Secret(order.handle),
        "password": password,
        "host": Secret(settings.host),
        "port": Secret(str(settings.port)),
        "database": Secret(settings.database),
        "url": Secret(url),
    }


def _check_names(grant: _Grant) -> None:
    for table in grant.tables:
        known = _COLUMN_PRIVILEGES if table.columns else _TABLE_PRIVILEGES
        _check_privileges("grant.tables.privileges", table.privileges, known)
        for name in (table.schema, table.table, *table.columns):
            _check_name(name, MalformedCredential, "grant.tables")
    for sequence in grant.sequences:
        _check_privileges("grant.sequences.privileges", sequence.privileges, _SEQUENCE_PRIVILEGES)
        for name in (sequence.schema, sequence.sequence):
            _check_name(name, MalformedCredential, "grant.sequences")
    for name in grant.roles:
        _check_name(name, MalformedCredential, "grant.roles")


def _check_privileges(field: str, privileges: tuple[str, ...], known: frozenset[str]) -> None:
    if not privileges or not known.issuperset(privileges):
        raise MalformedCredential(field, f"one or more of {', '.join(sorted(known))}")


def _check_name(
    name: str, error: type[MalformedProvider | MalformedCredential], field: str, most: int = _MAX_NAME
) -> None:
    if not name or "\x00" in name or len(name.encode("utf-8", "surrogatepass")) > most or not _is_text(name):
        raise error(field, f"a name has 1 to {most} bytes, and no NUL")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeError:
        return False
    return True


def _told(error: DriverFailed | DriverUnreachable) -> ProviderFailed | ProviderUnreachable:
    if isinstance(error, DriverUnreachable):
        return ProviderUnreachable(error.reason)
    return ProviderFailed(error.reason)
