# SPDX-License-Identifier: Apache-2.0
"""Rotating the access key of an AWS user, who does it with the key in force.

The secret of the vault is `ID:SECRET`.  A user has two keys at most: the one in force, and the new one or the former
one.  What a crash left behind is a key that nobody knows, and is deleted before another is made.
"""

from typing import Final

import msgspec

from smartagent.drivers import Aws, AwsAccount, DriverFailed, DriverMissing, DriverUnreachable
from smartagent.kernel import Secret
from smartagent.rotation.errors import MalformedRotation, RotationFailed, RotationUnreachable
from smartagent.rotation.model import Rotation, Task

_NOT_YET: Final = frozenset({"InvalidClientTokenId", "AccessDenied", "AuthFailure"})


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    region: str
    endpoint: str = ""


class AwsKeyRotator:
    """Makes and deletes access keys."""

    kind = "aws-access-key"
    period_days = 90
    chooses = False

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def check(self, rotation: Rotation) -> None:
        """Check an entry.

        Raises:
            MalformedRotation: The region is missing, or there is something else.
        """
        settings = _settings(rotation)
        if rotation.secrets:
            raise MalformedRotation("secrets", "this kind needs no other secret")
        if settings.endpoint and not settings.endpoint.startswith(("https://", "http://127.0.0.1")):
            raise MalformedRotation("settings.endpoint", "https")

    def choose(self) -> Secret[bytes]:
        """AWS chooses."""
        raise RotationFailed("aws-chooses")

    async def rehearse(self, task: Task) -> None:
        """Ask who the key in force is.

        Raises:
            RotationFailed: AWS does not take it.
            RotationUnreachable: It does not answer.
        """
        await self._who(task, task.old)

    async def make(self, task: Task, new: Secret[bytes] | None) -> tuple[Secret[bytes], str]:  # noqa: ARG002 -- a rotator's shape
        """Have AWS make a key, after what nobody knows was deleted.

        Raises:
            RotationFailed: AWS says no.
            RotationUnreachable: It does not answer.
        """
        account, in_force = _account(task, task.old)
        try:
            for key_id in await self._aws.access_key_ids(account):
                if key_id != in_force:
                    await self._aws.delete_access_key(account, key_id)
            key_id, secret = await self._aws.create_access_key(account)
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None
        return Secret(f"{key_id}:{secret.reveal()}".encode()), key_id

    async def verify(self, task: Task, new: Secret[bytes]) -> None:
        """Ask who the new key is.  AWS needs a while to know it everywhere, so its first no is no answer.

        Raises:
            RotationUnreachable: AWS does not take it yet, or does not answer.
        """
        try:
            await self._who(task, new)
        except RotationFailed as error:
            if error.reason in _NOT_YET:
                raise RotationUnreachable(error.reason) from None
            raise

    async def undo(self, task: Task, new: Secret[bytes] | None) -> None:
        """Delete the new key.

        Raises:
            RotationFailed: AWS says no.
            RotationUnreachable: It does not answer.
        """
        if new is not None:
            await self._delete(task, new)

    async def retire(self, task: Task, former: Secret[bytes]) -> None:
        """Delete the former key.

        Raises:
            RotationFailed: AWS says no.
            RotationUnreachable: It does not answer.
        """
        await self._delete(task, former)

    async def _delete(self, task: Task, which: Secret[bytes]) -> None:
        account, _ = _account(task, task.old)
        try:
            await self._aws.delete_access_key(account, _account(task, which)[1])
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None

    async def _who(self, task: Task, which: Secret[bytes]) -> None:
        try:
            await self._aws.who_am_i(_account(task, which)[0])
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None


def _settings(rotation: Rotation) -> _Settings:
    try:
        return msgspec.convert(dict(rotation.settings), _Settings)
    except msgspec.ValidationError as error:
        raise MalformedRotation("settings", str(error)[:200]) from None


def _account(task: Task, which: Secret[bytes]) -> tuple[AwsAccount, str]:
    settings = _settings(task.rotation)
    try:
        key_id, colon, secret = which.reveal().decode().partition(":")
    except UnicodeDecodeError:
        raise RotationFailed("not-text") from None
    if not colon or not key_id or not secret:
        raise RotationFailed("secret-is-not-id-and-secret")
    return AwsAccount(settings.region, key_id, Secret(secret), settings.endpoint), key_id


def _told(error: DriverFailed | DriverMissing | DriverUnreachable) -> RotationFailed | RotationUnreachable:
    if isinstance(error, DriverUnreachable):
        return RotationUnreachable(error.reason)
    return RotationFailed(error.reason)
