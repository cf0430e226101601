# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the room's routes about agents, as JSON.  Instants are RFC 3339."""

import msgspec

from smartagent.governance.breakglass.views import BreakGlassView
from smartagent.identity import AgentStatus


class AgentLine(msgspec.Struct, frozen=True):
    """An agent in the inventory.

    `orphan` says that nobody answers for it.  `expires_at` is empty when it never does, `idle_days` 0 when it may
    do nothing for ever, `last_used_at` empty when it never did anything.  `source` and `reference` say where it was
    seen before anybody registered it.  `elevated_to` is the role that it has at this instant instead of its own.
    """

    id: str
    name: str
    status: AgentStatus
    owner: str
    owner_name: str
    orphan: bool
    role: str
    created_at: str
    last_changed_at: str
    last_used_at: str
    expires_at: str
    idle_days: int
    source: str = ""
    reference: str = ""
    elevated_to: str = ""


class InventoryPage(msgspec.Struct, frozen=True):
    """Some agents; `next_cursor` is empty on the last page.  `break_glass` are those that wait or are in force."""

    agents: list[AgentLine]
    next_cursor: str = ""
    break_glass: list[BreakGlassView] = []


class KeyLine(msgspec.Struct, frozen=True):
    """An agent's key."""

    thumbprint: str
    since: str


class SessionLine(msgspec.Struct, frozen=True):
    """A session with tokens that are alive."""

    id: str
    tokens: int
    expires_at: str


class LeaseLine(msgspec.Struct, frozen=True):
    """A lease that is not dead."""

    id: str
    credential: str
    state: str
    expires_at: str


class DelegationLine(msgspec.Struct, frozen=True):
    """A live delegation from the agent, or to it."""

    id: str
    from_id: str
    to_agent: str
    scope: str
    until: str
    last_used_at: str


class CredentialsView(msgspec.Struct, frozen=True):
    """All that an agent could use at this instant."""

    agent: AgentLine
    keys: list[KeyLine]
    sessions: list[SessionLine]
    tokens: int
    leases: list[LeaseLine]
    delegations: list[DelegationLine]


class TermsRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents/{id}/terms`.  What is not named stays as it is.

    `expires_at` is an RFC 3339 instant, or `never`; `idle_days` 0 is no limit.  `default` names those that the
    house's own terms shall hold for again.
    """

    reason: str = ""
    owner: str = ""
    expires_at: str = ""
    idle_days: int | None = None
    default: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """An agent that is known elsewhere.  `reference` is what it is called there, and is imported once."""

    reference: str
    name: str = ""
    owner: str = ""


class ImportRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/discoveries`."""

    source: str
    agents: tuple[Known, ...]


class ImportView(msgspec.Struct, frozen=True):
    """Which agents are new in the inventory, and how many of the list were there before."""

    discovered: list[str]
    known: int
