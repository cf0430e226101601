# SPDX-License-Identifier: Apache-2.0
"""Access reviews: what there is to look at, who decides, what ends, and what the unanswered become."""

import json

import pytest

from smartagent.delegation import Delegation
from smartagent.delegation.store import add_delegation, read_delegation
from smartagent.edge import AuthenticationFailed
from smartagent.governance import Withdrawals
from smartagent.governance.errors import ReviewDecided
from smartagent.governance.reviews.store import WITHDRAWALS_TOPIC
from smartagent.kernel import Caller, CallerKind, Denied, Permitted, Work
from smartagent.policy import Grants
from tests.unit.governance.world import GovernanceWorld, caller_of, permitted

DAY = 86_400


class AllowsAll:
    """Rules that allow every lease."""

    def decide_lease(self, caller, credential):
        return Permitted(("test",))

    def credentials_of(self, role):
        return ("orders-db",)


@pytest.fixture
async def world():
    world = GovernanceWorld()
    world.roles["viewer"] = Grants((), 600, ("orders:read",))
    world.roles["admin"] = Grants((), 600, ("orders:read", "everything"))
    world.leasable = {"order-reader": ("orders-db", "billing-db")}
    world.withdrawals = Withdrawals(world.store, AllowsAll())
    world.store.register(WITHDRAWALS_TOPIC, world.withdrawals.reload)
    yield await world.start()
    world.store.close()


async def begun(ada, name="q3", **said):
    body = {"name": name, "due_seconds": 14 * DAY, "unanswered": "keep", **said}
    return await ada.call("POST", "/v1/reviews", body)


async def items(ada, name="q3"):
    _, page = await ada.call("GET", f"/v1/reviews/{name}")
    return {item["what"]: item for item in page["items"]}


async def decide(ada, item, decision, name="q3", **more):
    return await ada.call(
        "POST", f"/v1/reviews/{name}/items/{item['number']}", {"decision": decision, **more}
    )


async def delegate(world, bot):
    now = int(world.clock.at)
    made = Delegation("dlg_1", "opr_x", bot.id, "", "", now + 90 * DAY, 0, "opr_x", now, None, "")
    await world.store.commit(Work((), writes=add_delegation(made, forget_before=0)))
    world.delegated = [made]


async def test_every_grant_is_an_item_with_when_it_was_used_last(world, ada, bot):
    await delegate(world, bot)
    at_ms = int(world.clock.at * 1000)
    world.store.append(
        permitted("gateway.call", bot.id, at_ms=at_ms, subject="shop", rule="role/order-reader/1"),
        permitted("lease.issued", bot.id, at_ms=at_ms, detail={"credential": "orders-db"}),
    )
    await world.governance.caretaker.step()
    status, view = await begun(ada)
    assert (status, view["open_items"]) == (201, 4)
    found = await items(ada)
    used = {what: bool(item["last_used_at"]) for what, item in found.items()}
    assert used == {
        "role/order-reader": True,
        "credential/orders-db": True,
        "credential/billing-db": False,
        "delegation/dlg_1": False,
    }
    assert {item["owner"] for item in found.values()} == {ada.id}


async def test_what_is_kept_goes_on(world, ada, bot):
    session = await bot.session()
    await begun(ada)
    status, view = await decide(ada, (await items(ada))["role/order-reader"], "keep", reason="needed")
    assert (status, view["decision"], view["decided_by"]) == (200, "keep", ada.id)
    assert caller_of(world, session).role == "order-reader"


async def test_a_role_is_shrunk_and_what_was_given_under_the_old_one_ends(world, ada, bot):
    session = await bot.session()
    await begun(ada)
    item = (await items(ada))["role/order-reader"]
    for wrong in ({}, {"to_role": "nothing"}, {"to_role": "admin"}, {"to_role": "order-reader"}):
        assert (await decide(ada, item, "shrink", **wrong))[0] == 400
    assert (await decide(ada, item, "keep", to_role="viewer"))[0] == 400
    assert (await decide(ada, item, "shrink", to_role="viewer"))[0] == 200
    with pytest.raises(AuthenticationFailed):
        caller_of(world, session)
    world.clock.at += 1
    assert caller_of(world, await bot.session()).role == "viewer"


async def test_a_removed_role_suspends_the_agent(world, ada, bot):
    await begun(ada)
    assert (await decide(ada, (await items(ada))["role/order-reader"], "remove"))[0] == 200
    assert world.status_of(bot) == "suspended"


async def test_a_removed_credential_is_leased_no_more_until_it_is_given_back(world, ada, bot):
    session = await bot.session()
    await begun(ada)
    item = (await items(ada))["credential/orders-db"]
    assert (await decide(ada, item, "shrink", to_role="viewer"))[0] == 400
    assert (await decide(ada, item, "remove"))[0] == 200
    with pytest.raises(AuthenticationFailed):
        caller_of(world, session)
    own, other = Caller(bot.id, CallerKind.AGENT), Caller("agt_other", CallerKind.AGENT)
    for_it = Caller("agt_other", CallerKind.AGENT, subject=bot.id)
    assert isinstance(world.withdrawals.decide_lease(own, "orders-db"), Denied)
    assert isinstance(world.withdrawals.decide_lease(for_it, "orders-db"), Denied)
    assert isinstance(world.withdrawals.decide_lease(other, "orders-db"), Permitted)
    assert isinstance(world.withdrawals.decide_lease(own, "billing-db"), Permitted)
    path = f"/v1/agents/{bot.id}/withdrawals/orders-db"
    assert (await ada.call("DELETE", path))[0] == 204
    assert isinstance(world.withdrawals.decide_lease(own, "orders-db"), Permitted)
    assert (await ada.call("DELETE", path))[0] == 404


async def test_a_removed_delegation_is_over(world, ada, bot):
    await delegate(world, bot)
    await begun(ada)
    item = (await items(ada))["delegation/dlg_1"]
    assert (await decide(ada, item, "shrink", to_role="viewer"))[0] == 400
    assert (await decide(ada, item, "remove"))[0] == 200
    assert (await read_delegation(world.store, "dlg_1")).revoked_at == int(world.clock.at)
    assert world.tokens.revocations.is_dead("dlg_1")


async def test_of_two_reviewers_at_once_the_second_loses_and_nothing_of_theirs_happens(world, ada, bot):
    await begun(ada)
    item = (await items(ada))["role/order-reader"]

    async def outcome(decision):
        body = {"decision": decision}
        inbound = world.inbound("POST", "/v1/reviews/q3/items/1", body)
        inbound.params = {"name": "q3", "number": str(item["number"])}
        return await world.governance.reviews.decide(Caller(ada.id, CallerKind.OPERATOR), inbound)

    keeps, removes = await outcome("keep"), await outcome("remove")
    await world.store.commit(Work((), writes=keeps.writes, changes=keeps.changes))
    with pytest.raises(ReviewDecided):
        await world.store.commit(Work((), writes=removes.writes, changes=removes.changes))
    assert world.status_of(bot) == "active"
    assert (await decide(ada, item, "remove"))[0] == 409


@pytest.mark.parametrize(("unanswered", "status"), [("keep", "active"), ("remove", "suspended")])
async def test_at_the_due_date_the_unanswered_get_what_the_review_says(world, ada, bot, unanswered, status):
    other = await world.agent(ada)
    await begun(ada, unanswered=unanswered)
    _, page = await ada.call("GET", "/v1/reviews/q3")
    for item in page["items"]:
        if item["agent"] == other.id:
            await decide(ada, item, "keep")
    await world.pass_time(13 * DAY)
    assert world.status_of(bot) == "active"
    await world.pass_time(DAY)
    await world.pass_time(5)
    assert (world.status_of(bot), world.status_of(other)) == (status, "active")
    await ada.login()
    _, page = await ada.call("GET", "/v1/reviews/q3")
    assert page["review"]["open_items"] == 0
    assert page["review"]["closed_at"]
    unanswered_ones = {item["reason"] for item in page["items"] if not item["decided_by"]}
    assert unanswered_ones == {"unanswered"}
    assert len([r for r in world.store.records if r.event == "review.closed"]) == 1
    assert world.last("review.unanswered").subject == "review/q3"


async def test_what_is_gone_by_then_does_not_hold_the_review_up(world, ada, bot):
    await delegate(world, bot)
    await begun(ada, unanswered="remove")
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "retired", "reason": ""})
    world.delegated = []
    await world.pass_time(14 * DAY)
    await world.pass_time(5)
    assert world.last("review.closed").subject == "review/q3"
    assert world.last("review.unanswered").detail["note"] == "it is gone already"


async def test_the_evidence_holds_the_items_and_the_logs_receipts(world, ada, bot):
    await begun(ada)
    await decide(ada, (await items(ada))["role/order-reader"], "keep", reason="needed")
    inbound = world.inbound("GET", "/v1/reviews/q3/evidence")
    inbound.params = {"name": "q3"}
    outcome = await world.governance.reviews.export(Caller(ada.id, CallerKind.OPERATOR), inbound)
    lines = [json.loads(line) for line in outcome.reply.body.splitlines()]
    assert lines[0]["review"]["name"] == "q3"
    assert [line["item"]["number"] for line in lines if "item" in line] == [1, 2, 3]
    entries = [line["entry"]["record"]["event"] for line in lines if "entry" in line]
    assert entries == ["review.begun", "review.decided"]
    assert all(line["checkpoint"] for line in lines if "entry" in line)


async def test_a_review_may_be_of_one_owner_or_one_role(world, ada, bot):
    eve = await world.operator("Eve")
    hers = await world.agent(eve)
    await begun(ada, "hers", owner=eve.id)
    assert {item["agent"] for item in (await items(ada, "hers")).values()} == {hers.id}
    assert (await begun(ada, "none", role="viewer"))[0] == 400


@pytest.mark.parametrize(
    "said",
    [{"due_seconds": 59}, {"due_seconds": 10**9}, {"unanswered": "shrink"}, {"unanswered": "x"}, {"name": "../x"},
     {"owner": "opr_nobody"}],
)  # fmt: skip
async def test_a_review_that_is_not_said_rightly_is_refused(ada, bot, said):
    assert (await begun(ada, **said))[0] == 400


async def test_names_of_reviews_and_items_are_looked_up(ada, bot):
    await begun(ada)
    assert (await begun(ada))[0] == 409
    for path in ("/v1/reviews/none", "/v1/reviews/none/evidence"):
        assert (await ada.call("GET", path))[0] == 404
    for number in ("99", "x"):
        assert (await decide(ada, {"number": number}, "keep"))[0] == 404
    assert (await ada.call("GET", "/v1/reviews/q3?cursor=x"))[0] == 400
    assert [each["name"] for each in (await ada.call("GET", "/v1/reviews"))[1]["reviews"]] == ["q3"]
