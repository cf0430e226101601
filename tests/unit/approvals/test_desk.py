# SPDX-License-Identifier: Apache-2.0
"""The API: operators look and decide, agents look at their own, and each decision stands in the log."""

import pytest

from smartagent.approvals import ApprovalPending, Said
from smartagent.kernel import Caller, CallerKind
from tests.unit.approvals.test_card import CANARY
from tests.unit.approvals.world import BOT, CONFIRM, FOUR_EYES, REFUND, TWO, ApprovalsWorld, changed

APPROVE = {"decision": "approve"}


@pytest.fixture
async def ada(world):
    return await world.operator("Ada")


@pytest.fixture
async def bo(world):
    return await world.operator("Bo")


@pytest.fixture
async def bot(world, ada):
    return await world.agent(ada)


async def pending(world, bot, needs=FOUR_EYES, **asked):
    caller = Caller(bot.id, CallerKind.AGENT, "order-reader", "ses_1", "aat_1")
    with pytest.raises(ApprovalPending) as caught:
        await world.obtain(needs, caller=caller, **asked)
    return caught.value


def event_of(world):
    return world.store.records[-1].event


async def test_an_operator_looks_and_approves_and_the_log_says_so(world, ada, bot):
    waits = await pending(world, bot)
    assert waits.response_headers[0] == ("location", f"https://auth.example/v1/approvals/{waits.approval}")
    _, page = await ada.call("GET", "/v1/approvals?state=pending")
    view = page["approvals"][0]
    assert view["card"]["lines"][0] == {"name": "amount", "value": "1200"}
    assert (view["state"], view["people"], view["confirm"], view["version"]) == ("pending", 1, False, 1)
    path = f"/v1/approvals/{waits.approval}/decide"
    status, done = await ada.call("POST", path, APPROVE | {"version": 1, "reason": "seen\u202e it"})
    assert (status, done["approval"]["state"], done["grant"], done["clamped"]) == (200, "approved", None, [])
    record = world.store.records[-1]
    assert (record.event, record.caller, record.subject) == ("approval.approved", ada.id, bot.id)
    assert record.detail["reason"] == "seen[U+202E] it"
    assert record.detail["digest"] == view["digest"]
    assert (await ada.call("POST", path, APPROVE))[0] == 409


async def test_an_agent_sees_its_own_and_decides_nothing(world, ada, bot):
    asked = (await pending(world, bot)).approval
    other = await world.agent(ada)
    others = (await pending(world, other)).approval
    await ada.call("POST", f"/v1/approvals/{asked}/decide", APPROVE | {"reason": "for Ada only"})
    token = {"authorization": f"Bearer {(await bot.session())['access_token']}"}
    _, page = await world.call("GET", "/v1/approvals", headers=token)
    assert [each["id"] for each in page["approvals"]] == [asked]
    _, view = await world.call("GET", f"/v1/approvals/{asked}", headers=token)
    assert view["votes"][0]["by"] == ada.id
    assert "for Ada only" not in repr(view)
    assert (await world.call("GET", f"/v1/approvals/{others}", headers=token))[0] == 404
    for method, path in (("POST", f"/v1/approvals/{asked}/decide"), ("GET", "/v1/approvers")):
        body = APPROVE if method == "POST" else None
        assert (await world.call(method, path, body, headers=token))[0] == 403
    assert (await world.call("GET", "/v1/approval-grants", headers=token))[1] == {"grants": []}


async def test_two_people_are_two_people(world, ada, bo, bot):
    asked = (await pending(world, bot, TWO)).approval
    path = f"/v1/approvals/{asked}/decide"
    assert (await ada.call("POST", path, APPROVE))[1]["approval"]["state"] == "pending"
    assert event_of(world) == "approval.voted"
    assert (await ada.call("POST", path, APPROVE))[0] == 403
    # Bo looked before Ada voted.
    assert (await bo.call("POST", path, APPROVE | {"version": 1}))[0] == 409
    assert (await bo.call("POST", path, APPROVE | {"grant": "session"}))[0] == 400
    assert (await bo.call("POST", path, APPROVE | {"version": 2}))[1]["approval"]["state"] == "approved"


async def test_the_owner_confirms_for_an_agent_that_acts_for_nobody(world, ada, bo, bot):
    asked = (await pending(world, bot, CONFIRM)).approval
    _, view = await bo.call("GET", f"/v1/approvals/{asked}")
    assert view["confirmer"] == ada.id
    assert (await bo.call("POST", f"/v1/approvals/{asked}/decide", APPROVE))[0] == 403
    assert (await ada.call("POST", f"/v1/approvals/{asked}/decide", APPROVE))[0] == 200


async def test_the_person_it_is_done_for_is_no_second_pair_of_eyes(world, ada, bo, bot):
    caller = Caller(bot.id, CallerKind.AGENT, "order-reader", "ses_1", "aat_1", subject=ada.id)
    with pytest.raises(ApprovalPending) as caught:
        await world.obtain(caller=caller)
    path = f"/v1/approvals/{caught.value.approval}/decide"
    assert (await ada.call("POST", path, APPROVE))[0] == 403
    assert (await bo.call("POST", path, APPROVE))[0] == 200


async def test_a_pattern_is_granted_listed_cut_and_ended(world, ada, bot):
    asked = (await pending(world, bot)).approval
    body = APPROVE | {"grant": "pattern", "pattern": {"paths": ["/refunds/**"]}, "seconds": 10**6}
    _, done = await ada.call("POST", f"/v1/approvals/{asked}/decide", body)
    assert done["clamped"] == ["seconds: 28800 instead of 1000000"]
    _, listed = await ada.call("GET", "/v1/approval-grants")
    assert listed["grants"] == [done["grant"]]
    grant = done["grant"]["id"]
    assert (await ada.call("DELETE", f"/v1/approval-grants/{grant}"))[0] == 204
    assert event_of(world) == "approval-grant.ended"
    assert (await ada.call("DELETE", f"/v1/approval-grants/{grant}"))[0] == 404
    assert (await ada.call("GET", "/v1/approval-grants"))[1] == {"grants": []}
    assert (await ada.call("GET", f"/v1/approvals/{asked}"))[1]["state"] == "withdrawn"


async def test_a_no_is_a_no(world, ada, bot):
    asked = (await pending(world, bot)).approval
    _, done = await ada.call("POST", f"/v1/approvals/{asked}/decide", {"decision": "deny"})
    assert done["approval"]["state"] == "denied"
    assert event_of(world) == "approval.denied"


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "maybe"},
        APPROVE | {"grant": "for-ever"},
        APPROVE | {"pattern": {"paths": ["/refunds"]}},
        APPROVE | {"grant": "pattern", "pattern": {"paths": ["refunds"]}},
        APPROVE | {"reason": "x" * 241},
        APPROVE | {"aproved": True},
    ],
)
async def test_a_decision_that_is_not_said_rightly_decides_nothing(world, ada, bot, body):
    asked = (await pending(world, bot)).approval
    assert (await ada.call("POST", f"/v1/approvals/{asked}/decide", body))[0] == 400
    assert (await ada.call("GET", f"/v1/approvals/{asked}"))[1]["state"] == "pending"


async def test_after_its_time_or_its_agent_nobody_approves(world, ada, bot):
    asked = (await pending(world, bot)).approval
    world.gone.add("ses_1")
    assert (await ada.call("POST", f"/v1/approvals/{asked}/decide", APPROVE))[0] == 409
    world.gone.clear()
    world.clock.at += 600
    await ada.login()
    assert (await ada.call("POST", f"/v1/approvals/{asked}/decide", APPROVE))[0] == 409
    assert (await ada.call("GET", "/v1/approvals?state=pending"))[1]["approvals"] == []
    assert (await ada.call("GET", f"/v1/approvals/{asked}"))[1]["state"] == "expired"


async def test_pages_follow_each_other_newest_first(world, ada, bot):
    made = [(await pending(world, bot, deed=changed(REFUND, path=f"/{n}"))).approval for n in range(5)]
    seen, cursor = [], ""
    while True:
        query = f"?limit=2&cursor={cursor}" if cursor else "?limit=2"
        _, page = await ada.call("GET", f"/v1/approvals{query}")
        seen += [each["id"] for each in page["approvals"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == sorted(made, reverse=True)
    for wrong in ("state=open", "limit=0", "limit=101", "limit=x", "who=me", "cursor=x"):
        assert (await ada.call("GET", f"/v1/approvals?{wrong}"))[0] == 400
    assert (await ada.call("GET", "/v1/approvals/apr_00000000000000000000000000"))[0] == 404


async def test_who_decides_faster_than_a_card_can_be_read_is_counted(world, ada, bo, bot):
    for seconds, person in ((0.5, ada), (5.0, ada), (1.0, bo)):
        asked = (await pending(world, bot, deed=changed(REFUND, path=f"/{seconds}"))).approval
        await person.login()
        world.clock.at += seconds
        await person.call("POST", f"/v1/approvals/{asked}/decide", APPROVE)
    _, shown = await ada.call("GET", "/v1/approvers")
    assert shown["approvers"] == [
        {"person": ada.id, "decided": 2, "hasty": 1},
        {"person": bo.id, "decided": 1, "hasty": 1},
    ]


async def test_a_planted_secret_is_in_no_card_record_or_error(world, ada, bot):
    body = f'{{"password":"{CANARY}","note":"{CANARY}"}}'.encode()
    deed = changed(REFUND, body=body, query=f"key={CANARY}", fields=(("x-note", CANARY),))
    waits = await pending(world, bot, deed=deed, secret=lambda text: CANARY in text)
    _, view = await ada.call("GET", f"/v1/approvals/{waits.approval}")
    for text in (repr(view), repr(world.store.records), str(waits), repr(world.approvals.memory.approvals())):
        assert CANARY not in text


async def test_a_yes_on_one_node_is_heard_on_the_other(world):
    other = await ApprovalsWorld(world.clock, world.store, "two").start()
    with pytest.raises(ApprovalPending) as caught:
        await world.obtain()
    await other.decide(caught.value.approval, "opr_1", Said(approve=True))
    assert (await world.obtain(caller=BOT)).id == caught.value.approval
