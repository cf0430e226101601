# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies.  People are ids; names are looked up where people are listed."""

from typing import Literal

import msgspec

from smartagent.approvals.errors import MalformedDecision
from smartagent.approvals.model import Decided, Grant, Reach, Said
from smartagent.approvals.rules import MAX_REASON_CHARS, state_at
from smartagent.approvals.store import Shown
from smartagent.consent import visible
from smartagent.kernel import rfc3339


class PatternRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which calls to the same upstream: path patterns as in role files, and methods, the call's own unless said."""

    paths: list[str]
    methods: list[str] = []


class DecideRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/approvals/{id}/decide`.

    `version` is of the approval that was looked at; with 0 it does not matter.
    """

    decision: Literal["approve", "deny"]
    grant: Literal["once", "session", "pattern"] = "once"
    pattern: PatternRequest | None = None
    seconds: int = 3600
    reason: str = ""
    version: int = 0


class LineView(msgspec.Struct, frozen=True):
    """A line of a card."""

    name: str
    value: str


class CardView(msgspec.Struct, frozen=True):
    """What will happen.  All texts are safe to print."""

    title: str
    lines: list[LineView]
    notes: list[str]


class VoteView(msgspec.Struct, frozen=True):
    """What somebody said, and in which role: `confirm` or `people`."""

    by: str
    seat: str
    at: str
    reason: str


class ApprovalView(msgspec.Struct, frozen=True):
    """An approval, as shown."""

    id: str
    state: str
    agent: str
    role: str
    session: str
    acts_for: str
    kind: str
    upstream: str
    method: str
    card: CardView
    digest: str
    rules: list[str]
    confirm: bool
    confirmer: str
    people: int
    votes: list[VoteView]
    created_at: str
    ends_at: str
    version: int


class ApprovalPage(msgspec.Struct, frozen=True):
    """A page of approvals, newest first.  `next_cursor` is empty on the last page."""

    approvals: list[ApprovalView]
    next_cursor: str


class GrantView(msgspec.Struct, frozen=True):
    """A yes that goes further than one call."""

    id: str
    approval: str
    agent: str
    role: str
    session: str
    acts_for: str
    upstream: str
    methods: list[str]
    paths: list[str]
    approved_by: str
    ends_at: str
    uses: int


class GrantList(msgspec.Struct, frozen=True):
    """The grants in force."""

    grants: list[GrantView]


class DecidedView(msgspec.Struct, frozen=True):
    """What came of a decision.  `clamped` says what of the wish was cut."""

    approval: ApprovalView
    grant: GrantView | None
    clamped: list[str]


class ApproverView(msgspec.Struct, frozen=True):
    """How often somebody decided lately, and how often within three seconds of being asked."""

    person: str
    decided: int
    hasty: int


class ApproverList(msgspec.Struct, frozen=True):
    """Who decided how often, the busiest first."""

    approvers: list[ApproverView]


def said_in(asked: DecideRequest) -> Said:
    """Return what a request says.

    Raises:
        MalformedDecision: It says more than it may.
    """
    if len(asked.reason) > MAX_REASON_CHARS:
        raise MalformedDecision("reason", f"at most {MAX_REASON_CHARS} characters")
    pattern = asked.pattern or PatternRequest([])
    return Said(
        approve=asked.decision == "approve",
        reach=Reach(asked.grant),
        methods=tuple(dict.fromkeys(pattern.methods)),
        paths=tuple(dict.fromkeys(pattern.paths)),
        seconds=asked.seconds,
        reason=visible(asked.reason),
        version=asked.version,
    )


def approval_view(shown: Shown, confirmer: str, now: float, *, whole: bool) -> ApprovalView:
    """Show an approval; reasons only to who may see the `whole` of it."""
    approval, card = shown.approval, shown.card
    votes = [
        VoteView(vote.by, vote.seat.value, rfc3339(vote.at_ms // 1000), vote.reason if whole else "")
        for vote in approval.votes
    ]
    return ApprovalView(
        id=approval.id,
        state=state_at(approval, now).value,
        agent=approval.agent,
        role=approval.role,
        session=approval.session,
        acts_for=approval.subject,
        kind=approval.kind,
        upstream=approval.upstream,
        method=visible(approval.method),
        card=CardView(card.title, [LineView(line.name, line.value) for line in card.lines], list(card.notes)),
        digest=approval.digest,
        rules=approval.rules.split(",") if approval.rules else [],
        confirm=approval.confirm,
        confirmer=confirmer if approval.confirm else "",
        people=approval.people,
        votes=votes,
        created_at=rfc3339(approval.created_at_ms // 1000),
        ends_at=rfc3339(approval.ends_at),
        version=approval.version,
    )


def grant_view(grant: Grant) -> GrantView:
    """Show a grant."""
    return GrantView(
        id=grant.id,
        approval=grant.approval,
        agent=grant.agent,
        role=grant.role,
        session=grant.session,
        acts_for=grant.subject,
        upstream=grant.upstream,
        methods=list(grant.methods),
        paths=[visible(path) for path in grant.paths],
        approved_by=grant.approved_by,
        ends_at=rfc3339(grant.ends_at),
        uses=grant.uses,
    )


def decided_view(done: Decided, approval: ApprovalView) -> DecidedView:
    """Show what came of a decision."""
    grant = None if done.grant is None else grant_view(done.grant)
    return DecidedView(approval, grant, list(done.clamped))
