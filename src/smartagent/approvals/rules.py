# SPDX-License-Identifier: Apache-2.0
"""The rules of agreeing, pure.

    [ pending ] --as many as are asked for agree--> [ approved ] --the act's own commit--> [ used ]
         |                                               |
         +--anybody who may decide--> [ denied ]         |
         +--its time is over--> [ expired ] <------------+
         +--the rules ask for more, the agent or its session is dead--> [ withdrawn ] <--+

What is pending or approved and whose time is over is expired, whatever its row says.  What follows from an approval
is never more than what was asked: it holds for one digest, and only while as many people stand by it as the rules
ask for at that instant.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from smartagent.approvals.errors import ApprovalDecided, NotYourDecision
from smartagent.approvals.model import (
    USE_SECONDS,
    Approval,
    Demand,
    Lives,
    Said,
    Seat,
    State,
    Vote,
)
from smartagent.kernel import NeedsApproval

MAX_REASON_CHARS: Final = 240
_AGENT: Final = "agt_"
_OPEN: Final = frozenset({State.PENDING, State.APPROVED})

Stands = Callable[[str, int], bool]
"""Says whether somebody may still decide, so that what they said at an instant (Unix milliseconds) counts."""


def demand_of(needs: NeedsApproval) -> Demand:
    """Return who has to agree; rules that ask without saying whom want another pair of eyes."""
    return Demand(needs.confirm, max(needs.people, 0 if needs.confirm else 1))


def life_of(demand: Demand, lives: Lives) -> int:
    """Return how many seconds an approval waits for people."""
    return lives.people_seconds if demand.people else lives.confirm_seconds


def confirmer_of(agent: str, subject: str, owner_of: Callable[[str], str]) -> str:
    """Return who can confirm: the person that the agent acts for, else who answers for the agent at the chain's begin."""
    if subject and not subject.startswith(_AGENT):
        return subject
    return owner_of(subject or agent)


def state_at(approval: Approval, now: float) -> State:
    """Return where an approval is at `now` (Unix seconds)."""
    return State.EXPIRED if approval.state in _OPEN and now >= approval.ends_at else approval.state


def seat_for(approval: Approval, demand: Demand, voter: str, confirmer: str) -> Seat | None:
    """Say for what `voter` counts; None when they may not agree to it."""
    if voter == approval.agent:
        return None
    if demand.confirm and voter == confirmer:
        return Seat.CONFIRM
    # Whom the agent acts for asks through it: nobody is their own second pair of eyes.
    return Seat.PEOPLE if demand.people and voter != approval.subject else None


def satisfied(approval: Approval, demand: Demand, confirmer: str, stands: Stands) -> tuple[str, ...]:
    """Return who stands by an approval when they are as many as `demand` asks for; nobody when they are not."""
    seats = {
        vote.by: seat_for(approval, demand, vote.by, confirmer)
        for vote in approval.votes
        if stands(vote.by, vote.at_ms)
    }
    people = sum(seat is Seat.PEOPLE for seat in seats.values())
    if people < demand.people or (demand.confirm and Seat.CONFIRM not in seats.values()):
        return ()
    return tuple(by for by, seat in seats.items() if seat is not None)


def covers(had: Demand, demand: Demand) -> bool:
    """Say whether who agreed to `had` agreed to all that `demand` asks for."""
    return had.people >= demand.people and had.confirm >= demand.confirm


def decided(
    approval: Approval, said: Said, voter: str, confirmer: str, *, now: float, stands: Stands
) -> Approval:
    """Return the approval after `voter` said yes or no.

    Raises:
        ApprovalDecided: It waits for nobody any more.
        NotYourDecision: They may not agree to it, or have done so already.
    """
    state = state_at(approval, now)
    if state is not State.PENDING:
        raise ApprovalDecided(f"it is {state.value}")
    seat = seat_for(approval, approval.demand, voter, confirmer)
    if not said.approve:
        told = Vote(voter, seat or Seat.PEOPLE, int(now * 1000), said.reason)
        return _to(approval, State.DENIED, votes=(*approval.votes, told))
    if seat is None:
        raise NotYourDecision(
            "the person that it is done for confirms it" if approval.confirm else "somebody else approves it"
        )
    if any(vote.by == voter for vote in approval.votes):
        raise NotYourDecision("you have approved it; another person has to")
    voted = _to(
        approval,
        State.PENDING,
        votes=(*approval.votes, Vote(voter, seat, int(now * 1000), said.reason)),
    )
    if not satisfied(voted, voted.demand, confirmer, stands):
        return voted
    return structs.replace(voted, state=State.APPROVED, ends_at=int(now) + USE_SECONDS)


def used(approval: Approval) -> Approval:
    """Return the approval after its act."""
    return _over(approval, State.USED)


def expired(approval: Approval) -> Approval:
    """Return the approval after its time."""
    return _over(approval, State.EXPIRED)


def withdrawn(approval: Approval) -> Approval:
    """Return the approval after what it was asked by is gone."""
    return _over(approval, State.WITHDRAWN)


def forgotten(approval: Approval) -> Approval:
    """Return what was denied after its time: the same may be asked again."""
    return _over(approval, State.DENIED)


def _to(approval: Approval, state: State, *, votes: tuple[Vote, ...]) -> Approval:
    return structs.replace(approval, state=state, votes=votes, version=approval.version + 1)


def _over(approval: Approval, state: State) -> Approval:
    return structs.replace(approval, state=state, slot=approval.id, version=approval.version + 1)
