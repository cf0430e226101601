# SPDX-License-Identifier: Apache-2.0
"""What gates get: leave that works once, for one act, as long as those stand by it who gave it."""

import asyncio

import pytest

from smartagent.approvals import (
    ApprovalChanged,
    ApprovalDenied,
    ApprovalExpired,
    ApprovalMismatch,
    ApprovalNotFound,
    ApprovalPending,
    ApprovalUsed,
    Said,
    State,
    TooManyPending,
)
from smartagent.approvals.model import MAX_PENDING, Reach
from tests.unit.approvals.world import BOT, BOTH, CONFIRM, FOUR_EYES, REFUND, TWO, changed, work_of

YES, NO = Said(approve=True), Said(approve=False)


async def pending(world, **asked):
    with pytest.raises(ApprovalPending) as caught:
        await world.obtain(**asked)
    return caught.value.approval


async def use(world, leave):
    await world.store.commit(work_of(leave))


async def test_what_was_approved_may_be_done_once(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    leave = await world.obtain()
    assert (leave.id, leave.by) == (asked, ("opr_1",))
    await use(world, leave)
    assert (await world.approvals.find(asked)).approval.state is State.USED
    again = await pending(world)
    assert again != asked


async def test_of_two_that_use_one_approval_at_once_one_does(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    first, second = await world.obtain(), await world.obtain()
    await use(world, first)
    with pytest.raises(ApprovalUsed):
        await use(world, second)


async def test_the_same_call_joins_what_waits(world):
    asked = await pending(world)
    assert await pending(world) == asked
    assert world.waiting() == [asked]
    assert [record.event for record in world.store.records].count("approval.requested") == 1


async def test_two_that_file_the_same_at_once_wait_for_one(world):
    results = await asyncio.gather(*(world.obtain() for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {ApprovalPending}
    assert len({result.approval for result in results}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"body": b'{"order":"7","amount":1201}'},
        {"path": "/refunds/8"},
        {"query": "dry=1"},
        {"method": "PUT"},
        {"content_type": "text/plain"},
        {"fields": (("x-amz-target", "Table.Drop"),)},
        {"place": "https://other.example"},
        {"upstream": "shop2"},
        {"kind": "websocket"},
    ],
)
async def test_another_call_finds_no_leave_and_may_not_name_it(world, other):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    deed = changed(REFUND, **other)
    with pytest.raises(ApprovalMismatch):
        await world.obtain(deed=deed, named=asked)
    assert await pending(world, deed=deed) != asked
    assert (await world.obtain(named=asked)).id == asked


@pytest.mark.parametrize("other", [{"principal": "agt_2"}, {"session": "ses_2"}, {"subject": "prs_1"}])
async def test_leave_is_bound_to_agent_session_and_person(world, other):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    caller = changed(BOT, **other)
    with pytest.raises(ApprovalMismatch):
        await world.obtain(caller=caller, named=asked)
    assert await pending(world, caller=caller) != asked


async def test_who_names_a_used_approval_is_told_so(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    await use(world, await world.obtain())
    with pytest.raises(ApprovalUsed):
        await world.obtain(named=asked)
    with pytest.raises(ApprovalMismatch):
        await world.obtain(named="apr_00000000000000000000000000")


async def test_a_call_that_waits_goes_on_at_the_yes(world):
    held = asyncio.create_task(world.obtain(wait=30))
    asked = await world.filed()
    await world.decide(asked, "opr_1", YES)
    assert (await held).id == asked


async def test_a_call_that_waits_ends_at_the_no_and_nobody_is_asked_again_for_a_while(world):
    held = asyncio.create_task(world.obtain(wait=30))
    asked = await world.filed()
    await world.decide(asked, "opr_1", NO)
    for attempt in (held, world.obtain(), world.obtain(named=asked)):
        with pytest.raises(ApprovalDenied):
            await attempt
    world.clock.at += 601
    assert await pending(world) != asked
    assert (await world.approvals.find(asked)).approval.state is State.DENIED


async def test_of_two_calls_that_wait_for_one_approval_one_gets_it(world):
    held = [asyncio.create_task(world.obtain(wait=30)) for _ in range(2)]
    await world.decide(await world.filed(), "opr_1", YES)
    leaves = await asyncio.gather(*held)
    await use(world, leaves[0])
    with pytest.raises(ApprovalUsed):
        await use(world, leaves[1])


async def test_expiry_means_no(world):
    asked = await pending(world)
    world.clock.at += 600
    again = await pending(world)
    assert again != asked
    assert (await world.approvals.find(asked)).approval.state is State.EXPIRED


async def test_a_call_that_waits_longer_than_people_may_take_is_told_that_it_is_over(world):
    held = asyncio.create_task(world.obtain(wait=3600))
    asked = await world.filed()
    world.clock.at += 601
    await world.approvals.tend(world.store)
    with pytest.raises(ApprovalExpired):
        await held
    assert [record.event for record in world.store.records][-1] == "approval.expired"
    assert (await world.approvals.find(asked)).approval.state is State.EXPIRED


async def test_what_was_approved_is_not_good_for_ever(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    world.clock.at += 601
    assert await pending(world) != asked


async def test_a_vote_of_somebody_who_lost_the_right_does_not_count(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    world.gone.add("opr_1")
    again = await pending(world)
    assert again != asked
    assert (await world.approvals.find(asked)).approval.state is State.WITHDRAWN


async def test_rules_that_ask_for_more_meanwhile_ask_again(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", YES)
    more = await pending(world, needs=TWO)
    assert more != asked
    await world.decide(more, "opr_1", YES)
    await world.decide(more, "opr_2", YES)
    assert set((await world.obtain(needs=TWO)).by) == {"opr_1", "opr_2"}
    # Whoever asks for less is content with more.
    assert (await world.obtain(needs=FOUR_EYES)).id == more


async def test_what_waits_is_asked_anew_when_the_rules_ask_for_more(world):
    asked = await pending(world, needs=CONFIRM)
    both = await pending(world, needs=BOTH)
    assert both != asked
    assert world.waiting() == [both]


async def test_so_much_of_an_agent_may_wait(world):
    for number in range(MAX_PENDING):
        await pending(world, deed=changed(REFUND, path=f"/refunds/{number}"))
    with pytest.raises(TooManyPending):
        await world.obtain()
    await pending(world, caller=changed(BOT, principal="agt_2"))
    # What waits already may be joined.
    await pending(world, deed=changed(REFUND, path="/refunds/3"))


async def test_a_session_grant_covers_the_same_path_in_this_session(world):
    asked = await pending(world)
    await world.decide(asked, "opr_1", Said(approve=True, reach=Reach.SESSION))
    await use(world, await world.obtain())
    other = changed(REFUND, body=b'{"order":"8"}')
    leave = await world.obtain(deed=other)
    assert leave.id.startswith("apg_")
    await use(world, leave)
    await use(world, await world.obtain(deed=other))
    assert world.approvals.memory.grants()[0].session == BOT.session
    for deed in (changed(other, path="/refunds/9"), changed(other, method="PUT")):
        await pending(world, deed=deed)
    for caller in ({"session": "ses_2"}, {"role": "other"}, {"principal": "agt_2"}, {"subject": "prs_1"}):
        await pending(world, deed=other, caller=changed(BOT, **caller))


async def test_a_pattern_grant_covers_its_pattern_for_its_time(world):
    asked = await pending(world)
    said = Said(
        approve=True, reach=Reach.PATTERN, paths=("/refunds/**",), methods=("POST", "PUT"), seconds=600
    )
    await world.decide(asked, "opr_1", said)
    below = changed(REFUND, path="/refunds/9", method="PUT")
    assert (await world.obtain(deed=below, caller=changed(BOT, session="ses_2"))).id.startswith("apg_")
    await pending(world, deed=changed(below, path="/orders"))
    await pending(world, deed=changed(below, method="DELETE"))
    await pending(world, deed=changed(below, place="https://elsewhere.example"))
    await pending(world, deed=changed(below, path="/refunds/two"), needs=TWO)
    await pending(world, deed=changed(below, path="/refunds/confirm"), needs=CONFIRM)
    world.clock.at += 600
    await pending(world, deed=below)


@pytest.mark.parametrize("gone", ["opr_1", "agt_1"])
async def test_a_grant_dies_with_who_gave_it_and_who_has_it(world, gone):
    await world.decide(
        await pending(world), "opr_1", Said(approve=True, reach=Reach.PATTERN, paths=("/refunds",))
    )
    world.gone.add(gone)
    await pending(world, deed=changed(REFUND, body=b"{}"))


async def test_a_grant_that_was_ended_meanwhile_is_lost_at_the_commit(world):
    asked = await pending(world)
    done = await world.decide(asked, "opr_1", Said(approve=True, reach=Reach.SESSION))
    leave = await world.obtain(deed=changed(REFUND, body=b"{}"))
    approved = await world.obtain()
    await world.apply(await world.approvals.end_grant(done.grant.id))
    with pytest.raises(ApprovalChanged):
        await use(world, leave)
    # What was approved with it goes with it.
    with pytest.raises(ApprovalUsed):
        await use(world, approved)
    await pending(world)


async def test_what_waits_of_an_agent_that_died_is_withdrawn_and_what_is_old_is_forgotten(world):
    asked = await pending(world)
    world.gone.add("ses_1")
    await world.approvals.tend(world.store)
    assert (await world.approvals.find(asked)).approval.state is State.WITHDRAWN
    assert world.store.records[-1].event == "approval.withdrawn"
    world.clock.at += 31 * 86_400
    await world.approvals.tend(world.store)
    with pytest.raises(ApprovalNotFound):
        await world.approvals.find(asked)


async def test_people_hear_of_what_waits_and_not_of_what_is_in_it(world):
    asked = await pending(world)
    await pending(world)
    ((kind, subject, title, lines, link),) = world.told
    assert (kind, subject, link) == ("approvals", asked, f"/v1/approvals/{asked}")
    assert "POST https://shop.example/refunds" in title
    assert "1200" not in f"{title} {lines}"
