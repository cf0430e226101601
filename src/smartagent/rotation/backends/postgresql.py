# SPDX-License-Identifier: Apache-2.0
"""Rotating the password of a PostgreSQL role."""

from typing import ClassVar, Final

from smartagent.drivers import PostgresTarget
from smartagent.rotation.backends.passwords import DatabaseSettings, PasswordRotator

_PORT: Final = 5432


class PostgresRotator(PasswordRotator[PostgresTarget]):
    """Gives a role a new password: by itself, or by the role that the setting `admin` names."""

    kind: ClassVar[str] = "postgresql-password"
    wrong_password: ClassVar[str] = "28P01"  # noqa: S105 -- an SQLSTATE, not a password

    def target(self, settings: DatabaseSettings, user: str) -> PostgresTarget:
        """Return where the database is, for `user`."""
        port = settings.port or _PORT
        return PostgresTarget(settings.host, settings.database, user, port, settings.tls, settings.ca)
