# SPDX-License-Identifier: Apache-2.0
"""Passkeys, and what the pages read of the API's answers: only the members that a page shows."""

from enum import StrEnum

import msgspec


class Passkey(msgspec.Struct, frozen=True, array_like=True):
    """A WebAuthn credential of an operator.  `id` is its id in base64url; instants are Unix seconds.

    `credential` is the attested credential data (WebAuthn section 6.5.1), `counter` the highest signature
    counter that was seen.
    """

    id: str
    person: str
    name: str
    credential: bytes
    counter: int
    created_at: int
    used_at: int


class PasskeyView(msgspec.Struct, frozen=True):
    """A passkey, as shown.  `used_at` is empty when nobody signed in with it yet."""

    id: str
    name: str
    created_at: str
    used_at: str


class PasskeyList(msgspec.Struct, frozen=True):
    """The caller's passkeys, the oldest first."""

    passkeys: list[PasskeyView]


class Status(StrEnum):
    """The states of agents that a page can ask for."""

    DISCOVERED = "discovered"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Agent(msgspec.Struct, frozen=True):
    """A line of the inventory."""

    id: str
    name: str
    status: str
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


class AgentPage(msgspec.Struct, frozen=True):
    """A page of the inventory."""

    agents: list[Agent]
    next_cursor: str = ""


class Key(msgspec.Struct, frozen=True):
    """An agent's key."""

    thumbprint: str
    since: str


class Session(msgspec.Struct, frozen=True):
    """An agent's session with live tokens."""

    id: str
    tokens: int
    expires_at: str


class Lease(msgspec.Struct, frozen=True):
    """A lease that is not dead."""

    id: str
    credential: str
    state: str
    expires_at: str


class Delegation(msgspec.Struct, frozen=True):
    """A live delegation from an agent, or to it."""

    id: str
    from_id: str
    to_agent: str
    scope: str
    until: str


class Holdings(msgspec.Struct, frozen=True):
    """An agent and all that it could use at this instant."""

    agent: Agent
    keys: list[Key]
    sessions: list[Session]
    tokens: int
    leases: list[Lease]
    delegations: list[Delegation]


class Rule(msgspec.Struct, frozen=True):
    """What one rule lets through."""

    rule: str
    scope: str
    methods: list[str]
    paths: list[str]
    ask: str = ""


class Upstream(msgspec.Struct, frozen=True):
    """An upstream that an agent reaches."""

    upstream: str
    base_url: str
    secret: str
    rules: list[Rule]


class Leasable(msgspec.Struct, frozen=True):
    """A credential that an agent may lease."""

    credential: str
    provider: str
    kind: str
    max_ttl_seconds: int


class Reach(msgspec.Struct, frozen=True):
    """What an agent can reach, and those it delegates to."""

    agent: str
    name: str
    role: str
    status: str
    scopes: list[str] = []
    upstreams: list[Upstream] = []
    leases: list[Leasable] = []
    acts_for: list[str] = []
    delegates: list["Reach"] = []


class Fate(msgspec.Struct, frozen=True):
    """What became of one thing in an emergency."""

    what: str
    id: str
    fate: str
    died_at: str
    deadline: str
    note: str


class Report(msgspec.Struct, frozen=True):
    """What died when."""

    agent: str
    name: str
    revoked_at: str
    made_at: str
    complete: bool
    lines: list[Fate]


class Reported(msgspec.Struct, frozen=True):
    """A report, and the same signed."""

    report: Report
    signed: str


class Due(msgspec.Struct, frozen=True):
    """A line of the plan of rotations."""

    what: str
    kind: str
    due_at: str
    overdue: bool
    failure: str


class Plan(msgspec.Struct, frozen=True):
    """The plan of rotations."""

    due: list[Due]


class Asked(msgspec.Struct, frozen=True):
    """What an agent asks operators for."""

    id: str
    agent: str
    wanted: str
    reason: str
    created_at: str


class AskedList(msgspec.Struct, frozen=True):
    """What agents ask operators for."""

    requests: list[Asked]


class Review(msgspec.Struct, frozen=True):
    """An access review."""

    name: str
    due_at: str
    closed_at: str
    open_items: int


class ReviewList(msgspec.Struct, frozen=True):
    """The access reviews."""

    reviews: list[Review]


class Waiting(msgspec.Struct, frozen=True):
    """A call that waits for people, by its id."""

    id: str


class WaitingPage(msgspec.Struct, frozen=True):
    """Some of the calls that wait for people."""

    approvals: list[Waiting]
    next_cursor: str = ""


class Record(msgspec.Struct, frozen=True):
    """An entry of the log, as it was recorded."""

    event: str
    at_ms: int
    request: str
    caller: str = ""
    session: str = ""
    jti: str = ""
    subject: str = ""
    permission: str = ""
    target: str = ""
    decision: str = ""
    rule: str = ""
    reason: str = ""
    outcome: str = ""
    detail: dict[str, str | int] = {}


class Entry(msgspec.Struct, frozen=True):
    """An entry of the log, and where it stands."""

    index: int
    record: Record


class Found(msgspec.Struct, frozen=True):
    """Entries of the log, the newest first; `next` is the cursor of the next page, 0 on the last one."""

    entries: list[Entry]
    next: int


class Hour(msgspec.Struct, frozen=True):
    """What happened in an hour from `at` on."""

    at: str
    issued: int
    permitted: int
    refused: int


class Busy(msgspec.Struct, frozen=True):
    """How much an agent asked for."""

    agent: str
    requests: int
    refused: int


class Activity(msgspec.Struct, frozen=True):
    """What the newest entries of the log come to."""

    hours: list[Hour]
    busiest: list[Busy]
    entries: int
    since: str
    whole: bool


class Proven(msgspec.Struct, frozen=True):
    """An entry with its receipt."""

    index: int
    record: Record
    leaf: str
    proof: str


class Chain(msgspec.Struct, frozen=True):
    """The chain of custody of a token."""

    jti: str
    agent: str
    session: str
    checkpoint: str
    count: int
    next: int
    entries: list[Proven]


class BrowserSession(msgspec.Struct, frozen=True):
    """A session of the operator in a browser."""

    id: str
    way: str
    began_at: str
    seen_at: str
    expires_at: str


class BrowserSessionList(msgspec.Struct, frozen=True):
    """The operator's sessions in browsers."""

    sessions: list[BrowserSession]


class Operator(msgspec.Struct, frozen=True):
    """An operator."""

    id: str
    name: str
    created_at: str
    role: str


class ClaimLink(msgspec.Struct, frozen=True):
    """A claim link, shown once."""

    link: str
    expires_at: str


class OperatorList(msgspec.Struct, frozen=True):
    """All operators."""

    operators: list[Operator]


class Enrolment(msgspec.Struct, frozen=True):
    """An enrolment token, shown once."""

    id: str
    enrolment_token: str
    role: str
    expires_at: str


class Role(msgspec.Struct, frozen=True):
    """A role, by its name."""

    name: str


class RoleList(msgspec.Struct, frozen=True):
    """The roles."""

    roles: list[Role]
