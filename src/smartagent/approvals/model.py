# SPDX-License-Identifier: Apache-2.0
"""What is asked for, what people say to it, and what comes of that.  Times of votes and births are Unix milliseconds."""

from enum import StrEnum
from typing import Final

import msgspec

from smartagent.kernel import Change, Write

APPROVAL_PAGE: Final = "/approvals/"
"""Where people decide in a browser; the approval's id follows."""
USE_SECONDS: Final = 600
"""How long what was approved may be used."""
MAX_GRANT_SECONDS: Final = 8 * 3600
MAX_PENDING: Final = 20
"""How much of one agent's may wait for people at once."""
KEPT_SECONDS: Final = 30 * 86_400
"""How long what is over can be looked at; the log keeps it for good."""


class State(StrEnum):
    """Where an approval is in its life; `rules` draws it."""

    PENDING = "pending"
    APPROVED = "approved"
    USED = "used"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Seat(StrEnum):
    """For what somebody's vote counts."""

    CONFIRM = "confirm"
    """The person that the agent acts for, or who answers for it."""
    PEOPLE = "people"
    """Another pair of eyes."""


class Reach(StrEnum):
    """How far a yes goes."""

    ONCE = "once"
    SESSION = "session"
    """The same upstream, method and path until the session ends."""
    PATTERN = "pattern"
    """Methods and paths of the same upstream, for a while."""


class Demand(msgspec.Struct, frozen=True):
    """Who has to agree: the person the agent acts for, and so many others, each another one."""

    confirm: bool
    people: int

    @property
    def votes(self) -> int:
        """How many have to agree."""
        return self.people + self.confirm


class Lives(msgspec.Struct, frozen=True):
    """How long approvals wait for people: for the one that an agent acts for alone, and for others."""

    confirm_seconds: int = 120
    people_seconds: int = 600


class Deed(msgspec.Struct, frozen=True):
    """What an agent is about to do, as a gate sees it.

    `kind` is the gate's (`http`, `mcp`, `lease`), `upstream` the entry's name and `place` where that leads.
    `fields` are the header fields that go along and may change what is done: no credentials.
    """

    kind: str
    upstream: str
    place: str
    method: str
    path: str
    query: str = ""
    content_type: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A line of a card: a name, and what it says."""

    name: str
    value: str


class Card(msgspec.Struct, frozen=True):
    """What a person is shown.  Every text in it is safe to print: bounded, one line, nothing hidden in it."""

    title: str
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()


class Vote(msgspec.Struct, frozen=True):
    """What somebody said."""

    by: str
    seat: Seat
    at_ms: int
    reason: str = ""


class Approval(msgspec.Struct, frozen=True, array_like=True):
    """An approval as every node holds it in memory while it matters.

    `slot` is unique: what names the same call of the same agent, person and session while it is open, its own id
    once it is over.  `ends_at` (Unix seconds) is until when somebody may decide; for what was approved, until when it
    may be used; for what was denied, until when nobody is asked again.  `subject` is whom the agent acts for.
    """

    id: str
    slot: str
    state: State
    agent: str
    role: str
    session: str
    subject: str
    kind: str
    upstream: str
    method: str
    path: str
    digest: str
    confirm: bool
    people: int
    rules: str
    votes: tuple[Vote, ...]
    created_at_ms: int
    ends_at: int
    version: int = 1

    @property
    def demand(self) -> Demand:
        """Who has to agree."""
        return Demand(self.confirm, self.people)


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """A yes that goes further than one call.  `session` is empty where it outlives the session."""

    id: str
    approval: str
    agent: str
    role: str
    session: str
    subject: str
    kind: str
    upstream: str
    place: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    seat: Seat
    approved_by: str
    approved_at_ms: int
    ends_at: int
    ended_at: int = 0
    uses: int = 0


class Said(msgspec.Struct, frozen=True):
    """What somebody says: yes or no, how far a yes goes, and why.  Empty `methods` and `paths` are the call's own."""

    approve: bool
    reach: Reach = Reach.ONCE
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    seconds: int = 3600
    reason: str = ""
    version: int = 0
    """The version that they were shown; 0 when it does not matter."""


class Decided(msgspec.Struct, frozen=True):
    """What comes of it, once its writes are durable."""

    approval: Approval
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]
    grant: Grant | None = None
    clamped: tuple[str, ...] = ()
    """What of the wish was cut, in words."""


class Obtained(msgspec.Struct, frozen=True):
    """Leave to act, once: `writes` belong into the commit that precedes the act, and fail when it was used.

    `id` is the approval's, or the grant's; `by` says who agreed.
    """

    id: str
    demand: Demand
    by: tuple[str, ...]
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]
