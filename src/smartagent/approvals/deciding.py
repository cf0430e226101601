# SPDX-License-Identifier: Apache-2.0
"""What people say to approvals, and what is ended.  Whoever asks them proves who they are; here they are an id."""

from typing import Final

from smartagent.approvals.errors import (
    ApprovalChanged,
    ApprovalDecided,
    ApprovalGrantNotFound,
    ApprovalNotFound,
    NotYourDecision,
)
from smartagent.approvals.granting import clamped
from smartagent.approvals.means import Means
from smartagent.approvals.model import Approval, Card, Decided, Grant, Reach, Said, State
from smartagent.approvals.rules import confirmer_of, decided, seat_for, state_at, withdrawn
from smartagent.approvals.store import (
    Shown,
    add_grant,
    approval_changed,
    end_grant,
    grant_changed,
    read_approval,
    read_grants,
    read_votes,
    set_approval,
)
from smartagent.kernel import IdPrefix

HASTY_MS: Final = 3000
"""Whoever decides faster than this has hardly read the card."""
_COUNTED: Final = 10_000


class Deciding:
    """Takes what people say."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def find(self, approval: str) -> Shown:
        """Return an approval with its card.

        Raises:
            ApprovalNotFound: There is none with this id.
            StoreUnavailable: The store cannot be read.
        """
        shown = await read_approval(self._means.database, approval)
        if shown is None:
            raise ApprovalNotFound("look at the list")
        return shown

    async def card_for(self, approval_id: str, agent: str, voter: str) -> Card:
        """Return the card of a call of `agent` that waits for `voter`, as somebody asks them about it.

        Raises:
            ApprovalNotFound: There is none with this id, or it is another agent's.
            ApprovalDecided: It waits for nobody any more.
            NotYourDecision: They may not agree to it.
        """
        shown = await self.find(approval_id)
        approval = shown.approval
        if approval.agent != agent:
            raise ApprovalNotFound("it is another agent's")
        state = state_at(approval, self._means.clock.now())
        if state is not State.PENDING:
            raise ApprovalDecided(f"it is {state.value}")
        if seat_for(approval, approval.demand, voter, self.confirmer_of(approval)) is None:
            raise NotYourDecision("ask somebody else")
        return shown.card

    def confirmer_of(self, approval: Approval) -> str:
        """Return who can confirm: the person that the agent acts for, else who answers for it."""
        return confirmer_of(approval.agent, approval.subject, self._means.owner_of)

    async def decide(self, voter: str, approval_id: str, said: Said) -> Decided:
        """Say what comes of somebody's yes or no: it happens when the writes are durable.

        Args:
            voter: Who says it, as they have proven.
            approval_id: What they say it to.
            said: What they say.

        Raises:
            ApprovalNotFound: There is none with this id.
            ApprovalChanged: It is not what they were shown.
            ApprovalDecided: It waits for nobody any more.
            NotYourDecision: They may not agree to it.
            MalformedDecision: It cannot go so far.
        """
        shown = await self.find(approval_id)
        approval = shown.approval
        if said.version not in {0, approval.version}:
            raise ApprovalChanged(approval.id)
        if not self._means.alive(approval.agent, approval.session, approval.created_at_ms):
            raise ApprovalDecided("the agent, or its session, was revoked")
        kept, cut = clamped(approval, said) if said.approve else (said, ())
        now = self._means.clock.now()
        confirmer = self.confirmer_of(approval)
        after = decided(approval, kept, voter, confirmer, now=now, stands=self._means.stands)
        grant = self._grant(shown, after, kept, now) if after.state is State.APPROVED else None
        writes, changes = [set_approval(after)], [approval_changed(after.id)]
        if grant is not None:
            writes.append(add_grant(grant))
            changes.append(grant_changed(grant.id))
        return Decided(after, tuple(writes), tuple(changes), grant, cut)

    async def end(self, grant_id: str) -> Decided:
        """End a grant, and what was approved with it and not used yet.

        Raises:
            ApprovalGrantNotFound: There is none, or it has ended.
        """
        found = await read_grants(self._means.database, grant_id)
        if not found or found[0].ended_at:
            raise ApprovalGrantNotFound("look at the list")
        approval = (await self.find(found[0].approval)).approval
        writes = [end_grant(grant_id, now=int(self._means.clock.now()))]
        changes = [grant_changed(grant_id)]
        if approval.state is State.APPROVED:
            approval = withdrawn(approval)
            writes.append(set_approval(approval))
            changes.append(approval_changed(approval.id))
        return Decided(approval, tuple(writes), tuple(changes), found[0])

    async def haste(self) -> dict[str, tuple[int, int]]:
        """Count by person how often they decided lately, and how often within `HASTY_MS` of being asked.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        counted: dict[str, tuple[int, int]] = {}
        for votes, asked_at_ms in await read_votes(self._means.database, most=_COUNTED):
            for vote in votes:
                number, hasty = counted.get(vote.by, (0, 0))
                counted[vote.by] = number + 1, hasty + (vote.at_ms - asked_at_ms < HASTY_MS)
        return counted

    def _grant(self, shown: Shown, after: Approval, said: Said, now: float) -> Grant | None:
        if said.reach is Reach.ONCE:
            return None
        vote = after.votes[-1]
        return Grant(
            id=self._means.ids.new(IdPrefix.APPROVAL_GRANT),
            approval=after.id,
            agent=after.agent,
            role=after.role,
            session=after.session if said.reach is Reach.SESSION else "",
            subject=after.subject,
            kind=after.kind,
            upstream=after.upstream,
            place=shown.place,
            methods=said.methods or (after.method,),
            paths=said.paths or (after.path,),
            seat=vote.seat,
            approved_by=vote.by,
            approved_at_ms=vote.at_ms,
            ends_at=int(now) + said.seconds,
        )
