# SPDX-License-Identifier: Apache-2.0
"""What is asked of history, and what is told of it.

What is told comes in pages of the log.  A page is bounded, however long the log is; whoever asked for the
pages adds them up (`rules.Tally`).
"""

from typing import Annotated

import msgspec

Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
Index = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class HistoryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the log.

    `since` is Unix seconds.  `cursor` is `next` of the page before; 0 begins at `since`.  `roles` (role files)
    and `policies` (name to Cedar text) are a draft: they stand in for those of the same name.
    """

    since: Instant = 0
    cursor: Index = 0
    roles: list[str] = []
    policies: dict[str, str] = {}


class Example(msgspec.Struct, frozen=True):
    """One recorded request, where it stands in the log."""

    index: int
    at: str
    request: str
    path: str


class Shift(msgspec.Struct, frozen=True):
    """Recorded requests that a draft decides otherwise than it was decided then.

    `was`, `becomes` and `now` are `permit`, `deny`, or `ask` for what is allowed once somebody approves.
    `path` is a pattern, with `*` for what looks like an id.  `now` is what the rules in force say: where that is
    `becomes`, the draft changes nothing any more.  `by` are the rules of the draft that decide, or why none does.
    """

    agent: str
    role: str
    upstream: str
    method: str
    path: str
    was: str
    becomes: str
    now: str
    by: str
    calls: int
    examples: tuple[Example, ...] = ()


class ReplayPage(msgspec.Struct, frozen=True):
    """What a draft does to the entries `begin` to `end` (not included) of the log.

    `next` is the cursor of the next page; 0 when this was the last one.  `decided` requests were decided anew.
    `unreplayable` ones were recorded before records said on what a decision was made, and of the `lacking` ones the
    record does not say what the draft asks for.  `left_out` requests
    changed too, in groups for which there was no room.
    """

    begin: int
    end: int
    next: int
    decided: int
    unreplayable: int
    left_out: int
    shifts: list[Shift]
    lacking: int = 0


class UsageRequest(HistoryRequest, frozen=True, forbid_unknown_fields=True):
    """A page of the log, and whose use is wanted: an agent's, a role's, or everybody's."""

    agent: str = ""
    role: str = ""


class Use(msgspec.Struct, frozen=True):
    """Recorded requests that were allowed, of one kind.

    `path` is a pattern within what the role allows, and `scope` that of the rule; both are what a narrower role
    would have to say.  `allowed` is what the rules say now, and `by_role` whether it is the role that says so.
    """

    role: str
    scope: str
    upstream: str
    method: str
    path: str
    credential: str
    allowed: bool
    by_role: bool
    calls: int


class Incident(msgspec.Struct, frozen=True):
    """Something that makes history a bad teacher; for refusals, how many there were in the minute from `at` on."""

    kind: str
    agent: str
    at: str
    count: int


class UsagePage(msgspec.Struct, frozen=True):
    """What of the rules was used by the entries `begin` to `end` (not included) of the log.

    `rules` says how many requests each rule decided.  `first_ms` and `last_ms` are when the first and the last
    of them were made (Unix milliseconds).  The rest is as in `ReplayPage`.
    """

    begin: int
    end: int
    next: int
    decided: int
    unreplayable: int
    left_out: int
    first_ms: int
    last_ms: int
    rules: dict[str, int]
    uses: list[Use]
    incidents: list[Incident]
