# SPDX-License-Identifier: Apache-2.0
"""AWS: temporary credentials of a role for each lease, narrowed to what the credential grants.

STS gives nothing for less than fifteen minutes, and takes nothing back: what it gave lives until its own end, and the
lease says so.  What a session may do is the role's policies and the session policy together.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from smartagent.drivers import Aws, AwsAccount, DriverFailed, DriverMissing, DriverUnreachable, RoleRequest
from smartagent.kernel import Secret
from smartagent.leases.backends.reading import grant_of, settings_of, told
from smartagent.leases.errors import (
    CannotNarrow,
    MalformedCredential,
    MalformedProvider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind

MAX_POLICY_CHARS: Final = 2048
"""STS takes no longer session policy; its packed size has a bound of its own, which STS alone can tell."""
SHORTEST_SECONDS: Final = 900
LONGEST_SECONDS: Final = 43_200
_ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")
_ACTION: Final = re.compile(r"[a-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}")
_KEYS: Final = frozenset({"access_key_id", "secret_access_key"})


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role_arn: str
    region: str
    external_id: str = ""
    ambient: bool = False
    source_identity: bool = False
    endpoint: str = ""


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, dict[str, str | list[str]]] = {}


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    statements: tuple[_Statement, ...]


class AwsBackend:
    """Assumes roles."""

    kind = "aws"
    renewable = False
    narrows = ResourceKind.CLOUD
    fields = ("access_key_id", "secret_access_key", "session_token", "region", "expiration")

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: A setting is missing, unknown or malformed.
        """
        settings = settings_of(provider, _Settings)
        wanted = frozenset[str]() if settings.ambient else _KEYS
        if set(provider.secrets) != wanted:
            raise MalformedProvider(
                "secrets", "access_key_id and secret_access_key; none when `ambient` is true"
            )
        if not _ROLE_ARN.fullmatch(settings.role_arn):
            raise MalformedProvider("settings.role_arn", "the ARN of a role")
        if not _REGION.fullmatch(settings.region):
            raise MalformedProvider("settings.region", "a region, as in eu-central-1")
        if settings.endpoint and not settings.endpoint.startswith(("https://", "http://127.0.0.1")):
            raise MalformedProvider("settings.endpoint", "https")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant, and that the policy made of it is one that STS takes.

        Raises:
            MalformedCredential: It grants nothing, everything, or more text than STS takes.
        """
        grant = grant_of(credential.grant, _Grant)
        if not grant.statements:
            raise MalformedCredential(
                "grant.statements", "at least one: without a policy the role has all it has"
            )
        for statement in grant.statements:
            if not statement.actions or not all(map(_ACTION.fullmatch, statement.actions)):
                raise MalformedCredential("grant.statements.actions", 'as in "s3:GetObject"; never "*" alone')
            if not statement.resources or not all(statement.resources):
                raise MalformedCredential("grant.statements.resources", "name at least one")
        _checked_policy(grant)

    def narrow(
        self,
        provider: Provider,  # noqa: ARG002 -- a backend's shape
        grant: Mapping[str, object],
        items: Sequence[Item],
    ) -> Mapping[str, object]:
        """Return the session policy of the actions and resources that both name, under the conditions of the credential.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        statements = tuple(
            one for each in grant_of(grant, _Grant).statements for one in _narrowed(each, items)
        )
        if not statements:
            raise CannotNarrow("the credential's policy covers none of these actions on these resources")
        left = _Grant(statements)
        try:
            _checked_policy(left)
        except MalformedCredential as error:
            raise CannotNarrow(str(error)) from None
        return told(left)

    def handle_of(self, lease_id: str) -> str:
        """Name the session: CloudTrail shows it."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Assume the role.

        Raises:
            ProviderFailed: AWS said no; the reason is its code.
            ProviderUnreachable: It did not answer.
        """
        settings, grant = settings_of(order.provider, _Settings), grant_of(order.grant, _Grant)
        remaining = order.expires_at - int(order.now)
        wanted = RoleRequest(
            role_arn=settings.role_arn,
            session_name=order.handle,
            duration_seconds=min(max(remaining, SHORTEST_SECONDS), LONGEST_SECONDS),
            policy=_checked_policy(grant),
            external_id=settings.external_id,
            source_identity=order.agent if settings.source_identity else "",
        )
        try:
            got = await self._aws.assume_role(_account(settings, order.secrets), wanted)
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None
        fields = {
            "access_key_id": Secret(got.access_key_id),
            "secret_access_key": got.secret_access_key,
            "session_token": got.session_token,
            "region": Secret(settings.region),
            "expiration": Secret(str(got.expires_at)),
        }
        return Made(fields, dies_at=got.expires_at, facts={"access_key_id": got.access_key_id})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """STS prolongs nothing."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when AWS takes it."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when AWS takes the broker's credentials.

        Raises:
            ProviderFailed: It does not.
            ProviderUnreachable: It did not answer.
        """
        try:
            await self._aws.who_am_i(_account(settings_of(provider, _Settings), secrets))
        except (DriverFailed, DriverMissing, DriverUnreachable) as error:
            raise _told(error) from None


def _narrowed(held: _Statement, items: Sequence[Item]) -> list[_Statement]:
    """Return what of a statement the items name, each pair of an action and a resource by itself."""
    resources: dict[str, dict[str, None]] = {}
    for item in items:
        if any(_covers(each, item.verb) for each in held.actions) and any(
            _covers(each, item.name) for each in held.resources
        ):
            resources.setdefault(item.verb, {})[item.name] = None
    together: dict[tuple[str, ...], list[str]] = {}
    for action, names in resources.items():
        together.setdefault(tuple(names), []).append(action)
    return [_Statement(tuple(actions), names, held.conditions) for names, actions in together.items()]


def _covers(wide: str, narrow: str) -> bool:
    """Say whether everything that fits the pattern `narrow` fits `wide`, too; a doubt is a no.

    A `*` of the narrow one is only ever met by a `*`, and a `?` by either.
    """
    pieces = (".*" if char == "*" else "[^*]" if char == "?" else re.escape(char) for char in wide)
    return re.fullmatch("".join(pieces), narrow, re.DOTALL) is not None


def session_policy(statements: Sequence[_Statement]) -> str:
    """Write the session policy: as short as JSON allows, because STS counts characters."""
    written = []
    for statement in statements:
        one: dict[str, object] = {
            "Effect": "Allow",
            "Action": list(statement.actions),
            "Resource": list(statement.resources),
        }
        if statement.conditions:
            one["Condition"] = statement.conditions
        written.append(one)
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": written}).decode()


def _checked_policy(grant: _Grant) -> str:
    policy = session_policy(grant.statements)
    if len(policy) > MAX_POLICY_CHARS:
        raise MalformedCredential(
            "grant.statements",
            f"the session policy has {len(policy)} characters, and STS takes {MAX_POLICY_CHARS}",
        )
    if any(not " " <= char <= "\u00ff" for char in policy):
        raise MalformedCredential("grant.statements", "STS takes characters up to U+00FF only")
    return policy


def _account(settings: _Settings, secrets: Mapping[str, Secret[bytes]]) -> AwsAccount:
    if settings.ambient:
        return AwsAccount(settings.region, endpoint=settings.endpoint)
    return AwsAccount(
        settings.region,
        secrets["access_key_id"].reveal().decode(),
        Secret(secrets["secret_access_key"].reveal().decode()),
        settings.endpoint,
    )


def _told(error: DriverFailed | DriverMissing | DriverUnreachable) -> ProviderFailed | ProviderUnreachable:
    if isinstance(error, DriverUnreachable):
        return ProviderUnreachable(error.reason)
    return ProviderFailed(error.reason)
