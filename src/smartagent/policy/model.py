# SPDX-License-Identifier: Apache-2.0
"""What a role, a call and an explanation are."""

import msgspec

ANY = "*"
"""In a role file: every upstream, or every method."""
CREDENTIAL_SCOPE = "credential:"
"""What the scope begins with that a token needs for a credential, and its name where policies speak of it."""


class Allow(msgspec.Struct, frozen=True, gc=False):
    """One permission of a role: these methods on these paths of one upstream.

    `scope` is what the caller's token must hold for it.  `paths` are patterns
    (see `patterns`); `methods` may be `("*",)`.
    """

    scope: str
    upstream: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]


class Role(msgspec.Struct, frozen=True):
    """What agents of this role may do, for how long, and from where.

    `audiences` are those a token may be meant for besides the gateway.  No `networks` means
    from anywhere.  A role without `allow` calls nothing.  `other_scopes` are for the house's own API and
    for other services, where no upstream is called.  `credentials` are those that may be leased.
    """

    name: str
    description: str = ""
    ttl_seconds: int = 900
    networks: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    allow: tuple[Allow, ...] = ()
    other_scopes: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes a token of this role may hold, each once: calls', others, and one for each credential."""
        called = (block.scope for block in self.allow)
        leased = (CREDENTIAL_SCOPE + name for name in self.credentials)
        return tuple(dict.fromkeys((*called, *self.other_scopes, *leased)))


class Grants(msgspec.Struct, frozen=True):
    """What `tokens` needs to know of a role to issue a token."""

    audiences: tuple[str, ...]
    ttl_seconds: int
    scopes: tuple[str, ...]


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request to an upstream, exactly as it will be sent.  `path` has no query."""

    upstream: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} on {self.upstream}"


class StoredRole(msgspec.Struct, frozen=True):
    """A role as the store keeps it.  `cedar` is what it was compiled to, and what is enforced."""

    role: Role
    role_file: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: int
    changed_by: str


class StoredPolicy(msgspec.Struct, frozen=True):
    """A policy written in Cedar.  It applies to every role."""

    name: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: int
    changed_by: str


class Condition(msgspec.Struct, frozen=True):
    """One thing an allow block asks for, and whether the call had it."""

    name: str
    holds: bool
    wanted: str
    got: str


class NearestRule(msgspec.Struct, frozen=True):
    """The allow block that came closest to allowing a call."""

    rule: str
    conditions: tuple[Condition, ...]


class Explanation(msgspec.Struct, frozen=True):
    """Why a call is permitted or not.

    `rules` are the ids of what decided (with the text of their `@id`, where that differs);
    empty when nothing allowed it.  `elevation` says by what the agent has another role than its own.
    """

    decision: str
    sentence: str
    rules: tuple[str, ...] = ()
    missing: str = ""
    nearest: NearestRule | None = None
    elevation: str = ""
