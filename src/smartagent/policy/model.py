# SPDX-License-Identifier: Apache-2.0
"""What a role, a call and an explanation are."""

from enum import StrEnum

import msgspec

from smartagent.kernel import UNLIMITED, Limits

ANY = "*"
"""In a role file: every upstream, or every method."""
CREDENTIAL_SCOPE = "credential:"
"""What the scope begins with that a token needs for a credential, and its name where policies speak of it."""
MCP_SCOPE = "mcp:"
"""The same for an MCP server."""


class Ask(StrEnum):
    """Who has to approve what a policy forbids until then."""

    CONFIRM = "confirm"
    """The person the agent acts for."""
    FOUR_EYES = "four-eyes"
    """Somebody else."""
    TWO_PERSON = "two-person"
    """Two others."""


class Allow(msgspec.Struct, frozen=True, gc=False):
    """One permission of a role: these methods on these paths of one upstream.

    `scope` is what the caller's token must hold for it.  `paths` are patterns
    (see `patterns`); `methods` may be `("*",)`.  `content_types` are those a body may have, and `operations`
    those that it may be (see `operations`); where none are listed, any.  `ask` says who has to approve each call.
    """

    scope: str
    upstream: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    content_types: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    ask: Ask | None = None


class ArgumentRule(msgspec.Struct, frozen=True, gc=False):
    """What one argument of a tool call must be: one of some values, a text, or a number between two.

    `path` are names with dots between them; `*` is every element.  Exactly one of the conditions is set.
    """

    path: str
    one_of: tuple[str | int | float | bool, ...] = ()
    prefix: str = ""
    pattern: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    optional: bool = False


class McpAllow(msgspec.Struct, frozen=True):
    """What a role may reach of one MCP server.

    Names are patterns with `*`; `arguments` hold for its tools.  `ask` says who has to approve each call.
    """

    server: str
    tools: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    arguments: tuple[ArgumentRule, ...] = ()
    ask: Ask | None = None


class McpKind(StrEnum):
    """What of an MCP server is reached.  Policies see it as the call's method."""

    TOOL = "TOOL"
    PROMPT = "PROMPT"
    RESOURCE = "RESOURCE"


class McpCall(msgspec.Struct, frozen=True, gc=False):
    """One thing of an MCP server that is reached.  `arguments` are None when it is only looked at in a list."""

    server: str
    kind: McpKind
    name: str
    arguments: dict[str, object] | None = None

    @property
    def call(self) -> "Call":
        """The same as policies see it."""
        return Call(f"{MCP_SCOPE}{self.server}", self.kind.value, self.name)


class ResourceKind(StrEnum):
    """What a credential opens, as far as a role can narrow it; the name of the block in a role file."""

    DATABASE = "database"
    FILES = "files"
    HOSTS = "hosts"
    CLOUD = "cloud"


class Item(msgspec.Struct, frozen=True, gc=False):
    """One thing that a credential gives.

    `SELECT` on `public.orders` or its column `public.orders/id`, `READ` of a directory, `LOGIN` as a principal, an
    action of a cloud on a resource, a `SCOPE`.
    """

    verb: str
    name: str

    def of(self, credential: str) -> "Call":
        """The same as policies see it."""
        return Call(
            f"{CREDENTIAL_SCOPE}{credential}", self.verb, f"/{credential}/{self.name.removeprefix('/')}"
        )

    def __str__(self) -> str:
        return f"{self.verb} {self.name}"


class ResourceAllow(msgspec.Struct, frozen=True):
    """What of a credential a lease of the role gives: these, and nothing else."""

    kind: ResourceKind
    credential: str
    items: tuple[Item, ...]


class Role(msgspec.Struct, frozen=True):
    """What agents of this role may do, for how long, and from where.

    `audiences` are those a token may be meant for besides the gateway.  No `networks` means
    from anywhere, and no `hours` (see `hours`) at any time.  A role without `allow` calls nothing.  `other_scopes` are for the house's own API and
    for other services, where no upstream is called.  `credentials` are those that may be leased.  `limits` are each
    agent's, and `shared_limits` those of all agents of the role together.  `mcp` is what may be reached of MCP servers.
    `resources` are credentials that may be leased narrowed.
    `flow` says what becomes of calls that would send private data outside: `shadow` (they are recorded) or `stop`.
    `prompt` is the SHA-256 of the prompt file that its agents must run with, in hexadecimal; empty for any.
    """

    name: str
    description: str = ""
    ttl_seconds: int = 900
    networks: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    allow: tuple[Allow, ...] = ()
    other_scopes: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()
    limits: Limits = UNLIMITED
    shared_limits: Limits = UNLIMITED
    mcp: tuple[McpAllow, ...] = ()
    flow: str = "shadow"
    prompt: str = ""
    resources: tuple[ResourceAllow, ...] = ()

    @property
    def leasable(self) -> tuple[str, ...]:
        """The names of the credentials that may be leased, whole or narrowed, each once."""
        return tuple(dict.fromkeys((*self.credentials, *(block.credential for block in self.resources))))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes a token may hold, each once: calls', others, one for each credential and each MCP server."""
        called = (block.scope for block in self.allow)
        leased = (CREDENTIAL_SCOPE + name for name in self.leasable)
        reached = (MCP_SCOPE + block.server for block in self.mcp)
        return tuple(dict.fromkeys((*called, *self.other_scopes, *leased, *reached)))


class Grants(msgspec.Struct, frozen=True):
    """What `tokens` needs to know of a role to issue a token.  `prompt` is as in `Role`."""

    audiences: tuple[str, ...]
    ttl_seconds: int
    scopes: tuple[str, ...]
    prompt: str = ""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A request to an upstream, exactly as it will be sent.  `path` has no query.

    `content_type` is empty when there is no body.  `operation` is the kind of what it does (`git-read`,
    `graphql:query`), where the upstream is one of which that is known, and `fields` are a GraphQL operation's at its top.
    """

    upstream: str
    method: str
    path: str
    content_type: str = ""
    operation: str = ""
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path[:200]} on {self.upstream}"


class RuleKind(StrEnum):
    """What is written, kept in versions and staged."""

    ROLE = "role"
    POLICY = "policy"


class StoredRole(msgspec.Struct, frozen=True):
    """A role as the store keeps it.  `cedar` is what it was compiled to, and what is enforced."""

    role: Role
    role_file: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: int
    changed_by: str

    @property
    def name(self) -> str:
        """The role's name."""
        return self.role.name

    @property
    def text(self) -> str:
        """What was written: the role file."""
        return self.role_file


class StoredPolicy(msgspec.Struct, frozen=True):
    """A policy written in Cedar.  It applies to every role."""

    name: str
    cedar: str
    allow_broad: bool
    version: int
    changed_at: int
    changed_by: str

    @property
    def text(self) -> str:
        """What was written: the Cedar text."""
        return self.cedar


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
    empty when nothing allowed it.  `elevation` says by what the agent has another role than its own, and `staged` which
    staged texts decide about this agent.
    """

    decision: str
    sentence: str
    rules: tuple[str, ...] = ()
    missing: str = ""
    nearest: NearestRule | None = None
    elevation: str = ""
    staged: str = ""
