# SPDX-License-Identifier: Apache-2.0
"""Rotating a password of a database's user: what PostgreSQL and MariaDB have in common.

A user has one password, so there is no overlap: from setting the new one until it is in the vault the old one does
not work any more, which takes milliseconds.  Who is connected stays connected.
"""

from typing import ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from smartagent.crypto import b64u
from smartagent.drivers import DriverFailed, DriverMissing, DriverUnreachable
from smartagent.kernel import Entropy, Secret
from smartagent.rotation.errors import MalformedRotation, RotationFailed, RotationUnreachable
from smartagent.rotation.model import Rotation, Task

_PASSWORD_BYTES: Final = 24

Target = TypeVar("Target")
Target_contra = TypeVar("Target_contra", contravariant=True)


class DatabaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the user is.  `port` 0 is the database's own; `admin` sets the password when the user does not itself."""

    host: str
    database: str
    user: str
    port: int = 0
    tls: str = "verify-full"
    ca: str = ""
    admin: str = ""


class PasswordAdmin(Protocol[Target_contra]):
    """Speaks to databases of one kind."""

    async def set_password(
        self, target: Target_contra, password: Secret[bytes], user: str, new: Secret[str]
    ) -> None:
        """Log in with `password`, and give `user` the password `new`."""
        ...

    async def check_login(self, target: Target_contra, password: Secret[str]) -> None:
        """Say nothing when it gets in."""
        ...


class PasswordRotator(Generic[Target]):
    """Gives a user a new password: by itself, or by the user that the setting `admin` names.

    Args:
        admin: Speaks to the database.
        entropy: Where passwords come from.
    """

    kind: ClassVar[str]
    wrong_password: ClassVar[str]
    """The database's code for a password that does not work."""
    period_days: Final = 90
    chooses: Final = True

    def __init__(self, admin: PasswordAdmin[Target], entropy: Entropy) -> None:
        self._admin = admin
        self._entropy = entropy

    def target(self, settings: DatabaseSettings, user: str) -> Target:
        """Return where the database is, for `user`."""
        raise NotImplementedError

    def check(self, rotation: Rotation) -> None:
        """Check an entry.

        Raises:
            MalformedRotation: A setting or the administrator's secret is missing, unknown or malformed.
        """
        settings = _settings(rotation)
        wanted = {"admin_password"} if settings.admin else set()
        if set(rotation.secrets) != wanted:
            raise MalformedRotation(
                "secrets", "name `admin_password` when there is an `admin`, and nothing else"
            )
        if settings.tls not in {"verify-full", "require", "disable"}:
            raise MalformedRotation("settings.tls", "verify-full, require or disable")
        if any("\x00" in text for text in (settings.host, settings.database, settings.user, settings.admin)):
            raise MalformedRotation("settings", "no NUL")

    def choose(self) -> Secret[bytes]:
        """Choose a password."""
        return Secret(b64u(self._entropy(_PASSWORD_BYTES)).encode())

    async def rehearse(self, task: Task) -> None:
        """Log in with the password in force.

        Raises:
            RotationFailed: It does not work.
            RotationUnreachable: The server does not answer.
        """
        await self._log_in(task, task.old)

    async def make(self, task: Task, new: Secret[bytes] | None) -> tuple[Secret[bytes], str]:
        """Set the new password; when an earlier attempt has, that is found out.

        Raises:
            RotationFailed: The server says no.
            RotationUnreachable: The server does not answer.
        """
        if new is None:
            raise RotationFailed("nothing-chosen")
        try:
            await self._set(task, task.old, new)
        except RotationFailed as error:
            if error.reason != self.wrong_password:
                raise
            await self._log_in(task, new)
        return new, ""

    async def verify(self, task: Task, new: Secret[bytes]) -> None:
        """Log in with the new password.

        Raises:
            RotationFailed: It does not work.
            RotationUnreachable: The server does not answer.
        """
        await self._log_in(task, new)

    async def undo(self, task: Task, new: Secret[bytes] | None) -> None:
        """Set the old password again, unless it is still in force.

        Raises:
            RotationFailed: The server says no.
            RotationUnreachable: The server does not answer.
        """
        try:
            await self._log_in(task, task.old)
        except RotationFailed:
            if new is not None:
                await self._set(task, new, task.old)

    async def retire(self, task: Task, former: Secret[bytes]) -> None:
        """Nothing: the former password ended when the new one was set."""

    async def _set(self, task: Task, held: Secret[bytes], new: Secret[bytes]) -> None:
        settings = _settings(task.rotation)
        password = task.secrets["admin_password"] if settings.admin else held
        target = self.target(settings, settings.admin or settings.user)
        try:
            await self._admin.set_password(target, password, settings.user, Secret(new.reveal().decode()))
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None

    async def _log_in(self, task: Task, password: Secret[bytes]) -> None:
        settings = _settings(task.rotation)
        target = self.target(settings, settings.user)
        try:
            await self._admin.check_login(target, Secret(password.reveal().decode()))
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None


def _settings(rotation: Rotation) -> DatabaseSettings:
    try:
        return msgspec.convert(dict(rotation.settings), DatabaseSettings)
    except msgspec.ValidationError as error:
        raise MalformedRotation("settings", str(error)[:200]) from None


def _told(
    error: DriverFailed | DriverMissing | DriverUnreachable,
) -> RotationFailed | RotationUnreachable:
    if isinstance(error, DriverUnreachable):
        return RotationUnreachable(error.reason)
    return RotationFailed(error.reason)
