# SPDX-License-Identifier: Apache-2.0
"""MariaDB: a user for each lease, with what the credential grants and nothing else.

MariaDB knows no end of a user's life, so whoever ends leases is its only end.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.crypto import b64u
from smartagent.drivers import (
    DriverFailed,
    DriverMissing,
    DriverUnreachable,
    MariaDbAdmin,
    MariaDbGrant,
    MariaDbTarget,
)
from smartagent.kernel import Entropy, Secret
from smartagent.leases.backends.reading import grant_of, settings_of, told
from smartagent.leases.backends.tables import Held, narrow_tables
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
_MAX_NAME: Final = 64
_MAX_GRANTS: Final = 64
_PRIVILEGES: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_TLS: Final = frozenset({"verify-full", "require", "disable"})
_ABSENT: Final = "sa_probe_for_nothing"


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    database: str
    user: str
    port: int = 3306
    tls: str = "verify-full"
    ca: str = ""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    privileges: tuple[str, ...]
    table: str = ""
    database: str = ""
    columns: tuple[str, ...] = ()


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tables: tuple[_Table, ...]
    connection_limit: int = 5


class MariaDbBackend:
    """Makes users."""

    kind = "mariadb"
    renewable = True
    narrows = ResourceKind.DATABASE
    fields = ("username", "password", "host", "port", "database", "url")

    def __init__(self, admin: MariaDbAdmin, entropy: Entropy) -> None:
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
        if not 0 < settings.port < 65_536:  # noqa: PLR2004 -- ports
            raise MalformedProvider("settings.port", "1 to 65535")
        if settings.tls not in _TLS:
            raise MalformedProvider("settings.tls", "verify-full, require or disable")
        if not all((settings.host, settings.database, settings.user)):
            raise MalformedProvider("settings", "host, database and user have at least one character")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It grants nothing, too much at once, or in a way that MariaDB does not know.
        """
        grant = grant_of(credential.grant, _Grant)
        if not 0 < len(grant.tables) <= _MAX_GRANTS:
            raise MalformedCredential("grant.tables", f"1 to {_MAX_GRANTS} tables")
        if not 0 < grant.connection_limit <= 1000:  # noqa: PLR2004 -- enough for anybody
            raise MalformedCredential("grant.connection_limit", "1 to 1000")
        for table in grant.tables:
            if not table.privileges or not _PRIVILEGES.issuperset(table.privileges):
                raise MalformedCredential(
                    "grant.tables.privileges", f"one or more of {', '.join(sorted(_PRIVILEGES))}"
                )
            if table.columns and (not table.table or "DELETE" in table.privileges):
                raise MalformedCredential(
                    "grant.tables.columns", "of one table, and nothing is deleted by column"
                )
            for name in (table.table or "x", table.database or "x", *table.columns):
                if not name or "\x00" in name or len(name) > _MAX_NAME:
                    raise MalformedCredential(
                        "grant.tables", f"a name has 1 to {_MAX_NAME} characters, and no NUL"
                    )

    def narrow(
        self, provider: Provider, grant: Mapping[str, object], items: Sequence[Item]
    ) -> Mapping[str, object]:
        """Return the tables and columns that both name.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        database, held = settings_of(provider, _Settings).database, grant_of(grant, _Grant)
        tables = [
            Held((each.database or database, each.table), each.privileges, each.columns)
            for each in held.tables
        ]
        left = narrow_tables(tables, items, database)
        if not left:
            raise CannotNarrow("the credential grants nothing of that on tables")
        return told(
            _Grant(
                tables=tuple(
                    _Table(each.privileges, each.place[1], each.place[0], each.columns) for each in left
                ),
                connection_limit=held.connection_limit,
            )
        )

    def handle_of(self, lease_id: str) -> str:
        """Name the user."""
        return "sa_" + lease_id.partition("_")[2]

    async def issue(self, order: Order) -> Made:
        """Make the user.

        Raises:
            ProviderFailed: The server said no; the reason is its error's number.
            ProviderUnreachable: It did not answer.
        """
        settings, grant = settings_of(order.provider, _Settings), grant_of(order.grant, _Grant)
        password = Secret(b64u(self._entropy(_PASSWORD_BYTES)))
        grants = tuple(
            MariaDbGrant(each.database or settings.database, each.table, each.privileges, each.columns)
            for each in grant.tables
        )
        try:
            await self._admin.create_user(
                _target(settings), order.secrets["password"], order.handle, password, grants,
                connection_limit=grant.connection_limit,
            )  # fmt: skip
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None
        return Made(_fields(settings, order, password))

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """Make sure that the user is still there: it knows no end.

        Raises:
            ProviderFailed: There is no such user, or the server said no.
            ProviderUnreachable: It did not answer.
        """
        target = _target(settings_of(order.provider, _Settings))
        try:
            known = await self._admin.user_exists(target, order.secrets["password"], order.handle)
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None
        if not known:
            raise ProviderFailed("no-such-user")
        return 0

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """End the user, and every connection of it.

        Raises:
            ProviderFailed: The server said no.
            ProviderUnreachable: It did not answer.
        """
        target = _target(settings_of(order.provider, _Settings))
        try:
            severed = await self._admin.drop_user(target, order.secrets["password"], order.handle)
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None
        return Ended(severed=severed)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when the broker may look users up and end them: it ends one that is not there.

        Raises:
            ProviderFailed: It may not, or the server said no.
            ProviderUnreachable: It did not answer.
        """
        try:
            await self._admin.drop_user(
                _target(settings_of(provider, _Settings)), secrets["password"], _ABSENT
            )
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None


def _target(settings: _Settings) -> MariaDbTarget:
    return MariaDbTarget(
        settings.host, settings.database, settings.user, settings.port, settings.tls, settings.ca
    )


def _fields(settings: _Settings, order: Order, password: Secret[str]) -> dict[str, Secret[str]]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    database = quote(settings.database, safe="")
    return {
        "username": Secret(order.handle),
        "password": password,
        "host": Secret(settings.host),
        "port": Secret(str(settings.port)),
        "database": Secret(settings.database),
        "url": Secret(f"mysql://{order.handle}:{password.reveal()}@{host}:{settings.port}/{database}"),
    }


def _told(error: DriverFailed | DriverMissing | DriverUnreachable) -> ProviderFailed | ProviderUnreachable:
    if isinstance(error, DriverUnreachable):
        return ProviderUnreachable(error.reason)
    return ProviderFailed(error.reason)
