# SPDX-License-Identifier: Apache-2.0
"""Rotating the password of a MariaDB user."""

from typing import ClassVar, Final

from smartagent.drivers import MariaDbAdmin, MariaDbTarget
from smartagent.kernel import Entropy, Secret
from smartagent.rotation.backends.passwords import DatabaseSettings, PasswordRotator

_PORT: Final = 3306


class MariaDbRotator(PasswordRotator):
    """Gives a user a new password; an administrator sets that of the user of any host (`user@%`)."""

    kind: ClassVar[str] = "mariadb-password"
    wrong_password: ClassVar[str] = "1045"  # noqa: S105 -- an error's number, not a password

    def __init__(self, admin: MariaDbAdmin, entropy: Entropy) -> None:
        super().__init__(entropy)
        self._admin = admin

    def login(self, settings: DatabaseSettings, user: str) -> "_Login":
        """Return the database as `user` sees it."""
        port = settings.port or _PORT
        target = MariaDbTarget(settings.host, settings.database, user, port, settings.tls, settings.ca)
        return _Login(self._admin, target)


class _Login:
    def __init__(self, admin: MariaDbAdmin, target: MariaDbTarget) -> None:
        self._admin = admin
        self._target = target

    async def set_password(self, password: Secret[bytes], user: str, new: Secret[str]) -> None:
        """Log in with `password`, and give `user` the password `new`."""
        await self._admin.set_password(self._target, password, user, new)

    async def check_login(self, password: Secret[str]) -> None:
        """Say nothing when it gets in."""
        await self._admin.check_login(self._target, password)
