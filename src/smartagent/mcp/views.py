# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies."""

import msgspec

from smartagent.kernel import Label, rfc3339
from smartagent.mcp.model import Pin, StoredServer


class McpServerRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Describe a server: where it is, or what starts it, and what it is presented with."""

    url: str = ""
    command: list[str] = []
    env: dict[str, str] = {}
    secret: str = ""
    place: str | None = None
    account: str = ""
    allow_private: bool = False
    allow_plaintext: bool = False
    timeout_seconds: int = 60
    people_role: str = ""
    labels: dict[str, tuple[Label, ...]] = {}


class ApprovalRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Approve tools as they were looked at: each by the digest of what was offered then."""

    tools: dict[str, str]


class McpServerView(msgspec.Struct, frozen=True):
    """A server, and the address at which agents reach it."""

    name: str
    address: str
    url: str
    command: tuple[str, ...]
    env: dict[str, str]
    secret: str
    place: str
    account: str
    allow_private: bool
    allow_plaintext: bool
    timeout_seconds: int
    people_role: str
    labels: dict[str, tuple[Label, ...]]
    version: int
    changed_at: str
    changed_by: str


class McpServerList(msgspec.Struct, frozen=True):
    """All servers by name."""

    servers: list[McpServerView]


class ToolView(msgspec.Struct, frozen=True):
    """A tool: as the server offers it, and as it was approved.  Definitions are JSON text."""

    tool: str
    state: str
    offered: str
    offered_definition: str
    approved: str
    approved_definition: str
    seen_at: str
    decided_at: str
    decided_by: str


class ToolList(msgspec.Struct, frozen=True):
    """All that a server ever offered, by name."""

    tools: list[ToolView]


def server_view(stored: StoredServer, address: str) -> McpServerView:
    """Show a server."""
    entry = stored.server
    return McpServerView(
        name=entry.name,
        address=address,
        url=entry.url,
        command=entry.command,
        env=entry.env,
        secret=entry.secret,
        place=entry.place,
        account=entry.account,
        allow_private=entry.allow_private,
        allow_plaintext=entry.allow_plaintext,
        timeout_seconds=entry.timeout_seconds,
        people_role=entry.people_role,
        labels=entry.labels,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )


def tool_view(pin: Pin) -> ToolView:
    """Show a tool."""
    return ToolView(
        tool=pin.tool,
        state=pin.state.value,
        offered=pin.offered,
        offered_definition=pin.offered_definition,
        approved=pin.approved,
        approved_definition=pin.approved_definition,
        seen_at=rfc3339(pin.seen_at),
        decided_at=rfc3339(pin.decided_at) if pin.decided_at else "",
        decided_by=pin.decided_by,
    )
