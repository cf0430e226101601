# SPDX-License-Identifier: Apache-2.0
"""What gates call: find leave for an act, or file an approval and wait.

    the same is approved, and as many stand by it as is asked --> leave, used up by the act's own commit
    a grant covers it -----------------------------------------> leave
    the same waits --> join it, and wait
    nothing ---------> file it, and wait

Leave is bound to the agent, whom it acts for, its session and the digest of the act.  What the gate gets are writes:
they are in the commit that precedes the act, so two nodes cannot both use one approval.
"""

import math
from typing import Final

import msgspec

from smartagent.approvals.card import IsSecret, card_of, digest_of
from smartagent.approvals.errors import (
    ApprovalChanged,
    ApprovalDenied,
    ApprovalExpired,
    ApprovalMismatch,
    ApprovalPending,
    ApprovalUsed,
    TooManyPending,
)
from smartagent.approvals.granting import grant_holds
from smartagent.approvals.means import Means
from smartagent.approvals.memory import Memory
from smartagent.approvals.model import MAX_PENDING, Approval, Card, Deed, Demand, Obtained, State
from smartagent.approvals.rules import (
    confirmer_of,
    covers,
    demand_of,
    expired,
    forgotten,
    life_of,
    satisfied,
    state_at,
    used,
    withdrawn,
)
from smartagent.approvals.store import (
    add_approval,
    approval_changed,
    read_approval,
    read_slot,
    set_approval,
    use_grant,
)
from smartagent.crypto import b64u, sha256
from smartagent.kernel import Caller, Decision, IdPrefix, NeedsApproval, Record, Work, Write, rfc3339
from smartagent.notices import NoticeKind

REQUESTED: Final = "approval.requested"


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants leave for.

    `wait_seconds` is how long they would wait for people, and `named` the approval that they say they have.  `request`
    is the id of the request that the act is part of.
    """

    deed: Deed
    request: str
    wait_seconds: float = 0
    named: str = ""


class Asking:
    """Finds leave, or asks people for it."""

    def __init__(self, means: Means, memory: Memory) -> None:
        self._means = means
        self._memory = memory

    async def obtain(self, caller: Caller, needs: NeedsApproval, wish: Wish, is_secret: IsSecret) -> Obtained:
        """Return leave for an act, as soon as there is any.

        Args:
            caller: Who would act.
            needs: What the rules ask for at this instant.
            wish: The act, and how long to wait.
            is_secret: Says whether a text holds something that the vault keeps.

        Raises:
            ApprovalPending: Nobody has decided within the wait.
            ApprovalDenied: Somebody said no.
            ApprovalExpired: Nobody decided in time.
            ApprovalUsed: The approval that was waited for went to another call.
            ApprovalMismatch: The approval that is named is for something else.
            TooManyPending: Too much of this agent's waits already.
            StoreUnavailable: It cannot be filed.
        """
        demand, clock = demand_of(needs), self._means.clock
        slot = slot_of(caller, digest_of(wish.deed))
        await self._check_named(slot, wish.named)
        granted = None if self._is_decided(slot, demand) else self._granted(caller, demand, wish.deed)
        if granted is not None:
            return granted
        until = clock.monotonic() + wish.wait_seconds
        approval = await self._file_or_join(caller, needs, wish, slot, is_secret)
        while True:
            leave = self._leave(approval, demand)
            if leave is not None:
                return leave
            left = min(until - clock.monotonic(), wish.wait_seconds)
            lives = max(0.0, approval.ends_at - clock.now())
            changed = left > 0 and await self._memory.changed(approval.id, min(left, lives))
            if not changed and left <= lives:
                raise ApprovalPending(approval.id, self.location(approval.id))
            approval = await self._again(approval.id)

    def location(self, approval: str) -> str:
        """Return the address where an approval can be looked at."""
        return f"{self._means.issuer}/v1/approvals/{approval}"

    async def _check_named(self, slot: str, named: str) -> None:
        """Refuse a call that says it has an approval which is another call's.

        Raises:
            ApprovalMismatch: It is not in this call's place, or was never.
            ApprovalUsed, ApprovalExpired: It was, and is over.
        """
        known = self._memory.in_slot(slot)
        if not named or (known is not None and known.id == named):
            return
        shown = await read_approval(self._means.database, named)
        if shown is None or _slot(shown.approval) != slot:
            raise ApprovalMismatch("it is not for this very call, agent, session and person")
        if shown.approval.slot != slot:
            raise _over(shown.approval)

    def _is_decided(self, slot: str, demand: Demand) -> bool:
        """Say whether somebody decided about this very call: that goes before any grant."""
        known = self._memory.in_slot(slot)
        return known is not None and known.state is not State.PENDING and self._still_asks(known, demand)

    def _granted(self, caller: Caller, demand: Demand, deed: Deed) -> Obtained | None:
        now = self._means.clock.now()
        for grant in self._memory.grants():
            good = grant_holds(grant, caller, deed, demand, now=now)
            if good and self._means.stands(grant.approved_by, grant.approved_at_ms):
                if not self._means.alive(grant.agent, grant.session, grant.approved_at_ms):
                    continue
                return Obtained(grant.id, demand, (grant.approved_by,), (use_grant(grant.id),), ())
        return None

    def _leave(self, approval: Approval, demand: Demand) -> Obtained | None:
        """Return leave when an approval gives it now; None when it has to be waited for.

        Raises:
            ApprovalDenied, ApprovalExpired, ApprovalUsed: It gives none any more.
        """
        match state_at(approval, self._means.clock.now()):
            case State.PENDING:
                return None
            case State.DENIED:
                raise ApprovalDenied(approval.id)
            case State.APPROVED:
                by = self._standing(approval, demand)
                if not by:
                    raise ApprovalExpired(approval.id)
                spent = set_approval(used(approval), ApprovalUsed(approval.id))
                return Obtained(approval.id, demand, by, (spent,), (approval_changed(approval.id),))
            case _:
                raise _over(approval)

    def _standing(self, approval: Approval, demand: Demand) -> tuple[str, ...]:
        confirmer = confirmer_of(approval.agent, approval.subject, self._means.owner_of)
        return satisfied(approval, demand, confirmer, self._means.stands)

    async def _again(self, approval: str) -> Approval:
        known = self._memory.approval(approval)
        if known is not None:
            return known
        shown = await read_approval(self._means.database, approval)
        if shown is None:
            raise ApprovalExpired(approval)
        return shown.approval

    async def _file_or_join(
        self, caller: Caller, needs: NeedsApproval, wish: Wish, slot: str, is_secret: IsSecret
    ) -> Approval:
        """Return the approval that this call waits for, or has."""
        known = self._memory.in_slot(slot)
        while True:
            if known is not None and self._still_asks(known, demand_of(needs)):
                return known
            try:
                filed = await self._file(caller, needs, wish, known, is_secret)
            except ApprovalChanged:
                # Somebody filed, decided or used the same at this instant: go by what they did.
                known = await read_slot(self._means.database, slot)
            else:
                # It may have been decided while this node caught up with its own commit.
                return await self._again(filed)

    def _still_asks(self, known: Approval, demand: Demand) -> bool:
        """Say whether to go by an approval; not when it is over, or the rules ask for more than it has."""
        match state_at(known, self._means.clock.now()):
            case State.PENDING:
                return covers(known.demand, demand)
            case State.APPROVED:
                return bool(self._standing(known, demand))
            case State.DENIED:
                return self._means.clock.now() < known.ends_at
            case _:
                return False

    async def _file(
        self, caller: Caller, needs: NeedsApproval, wish: Wish, before: Approval | None, is_secret: IsSecret
    ) -> str:
        now, deed = self._means.clock.now(), wish.deed
        if self._memory.pending_of(caller.principal, now) >= MAX_PENDING:
            raise TooManyPending(f"{MAX_PENDING} wait already; wait for some of them")
        demand = demand_of(needs)
        digest = digest_of(deed)
        approval = Approval(
            id=self._means.ids.new(IdPrefix.APPROVAL),
            slot=slot_of(caller, digest),
            state=State.PENDING,
            agent=caller.principal,
            role=caller.role,
            session=caller.session,
            subject=caller.subject,
            kind=deed.kind,
            upstream=deed.upstream,
            method=deed.method,
            path=deed.path,
            digest=digest,
            confirm=demand.confirm,
            people=demand.people,
            rules=",".join(needs.rules),
            votes=(),
            created_at_ms=int(now * 1000),
            ends_at=math.ceil(now) + life_of(demand, self._means.lives),
        )
        card = card_of(deed, is_secret)
        cleared = () if before is None else (_cleared(before, now),)
        writes = (
            *(set_approval(each) for each in cleared),
            add_approval(approval, deed.place, card),
            self._notice(approval, card),
        )
        changes = tuple(approval_changed(each.id) for each in (*cleared, approval))
        work = Work((self._record(caller, wish, approval),), writes=writes, changes=changes)
        await self._means.commit(work, caller)
        return approval.id

    def _notice(self, approval: Approval, card: Card) -> Write:
        """Have people hear of it: what, by whom and until when; not what is in it."""
        return self._means.tell(
            NoticeKind.APPROVALS,
            approval.id,
            f"Somebody has to approve: {card.title}",
            (
                f"asked by {approval.agent}" + (f", for {approval.subject}" if approval.subject else ""),
                f"until {rfc3339(approval.ends_at)}: smartagentctl approvals show {approval.id}",
            ),
            f"/v1/approvals/{approval.id}",
        )

    def _record(self, caller: Caller, wish: Wish, approval: Approval) -> Record:
        return Record(
            event=REQUESTED,
            at_ms=approval.created_at_ms,
            request=wish.request,
            caller=caller.principal,
            session=caller.session,
            jti=caller.jti,
            subject=approval.upstream,
            target=f"approval/{approval.id}",
            decision=Decision.PERMIT,
            rule=approval.rules,
            detail={
                "kind": approval.kind,
                "digest": approval.digest,
                "for": approval.subject,
                "confirm": int(approval.confirm),
                "people": approval.people,
                "until": approval.ends_at,
            },
        )


def slot_of(caller: Caller, digest: str) -> str:
    """Return what names the same act of the same agent, in the same session, for the same person."""
    return _named(caller.principal, caller.session, caller.subject, digest)


def _slot(approval: Approval) -> str:
    return _named(approval.agent, approval.session, approval.subject, approval.digest)


def _named(agent: str, session: str, subject: str, digest: str) -> str:
    return b64u(sha256(msgspec.json.encode((agent, session, subject, digest))))


def _over(approval: Approval) -> ApprovalUsed | ApprovalExpired | ApprovalDenied:
    match approval.state:
        case State.USED:
            return ApprovalUsed(approval.id)
        case State.DENIED:
            return ApprovalDenied(approval.id)
        case _:
            return ApprovalExpired(approval.id)


def _cleared(before: Approval, now: float) -> Approval:
    """Return what stands in the way of asking anew, out of the way."""
    match state_at(before, now):
        case State.DENIED:
            return forgotten(before)
        case State.EXPIRED:
            return expired(before)
        case _:
            return withdrawn(before)
