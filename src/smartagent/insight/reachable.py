# SPDX-License-Identifier: Apache-2.0
"""The shapes of what an agent can reach."""

from collections.abc import Mapping

import msgspec

from smartagent.policy import McpAllow


class RuleReach(msgspec.Struct, frozen=True):
    """What one rule of a role lets through, for tokens with `scope`; with `ask`, once that approves."""

    rule: str
    scope: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    ask: str = ""


class UpstreamReach(msgspec.Struct, frozen=True):
    """An upstream, and the secret that is put into calls there.  Without `base_url` there is no such upstream."""

    upstream: str
    base_url: str
    secret: str
    place: str
    rules: list[RuleReach]


class LeaseReach(msgspec.Struct, frozen=True):
    """A credential that can be leased, and what it gives where.

    `settings` are the provider's (a host, a database, an account), `grant` what one lease gives there, and
    `secrets` the names of what makes it.  `narrowed_to` is what the role names of it, and `grant` then what is left:
    nothing, when it names nothing that the credential gives.  Without `kind` there is no such credential.
    """

    credential: str
    provider: str
    kind: str
    settings: Mapping[str, object]
    grant: Mapping[str, object]
    secrets: tuple[str, ...]
    max_ttl_seconds: int
    narrowed_to: tuple[str, ...] = ()


class PolicyReach(msgspec.Struct, frozen=True):
    """A policy in Cedar that can widen (`permit`) or narrow (`forbid`) all this.  No `upstreams`: any."""

    policy: str
    effect: str
    upstreams: tuple[str, ...]
    cedar: str


class Terms(msgspec.Struct, frozen=True):
    """A live delegation.  What is empty does not restrict."""

    id: str
    scope: str
    audience: str
    until: str
    depth_allowed: int


class AgentReach(msgspec.Struct, frozen=True):
    """What an agent can reach, and those it delegates to.

    `delegation` is how it comes into the tree.  Acting for the agent above, it can do what both roles and the
    delegation allow; what is listed is what it can do by itself.  `repeated` says that it stands further up
    already, and is not told again.
    """

    agent: str
    name: str
    role: str
    status: str
    networks: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    upstreams: list[UpstreamReach] = []
    leases: list[LeaseReach] = []
    mcp: tuple[McpAllow, ...] = ()
    policies: list[PolicyReach] = []
    acts_for: tuple[str, ...] = ()
    delegation: Terms | None = None
    repeated: bool = False
    delegates: list["AgentReach"] = []
