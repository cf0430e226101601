# SPDX-License-Identifier: Apache-2.0
"""Rotating the password of a MariaDB user."""

from typing import ClassVar, Final

from smartagent.drivers import MariaDbTarget
from smartagent.rotation.backends.passwords import DatabaseSettings, PasswordRotator

_PORT: Final = 3306


class MariaDbRotator(PasswordRotator[MariaDbTarget]):
    """Gives a user a new password; an administrator sets that of the user of any host (`user@%`)."""

    kind: ClassVar[str] = "mariadb-password"
    wrong_password: ClassVar[str] = "1045"  # noqa: S105 -- an error's number, not a password

    def target(self, settings: DatabaseSettings, user: str) -> MariaDbTarget:
        """Return where the database is, for `user`."""
        port = settings.port or _PORT
        return MariaDbTarget(settings.host, settings.database, user, port, settings.tls, settings.ca)
