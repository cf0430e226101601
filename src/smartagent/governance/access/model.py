# SPDX-License-Identifier: Apache-2.0
"""What an agent wishes, and a request for it.

[ open ] --an operator--> [ accepted | refused ]      final
[ open ] --nobody, for a week--> [ expired ]          final
"""

from enum import StrEnum
from typing import Final

import msgspec

EXPIRY_SECONDS: Final = 7 * 86_400


class WishKind(StrEnum):
    """What was denied."""

    CALL = "call"
    LEASE = "lease"
    MCP = "mcp"
    WORDS = "words"
    """Nothing: the agent says in its own words what it wants."""


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was denied: `verb` on `name` at `place`.

    For a call an upstream, a method and a path; for a lease only a credential; for MCP a server, `TOOL`, `PROMPT` or
    `RESOURCE`, and its name.
    """

    kind: WishKind = WishKind.WORDS
    place: str = ""
    verb: str = ""
    name: str = ""

    def __str__(self) -> str:
        match self.kind:
            case WishKind.CALL:
                return f"{self.verb} {self.name} on {self.place}"
            case WishKind.LEASE:
                return f"lease {self.place}"
            case WishKind.MCP:
                return f"{self.verb.lower()} {self.name} of the MCP server {self.place}"
            case WishKind.WORDS:
                return ""


class Decided(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


class AccessRequest(msgspec.Struct, frozen=True, array_like=True):
    """What an agent asks for: nothing follows from it by itself.

    `request` is the denied request, and `circumstances` the detail of its record as JSON, both empty where there is
    none; `times` counts how often it was asked for.  `granted` is the role that was made for an elevation, until it
    is taken away again.  Instants are Unix seconds; `closed_at` is 0 while it is open.
    """

    id: str
    agent: str
    role: str
    wanted: str
    reason: str
    created_at: int
    closed_at: int = 0
    closed_by: str = ""
    request: str = ""
    wish: str = "{}"
    circumstances: str = "{}"
    times: int = 1
    decision: str = ""
    note: str = ""
    elevation: str = ""
    granted: str = ""
