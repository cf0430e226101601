# SPDX-License-Identifier: Apache-2.0
"""The API of approvals: operators look and decide, agents look at their own."""

from typing import Final

from smartagent.approvals.deciding import Deciding
from smartagent.approvals.errors import ApprovalNotFound
from smartagent.approvals.means import Means
from smartagent.approvals.memory import Memory
from smartagent.approvals.model import Approval, State
from smartagent.approvals.rules import state_at
from smartagent.approvals.store import Shown, read_page
from smartagent.approvals.views import (
    ApprovalPage,
    ApprovalView,
    ApproverList,
    ApproverView,
    DecideRequest,
    GrantList,
    approval_view,
    decided_view,
    grant_view,
    said_in,
)
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.kernel import Caller, CallerKind, Detail, IdPrefix, parse_id

APPROVED: Final = "approval.approved"
VOTED: Final = "approval.voted"
DENIED: Final = "approval.denied"
_EVENTS: Final = {State.APPROVED: APPROVED, State.PENDING: VOTED, State.DENIED: DENIED}
_FIELDS: Final = frozenset({"state", "cursor", "limit"})
_MOST: Final = 100
_USUAL: Final = 50
_NEWEST: Final = f"{IdPrefix.APPROVAL.value}_{'z' * 27}"
"""Sorts behind every id."""


class Desk:
    """The acts on approvals."""

    def __init__(self, means: Means, memory: Memory, deciding: Deciding) -> None:
        self._means = means
        self._memory = memory
        self._deciding = deciding

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of approvals, newest first: all, or those in a state; agents see their own.

        Raises:
            MalformedRequest: There is no such state, or no such page.
            MalformedId: The cursor is none of ours.
        """
        fields = parse_form(inbound.query.encode())
        state, limit = fields.get("state", ""), fields.get("limit", str(_USUAL))
        if not fields.keys() <= _FIELDS or (state and state not in set(State)):
            raise MalformedRequest(f"a list takes state, cursor and limit; states are {', '.join(State)}")
        if not limit.isdecimal() or not 0 < int(limit) <= _MOST:
            raise MalformedRequest(f"limit is 1 to {_MOST}")
        cursor = fields.get("cursor", "")
        found = await read_page(
            self._means.database,
            before=parse_id(cursor, IdPrefix.APPROVAL) if cursor else _NEWEST,
            most=int(limit) + 1,
            state=state,
            agent=caller.principal if caller.kind is CallerKind.AGENT else "",
        )
        page = found[: int(limit)]
        following = page[-1].approval.id if len(found) > int(limit) else ""
        now = self._means.clock.now()
        # One whose time is over and of which nobody has said so yet is in no list of its former state.
        views = [
            self._view(caller, each) for each in page if state in {"", state_at(each.approval, now).value}
        ]
        return Outcome(Reply(200, ApprovalPage(views, following)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show an approval; an agent's are shown to operators and to itself.

        Raises:
            ApprovalNotFound: There is none with this id, or it is another agent's.
        """
        shown = await self._deciding.find(parse_id(inbound.params["id"], IdPrefix.APPROVAL))
        if caller.kind is CallerKind.AGENT and shown.approval.agent != caller.principal:
            raise ApprovalNotFound("look at the list")
        return Outcome(Reply(200, self._view(caller, shown)), target=f"approval/{shown.approval.id}")

    async def decide(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say yes or no to what an agent would do.

        Raises:
            ApprovalNotFound: There is none with this id.
            ApprovalChanged: It is not what they were shown, or somebody else voted at this instant.
            ApprovalDecided: It waits for nobody any more.
            NotYourDecision: They may not agree to it.
            MalformedDecision: It cannot go so far.
        """
        asked = parse_json(inbound.body, DecideRequest)
        approval_id = parse_id(inbound.params["id"], IdPrefix.APPROVAL)
        shown = await self._deciding.find(approval_id)
        done = await self._deciding.decide(caller.principal, approval_id, said_in(asked))
        view = self._view(caller, Shown(done.approval, shown.place, shown.card))
        detail = _told(done.approval)
        if done.grant is not None:
            detail |= {"grant": done.grant.id, "grant_until": done.grant.ends_at}
        if asked.reason:
            detail["reason"] = done.approval.votes[-1].reason
        return Outcome(
            Reply(200, decided_view(done, view)),
            event=_EVENTS[done.approval.state],
            subject=done.approval.agent,
            target=f"approval/{approval_id}",
            detail=detail,
            writes=done.writes,
            changes=done.changes,
        )

    async def show_grants(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List the grants in force; agents see their own."""
        now, own = self._means.clock.now(), caller.principal if caller.kind is CallerKind.AGENT else ""
        found = [grant for grant in self._memory.grants() if now < grant.ends_at and own in {"", grant.agent}]
        return Outcome(Reply(200, GrantList([grant_view(grant) for grant in found])))

    async def end_grant(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """End a grant: from then on each call is asked about again.

        Raises:
            ApprovalGrantNotFound: There is none with this id, or it has ended.
        """
        grant_id = parse_id(inbound.params["id"], IdPrefix.APPROVAL_GRANT)
        done = await self._deciding.end(grant_id)
        return Outcome(
            Reply(204),
            subject=done.approval.agent,
            target=f"approval-grant/{grant_id}",
            writes=done.writes,
            changes=done.changes,
        )

    async def show_approvers(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Say who decided how often lately, and how often faster than a card can be read."""
        counted = await self._deciding.haste()
        views = [ApproverView(person, number, hasty) for person, (number, hasty) in counted.items()]
        views.sort(key=lambda each: (-each.decided, each.person))
        return Outcome(Reply(200, ApproverList(views)))

    def _view(self, caller: Caller, shown: Shown) -> ApprovalView:
        confirmer = self._deciding.confirmer_of(shown.approval)
        whole = caller.kind is not CallerKind.AGENT
        return approval_view(shown, confirmer, self._means.clock.now(), whole=whole)


def _told(approval: Approval) -> dict[str, Detail]:
    return {
        "kind": approval.kind,
        "upstream": approval.upstream,
        "digest": approval.digest,
        "for": approval.subject,
        "votes": len(approval.votes),
    }
