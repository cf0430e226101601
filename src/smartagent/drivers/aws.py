# SPDX-License-Identifier: Apache-2.0
"""AWS, by boto3 in threads: temporary credentials of a role, and access keys of a user."""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Final, Protocol, TypeVar

import msgspec

from smartagent.drivers.errors import DriverFailed, DriverMissing, DriverUnreachable
from smartagent.kernel import Secret

T = TypeVar("T")

_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRANSIENT: Final = frozenset(
    ["Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable", "InternalFailure"]
)
_SERVERS_TROUBLE: Final = 500


class AwsAccount(msgspec.Struct, frozen=True):
    """Who calls AWS, and where.  Without a key it is the machine's own role.  `endpoint` is for emulators."""

    region: str
    access_key_id: str = ""
    secret_access_key: Secret[str] = Secret("")
    endpoint: str = ""


class AssumedRole(msgspec.Struct, frozen=True):
    """Temporary credentials; `expires_at` is Unix seconds."""

    access_key_id: str
    secret_access_key: Secret[str]
    session_token: Secret[str]
    expires_at: int


class RoleRequest(msgspec.Struct, frozen=True):
    """Which role, for how long, under which name, narrowed to which session policy."""

    role_arn: str
    session_name: str
    duration_seconds: int
    policy: str
    external_id: str = ""
    source_identity: str = ""


class _Client(Protocol):
    def assume_role(self, **arguments: object) -> Mapping[str, Mapping[str, object]]:
        """STS AssumeRole."""
        ...

    def get_caller_identity(self) -> Mapping[str, object]:
        """STS GetCallerIdentity."""
        ...

    def create_access_key(self) -> Mapping[str, Mapping[str, object]]:
        """IAM CreateAccessKey, for whoever calls."""
        ...

    def list_access_keys(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """IAM ListAccessKeys, for whoever calls."""
        ...

    def delete_access_key(self, **arguments: object) -> object:
        """IAM DeleteAccessKey, for whoever calls."""
        ...

    def encrypt(self, **arguments: object) -> Mapping[str, object]:
        """KMS Encrypt."""
        ...

    def decrypt(self, **arguments: object) -> Mapping[str, object]:
        """KMS Decrypt."""
        ...

    def get_secret_value(self, **arguments: object) -> Mapping[str, object]:
        """Secrets Manager GetSecretValue."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Aws:
    """Calls AWS.

    Raises, every verb:
        DriverMissing: The library is not installed.
        DriverFailed: AWS said no; `reason` is its error code.
        DriverUnreachable: It did not answer, or is in trouble: it may have happened all the same.
    """

    async def assume_role(self, account: AwsAccount, wanted: RoleRequest) -> AssumedRole:
        """Get temporary credentials of a role."""
        arguments: dict[str, object] = {
            "RoleArn": wanted.role_arn,
            "RoleSessionName": wanted.session_name,
            "DurationSeconds": wanted.duration_seconds,
            "Policy": wanted.policy,
        }
        if wanted.external_id:
            arguments["ExternalId"] = wanted.external_id
        if wanted.source_identity:
            arguments["SourceIdentity"] = wanted.source_identity
        answer = await _asked(account, "sts", lambda client: client.assume_role(**arguments))
        found = answer["Credentials"]
        expiration = found["Expiration"]
        return AssumedRole(
            access_key_id=str(found["AccessKeyId"]),
            secret_access_key=Secret(str(found["SecretAccessKey"])),
            session_token=Secret(str(found["SessionToken"])),
            expires_at=int(expiration.timestamp()) if isinstance(expiration, datetime) else 0,
        )

    async def who_am_i(self, account: AwsAccount) -> str:
        """Return the ARN of who calls: AWS takes the credentials."""
        answer = await _asked(account, "sts", lambda client: client.get_caller_identity())
        return str(answer.get("Arn", ""))

    async def create_access_key(self, account: AwsAccount) -> tuple[str, Secret[str]]:
        """Make a second access key for the user who calls; return its id and its secret."""
        answer = await _asked(account, "iam", lambda client: client.create_access_key())
        found = answer["AccessKey"]
        return str(found["AccessKeyId"]), Secret(str(found["SecretAccessKey"]))

    async def access_key_ids(self, account: AwsAccount) -> list[str]:
        """Return the ids of all access keys of the user who calls."""
        answer = await _asked(account, "iam", lambda client: client.list_access_keys())
        return [str(key["AccessKeyId"]) for key in answer["AccessKeyMetadata"]]

    async def delete_access_key(self, account: AwsAccount, key_id: str) -> None:
        """Delete an access key of the user who calls.  It is no error when it is gone."""
        try:
            await _asked(account, "iam", lambda client: client.delete_access_key(AccessKeyId=key_id))
        except DriverFailed as error:
            if error.reason != "NoSuchEntity":
                raise


async def _asked(account: AwsAccount, service: str, ask: Callable[[_Client], T]) -> T:
    return await asyncio.to_thread(ask_aws, account, service, ask)


def ask_aws(account: AwsAccount, service: str, ask: Callable[[_Client], T]) -> T:
    """Ask a service of AWS, and say what went wrong in this room's words.

    Raises:
        DriverMissing: The library is not installed.
        DriverFailed: AWS said no; `reason` is its error code.
        DriverUnreachable: It did not answer, or is in trouble.
    """
    try:
        boto3, config, errors = (
            import_module(name) for name in ("boto3", "botocore.config", "botocore.exceptions")
        )
    except ModuleNotFoundError:
        raise DriverMissing("install smartagent[aws]") from None
    limits = config.Config(connect_timeout=4, read_timeout=8, retries={"total_max_attempts": 1})
    given = {}
    if account.access_key_id:
        given = {
            "aws_access_key_id": account.access_key_id,
            "aws_secret_access_key": account.secret_access_key.reveal(),
        }
    try:
        session = boto3.session.Session(region_name=account.region, **given)
        client: _Client = session.client(service, endpoint_url=account.endpoint or None, config=limits)
        try:
            return ask(client)
        finally:
            client.close()
    except errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = code if _CODE.fullmatch(code) else "unknown"
        if code in _TRANSIENT or status >= _SERVERS_TROUBLE:
            raise DriverUnreachable(code) from None
        raise DriverFailed(code) from None
    except (errors.NoCredentialsError, errors.ParamValidationError, ValueError) as error:
        raise DriverFailed(type(error).__name__) from None
    except errors.BotoCoreError as error:
        raise DriverUnreachable(type(error).__name__) from None
