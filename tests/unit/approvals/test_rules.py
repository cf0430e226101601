# SPDX-License-Identifier: Apache-2.0
"""The rules of agreeing, against a small reference that is written another way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.approvals.errors import ApprovalDecided, MalformedDecision, NotYourDecision
from smartagent.approvals.granting import clamped
from smartagent.approvals.model import Approval, Demand, Lives, Reach, Said, Seat, State, Vote
from smartagent.approvals.rules import (
    confirmer_of,
    covers,
    decided,
    demand_of,
    expired,
    forgotten,
    life_of,
    satisfied,
    seat_for,
    state_at,
    used,
    withdrawn,
)
from smartagent.kernel import NeedsApproval
from tests.unit.approvals.world import changed

NOW = 1_800_000_000
WAITING = Approval(
    "apr_1", "slot", State.PENDING, "agt_1", "clerk", "ses_1", "prs_ada", "http", "shop", "POST", "/refunds", "digest",
    False, 1, "policy/x/1", (), NOW * 1000, NOW + 600,
)  # fmt: skip
YES, NO = Said(approve=True), Said(approve=False)
PEOPLE = ["agt_1", "prs_ada", "opr_1", "opr_2", "opr_3"]
demands = st.builds(Demand, st.booleans(), st.integers(0, 2)).filter(lambda demand: demand.votes)


def everybody(person, at_ms):
    return True


def say(approval, voter, said=YES, now=NOW):
    return decided(approval, said, voter, "prs_ada", now=now, stands=everybody)


def waiting(demand):
    return changed(WAITING, confirm=demand.confirm, people=demand.people)


def enough(demand, voters):
    """The reference: so many others as are asked for, and the person themself where that is asked."""
    others = {voter for voter in voters if voter.startswith("opr_")}
    return len(others) >= demand.people and (not demand.confirm or "prs_ada" in voters)


@given(demands, st.lists(st.sampled_from(PEOPLE), max_size=8), st.sets(st.sampled_from(PEOPLE)))
def test_votes_are_enough_when_the_reference_says_so_and_never_without_people(demand, voters, gone):
    approval = waiting(demand)
    for voter in voters:
        try:
            approval = say(approval, voter)
        except (NotYourDecision, ApprovalDecided):
            continue
    said = {vote.by for vote in approval.votes}
    assert (approval.state is State.APPROVED) == enough(demand, said)
    assert "agt_1" not in said
    assert len(said) == len(approval.votes)
    standing = satisfied(approval, demand, "prs_ada", lambda person, at_ms: person not in gone)
    assert bool(standing) == enough(demand, said - gone)


@given(demands, demands, st.lists(st.sampled_from(PEOPLE), max_size=8))
def test_an_approval_never_gives_more_than_is_asked_for_when_it_is_used(asked, wanted, voters):
    approval = waiting(asked)
    for voter in voters:
        try:
            approval = say(approval, voter)
        except (NotYourDecision, ApprovalDecided):
            continue
    if satisfied(approval, wanted, "prs_ada", everybody):
        assert enough(wanted, set(voters))
    if covers(asked, wanted) and approval.state is State.APPROVED and wanted.confirm == asked.confirm:
        assert satisfied(approval, wanted, "prs_ada", everybody)


@pytest.mark.parametrize("voter", ["agt_1", "prs_ada"])
def test_whoever_asks_does_not_approve(voter):
    with pytest.raises(NotYourDecision):
        say(WAITING, voter)


def test_nobody_votes_twice():
    with pytest.raises(NotYourDecision):
        say(say(waiting(Demand(False, 2)), "opr_1"), "opr_1")


def test_only_the_person_confirms_and_does_not_count_as_another():
    both = waiting(Demand(True, 1))
    assert seat_for(both, both.demand, "prs_ada", "prs_ada") is Seat.CONFIRM
    assert say(both, "prs_ada").state is State.PENDING
    assert say(say(both, "prs_ada"), "opr_1").state is State.APPROVED
    with pytest.raises(NotYourDecision):
        say(waiting(Demand(True, 0)), "opr_1")


def test_any_no_is_a_no_and_closes_it():
    denied = say(say(waiting(Demand(False, 2)), "opr_1"), "opr_2", NO)
    assert denied.state is State.DENIED
    assert denied.ends_at == WAITING.ends_at
    for voter, said in (("opr_3", YES), ("opr_3", NO)):
        with pytest.raises(ApprovalDecided):
            say(denied, voter, said)


@pytest.mark.parametrize("state", [state for state in State if state is not State.PENDING])
def test_what_is_not_pending_is_decided_by_nobody(state):
    with pytest.raises(ApprovalDecided):
        say(changed(WAITING, state=state), "opr_1")


def test_after_its_end_it_is_expired_whatever_its_row_says():
    for state in (State.PENDING, State.APPROVED):
        approval = changed(WAITING, state=state)
        assert state_at(approval, WAITING.ends_at - 0.001) is state
        assert state_at(approval, WAITING.ends_at) is State.EXPIRED
    assert state_at(changed(WAITING, state=State.DENIED), WAITING.ends_at) is State.DENIED
    with pytest.raises(ApprovalDecided):
        say(WAITING, "opr_1", now=WAITING.ends_at)


@pytest.mark.parametrize(
    ("step", "state"),
    [(used, State.USED), (expired, State.EXPIRED), (withdrawn, State.WITHDRAWN), (forgotten, State.DENIED)],
)
def test_what_is_over_frees_its_place_and_is_another_version(step, state):
    over = step(WAITING)
    assert (over.state, over.slot, over.version) == (state, WAITING.id, 2)


def test_a_vote_says_who_when_and_why():
    voted = say(WAITING, "opr_1", Said(approve=True, reason="seen the order"), now=NOW + 2.5)
    assert voted.votes == (Vote("opr_1", Seat.PEOPLE, NOW * 1000 + 2500, "seen the order"),)
    assert (voted.version, voted.ends_at) == (2, NOW + 2 + 600)


@pytest.mark.parametrize(
    ("agent", "subject", "who"),
    [("agt_1", "", "owner-of-agt_1"), ("agt_1", "prs_ada", "prs_ada"), ("agt_1", "agt_0", "owner-of-agt_0")],
)
def test_the_person_at_the_beginning_of_the_chain_confirms(agent, subject, who):
    assert confirmer_of(agent, subject, lambda each: f"owner-of-{each}") == who


def test_rules_that_ask_nobody_in_particular_ask_for_another_pair_of_eyes():
    assert demand_of(NeedsApproval("?")) == Demand(False, 1)
    assert demand_of(NeedsApproval("?", confirm=True)) == Demand(True, 0)
    assert demand_of(NeedsApproval("?", confirm=True, people=2)) == Demand(True, 2)


def test_a_confirmation_is_waited_for_less_long():
    assert [life_of(Demand(*each), Lives()) for each in ((True, 0), (False, 1), (True, 1))] == [120, 600, 600]


@pytest.mark.parametrize(
    ("said", "seconds", "cut"),
    [
        (Said(approve=True), 0, ()),
        (Said(approve=True, reach=Reach.SESSION, seconds=60), 28_800, ()),
        (Said(approve=True, reach=Reach.PATTERN, paths=("/**",), seconds=600), 600, ()),
        (
            Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",), seconds=10**9),
            28_800,
            ("seconds: 28800 instead of 1000000000",),
        ),
        (
            Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",), seconds=-5),
            60,
            ("seconds: 60 instead of -5",),
        ),
    ],
)
def test_a_yes_is_cut_to_what_it_may_be_and_says_so(said, seconds, cut):
    kept, told = clamped(WAITING, said)
    assert (kept.seconds, told) == (seconds, cut)


@pytest.mark.parametrize(
    "said",
    [
        Said(approve=True, paths=("/refunds",)),
        Said(approve=True, reach=Reach.SESSION, methods=("GET",)),
        Said(approve=True, reach=Reach.PATTERN),
        Said(approve=True, reach=Reach.PATTERN, paths=("/orders/**",)),
        Said(approve=True, reach=Reach.PATTERN, paths=("/refunds", "/a//b")),
        Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",), methods=("GET",)),
        Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",), methods=("POST", "post")),
        Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",), methods=("POST", "P" * 40)),
        Said(approve=True, reach=Reach.PATTERN, paths=tuple(f"/refunds/{n}" for n in range(17))),
    ],
)
def test_a_yes_that_does_not_fit_the_call_is_refused(said):
    with pytest.raises(MalformedDecision):
        clamped(WAITING, said)


@pytest.mark.parametrize("demand", [Demand(False, 2), Demand(True, 1), Demand(True, 2)])
@pytest.mark.parametrize("reach", [Reach.SESSION, Reach.PATTERN])
def test_what_several_people_agree_to_is_approved_once(demand, reach):
    with pytest.raises(MalformedDecision):
        clamped(waiting(demand), Said(approve=True, reach=reach, paths=("/refunds",)))
