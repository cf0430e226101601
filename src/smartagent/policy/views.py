# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies."""

import msgspec

from smartagent.kernel import Limits, rfc3339
from smartagent.policy.errors import MalformedOperation
from smartagent.policy.facts import Given
from smartagent.policy.model import Allow, Call, ResourceAllow, StoredPolicy, StoredRole
from smartagent.policy.operations import by_kind, parse_operation


class RoleRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Write a role.  `role_file` is TOML; `allow_broad` lets it grant everything; `reason` stands in the history."""

    role_file: str
    allow_broad: bool = False
    reason: str = ""


class PolicyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Write a policy that holds for every role.  `cedar` is Cedar text; `reason` stands in the history."""

    cedar: str
    allow_broad: bool = False
    reason: str = ""


class ExplainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Ask what would be decided.  Without `scopes`, the agent is taken to hold all of its role's.

    `content_type` is the body's, where there is one; `operations` say what the call does, as a role file does.
    `circumstances` are what policies may ask for besides; what is not said there is not known.
    """

    agent: str
    upstream: str
    method: str
    path: str
    client_ip: str = ""
    scopes: list[str] | None = None
    content_type: str = ""
    operations: list[str] = []
    circumstances: Given = Given()


class RoleView(msgspec.Struct, frozen=True):
    """A role: what it says, and the Cedar text that is enforced."""

    name: str
    description: str
    ttl_seconds: int
    networks: tuple[str, ...]
    hours: tuple[str, ...]
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    allow: tuple[Allow, ...]
    credentials: tuple[str, ...]
    resources: tuple[ResourceAllow, ...]
    limits: Limits
    shared_limits: Limits
    prompt: str
    role_file: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: str
    changed_by: str


class RoleList(msgspec.Struct, frozen=True):
    """All roles by name."""

    roles: list[RoleView]


class PolicyView(msgspec.Struct, frozen=True):
    """A policy that holds for every role."""

    name: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: str
    changed_by: str


class PolicyList(msgspec.Struct, frozen=True):
    """All policies by name, and the one that is built in."""

    policies: list[PolicyView]
    house: str


def called(asked: ExplainRequest) -> Call:
    """Read the call that is asked about.

    Raises:
        MalformedOperation: Its operations are none, or not those of one call.
    """
    try:
        kinds = by_kind(parse_operation(each) for each in asked.operations)
    except ValueError as error:
        raise MalformedOperation(str(error)) from error
    if len(kinds) > 1:
        raise MalformedOperation("a call is an operation of one kind")
    kind, fields = next(iter(kinds.items()), ("", ()))
    return Call(asked.upstream, asked.method, asked.path, asked.content_type, kind, fields)


def role_view(stored: StoredRole) -> RoleView:
    """Show a role."""
    role = stored.role
    return RoleView(
        name=role.name,
        description=role.description,
        ttl_seconds=role.ttl_seconds,
        networks=role.networks,
        hours=role.hours,
        audiences=role.audiences,
        scopes=role.scopes,
        allow=role.allow,
        credentials=role.credentials,
        resources=role.resources,
        limits=role.limits,
        shared_limits=role.shared_limits,
        prompt=role.prompt,
        role_file=stored.role_file,
        cedar=stored.cedar,
        allow_broad=stored.allow_broad,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )


def policy_view(stored: StoredPolicy) -> PolicyView:
    """Show a policy."""
    return PolicyView(
        name=stored.name,
        cedar=stored.cedar,
        allow_broad=stored.allow_broad,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )
