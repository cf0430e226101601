# SPDX-License-Identifier: Apache-2.0
"""What the pages about secrets read of the API's answers; no answer has a place for a value."""

import msgspec


class SecretVersion(msgspec.Struct, frozen=True):
    """A version of a secret; `source` says which other store keeps it."""

    version: int
    created_at: str
    created_by: str
    destroyed: bool
    source: str = ""


class SecretEntry(msgspec.Struct, frozen=True):
    """A secret, without its value; `used_by` are upstreams."""

    name: str
    version: int
    versions: list[SecretVersion]
    used_by: list[str]


class SecretEntries(msgspec.Struct, frozen=True):
    """All secrets."""

    secrets: list[SecretEntry]


class Rotation(msgspec.Struct, frozen=True):
    """A rotation, and how far it is; `secrets` are those that it works with."""

    name: str
    kind: str
    secret: str
    secrets: dict[str, str]
    period_seconds: int
    enabled: bool
    phase: str
    due_at: str
    rotated_at: str
    failure: str


class RotationList(msgspec.Struct, frozen=True):
    """All rotations."""

    rotations: list[Rotation]


class Provider(msgspec.Struct, frozen=True):
    """What leases come from; `secrets` are those that it works with."""

    name: str
    secrets: dict[str, str] = {}


class ProviderList(msgspec.Struct, frozen=True):
    """All providers."""

    providers: list[Provider]


class McpServer(msgspec.Struct, frozen=True):
    """An MCP server behind the gateway, and the secret that it is given; empty for none."""

    name: str
    secret: str


class McpServerList(msgspec.Struct, frozen=True):
    """All MCP servers."""

    servers: list[McpServer]


class Due(msgspec.Struct, frozen=True):
    """A line of the plan of rotations."""

    what: str
    kind: str
    rotated_at: str
    due_at: str
    overdue: bool
    phase: str
    failure: str


class Plan(msgspec.Struct, frozen=True):
    """What is rotated when."""

    due: list[Due]
