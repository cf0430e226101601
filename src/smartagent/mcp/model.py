# SPDX-License-Identifier: Apache-2.0
"""What an MCP server's entry, a pinned tool and a request for access are."""

from enum import StrEnum

import msgspec

from smartagent.kernel import Label


class McpServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A server behind the gateway, and where its credential goes.

    It is reached at `url` (streamable HTTP, canonical), or started as `command` (stdio).  `secret` is a secret's
    name and `place` where it goes: `bearer`, `header:<Name>` or, for a command, `env:<NAME>`.  With `account`,
    an OAuth provider's name, each user's own account there is used instead.  `env` are further variables of a
    command, which are not secret.  `people_role` says what people who sign in themselves may reach; empty: nothing.
    `labels` are those of tools, prompts and resources, by patterns of their names.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secret: str = ""
    place: str = ""
    account: str = ""
    allow_private: bool = False
    allow_plaintext: bool = False
    timeout_seconds: int = 60
    people_role: str = ""
    labels: dict[str, tuple[Label, ...]] = {}


class StoredServer(msgspec.Struct, frozen=True):
    """A server's entry as the store keeps it."""

    server: McpServer
    version: int
    changed_at: int
    changed_by: str


class ToolState(StrEnum):
    """Where a tool's definition stands.

    pending --approve--> approved --the server changes it--> changed --approve--> approved
    """

    PENDING = "pending"
    APPROVED = "approved"
    CHANGED = "changed"


class Pin(msgspec.Struct, frozen=True):
    """A tool's definition as it was approved, and as the server offers it now.

    Digests are SHA-256 in hexadecimal, over the server's identity and the definition; definitions are JSON.
    Nothing was approved yet when `approved` is empty.  Times are Unix seconds.
    """

    server: str
    tool: str
    offered: str
    offered_definition: str
    approved: str = ""
    approved_definition: str = ""
    seen_at: int = 0
    decided_at: int = 0
    decided_by: str = ""
    version: int = 1

    @property
    def state(self) -> ToolState:
        """Where it stands."""
        if not self.approved:
            return ToolState.PENDING
        return ToolState.APPROVED if self.approved == self.offered else ToolState.CHANGED
