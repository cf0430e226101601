# SPDX-License-Identifier: Apache-2.0
"""Break-glass: two people, or one and a key of another's; short, loud, and reviewed afterwards."""

import json
import logging

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.governance.breakglass.model import CONFIRM_SECONDS, BreakGlass, State
from smartagent.kernel import Caller, CallerKind, Work, circumstances, elevation_in
from smartagent.policy import Grants
from tests.unit.governance.world import GovernanceWorld, caller_of

WHY = "the orders database is down"


@pytest.fixture
async def world():
    world = GovernanceWorld()
    world.roles["fixer"] = Grants((), 3600, ("fix",))
    yield await world.start()
    world.store.close()


@pytest.fixture
async def bob(world, ada):
    return await world.operator("bob")


async def opened(operator, bot, seconds=900, role="fixer", reason=WHY, **more):
    body = {"agent": bot.id, "role": role, "seconds": seconds, "reason": reason, **more}
    return await operator.call("POST", "/v1/break-glass", body)


async def confirmed(operator, view):
    return await operator.call("POST", f"/v1/break-glass/{view['id']}/confirmation")


async def in_force(ada, bob, bot, **said):
    _, view = await opened(ada, bot, **said)
    status, view = await confirmed(bob, view)
    assert status == 200
    return view


def why(answer):
    return answer[1]["type"].removeprefix("urn:smartagent:error:")


async def made_key(operator):
    _, made = await operator.call("POST", "/v1/recovery-keys")
    return made["key"]["id"], made["recovery_key"]


async def test_nothing_is_in_force_until_another_operator_confirms(world, ada, bob, bot):
    status, view = await opened(ada, bot)
    assert (status, view["state"], view["until"]) == (201, "waiting", "")
    assert caller_of(world, await bot.session()).role == "order-reader"
    status, problem = await confirmed(ada, view)
    assert (status, why((status, problem))) == (403, "same-person")
    status, view = await confirmed(bob, view)
    assert (status, view["state"], view["confirmed_by"]) == (200, "in-force", bob.id)
    caller = caller_of(world, await bot.session())
    assert (caller.role, caller.lineage, caller.scopes) == ("fixer", (view["id"],), frozenset({"fix"}))
    assert why(await confirmed(bob, view)) == "break-glass-over"


async def test_who_is_late_confirms_nothing(world, ada, bob, bot):
    _, view = await opened(ada, bot)
    world.clock.at += CONFIRM_SECONDS - 1
    assert why(await opened(bob, bot)) == "break-glass-open"
    world.clock.at += 1
    assert why(await confirmed(bob, view)) == "break-glass-over"
    await world.governance.caretaker.step()
    assert world.last("break-glass.lapsed").target == f"break-glass/{view['id']}"
    assert (await opened(bob, bot))[0] == 201


async def test_two_who_confirm_at_once_begin_one_elevation(world, ada, bob, bot):
    carol = await world.operator("carol")
    _, view = await opened(ada, bot)
    outcomes = []
    for operator in (bob, carol):
        inbound = world.inbound("POST", f"/v1/break-glass/{view['id']}/confirmation")
        inbound.params = {"id": view["id"]}
        caller = caller_of(world, await operator.login())
        outcomes.append(await world.governance.break_glasses.confirm(caller, inbound))
    await world.store.commit(Work((), writes=outcomes[0].writes, changes=outcomes[0].changes))
    with pytest.raises(type(outcomes[1].writes[0].lost)):
        await world.store.commit(Work((), writes=outcomes[1].writes))
    _, listed = await ada.call("GET", "/v1/break-glass")
    assert [each["confirmed_by"] for each in listed["break_glass"]] == [bob.id]


async def test_a_recovery_key_stands_for_the_second_person_once_and_not_for_who_made_it(world, ada, bob, bot):
    key_id, key = await made_key(bob)
    assert why(await opened(bob, bot, recovery_key=key)) == "same-person"
    status, view = await opened(ada, bot, recovery_key=key)
    assert (status, view["state"], view["key"], view["confirmed_by"]) == (201, "in-force", key_id, "")
    assert caller_of(world, await bot.session()).role == "fixer"
    await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
    again, problem = await opened(ada, bot, recovery_key=key)
    assert why((again, problem)) == "recovery-key-refused"
    _, listed = await ada.call("GET", "/v1/recovery-keys")
    assert [(each["ended_by"], each["used_for"]) for each in listed["keys"]] == [(ada.id, view["id"])]


async def test_a_key_that_is_used_for_two_agents_at_once_opens_one(world, ada, bob, bot):
    other = await world.agent(ada)
    _, key = await made_key(bob)
    caller = caller_of(world, await ada.login())
    outcomes = []
    for agent in (bot, other):
        body = {"agent": agent.id, "role": "fixer", "seconds": 900, "reason": WHY, "recovery_key": key}
        inbound = world.inbound("POST", "/v1/break-glass", body)
        outcomes.append(await world.governance.break_glasses.open(caller, inbound))
    await world.store.commit(Work((), writes=outcomes[0].writes, changes=outcomes[0].changes))
    with pytest.raises(Exception, match="used or revoked"):
        await world.store.commit(Work((), writes=outcomes[1].writes))
    assert world.governance.elevated.find(other.id) is None


async def test_a_revoked_key_opens_nothing_and_no_key_is_kept_or_logged(world, ada, bob, bot):
    key_id, key = await made_key(bob)
    assert (await ada.call("DELETE", f"/v1/recovery-keys/{key_id}"))[0] == 204
    assert (await ada.call("DELETE", f"/v1/recovery-keys/{key_id}"))[0] == 404
    assert why(await opened(ada, bot, recovery_key=key)) == "recovery-key-refused"
    assert why(await opened(ada, bot, recovery_key="srk_guess")) == "recovery-key-refused"
    assert all(key not in record.encode().decode() for record in world.store.records)


async def test_it_ends_by_itself_with_every_token_of_it_and_the_log_says_so(world, ada, bob, bot):
    view = await in_force(ada, bob, bot, seconds=300)
    during = await bot.session()
    world.clock.at += 300
    with pytest.raises(AuthenticationFailed):
        caller_of(world, during)
    assert caller_of(world, await bot.session()).role == "order-reader"
    await world.governance.caretaker.step()
    record = world.last("break-glass.ended")
    assert (record.subject, record.detail["confirmed_by"], record.detail["reason"]) == (bot.id, bob.id, WHY)
    assert (await ada.call("GET", "/v1/break-glass"))[1]["break_glass"][0]["state"] == "over"
    assert (await ada.call("GET", "/v1/inventory"))[1]["break_glass"] == []
    records = len(world.store.records)
    await world.governance.caretaker.step()
    assert len(world.store.records) == records
    assert (await confirmed(bob, view))[0] == 409


async def test_anybody_ends_it_early_and_whoever_suspends_the_agent_does_too(world, ada, bob, bot):
    view = await in_force(ada, bob, bot)
    during = await bot.session()
    status, ended = await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
    assert (status, ended["state"]) == (200, "over")
    with pytest.raises(AuthenticationFailed):
        caller_of(world, during)
    assert (await ada.call("DELETE", f"/v1/break-glass/{view['id']}"))[0] == 200
    await in_force(ada, bob, bot)
    world.clock.at += 1
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": ""})
    await world.governance.caretaker.step()
    assert (await ada.call("GET", "/v1/inventory"))[1]["break_glass"] == []
    _, listed = await ada.call("GET", "/v1/break-glass")
    assert [each["state"] for each in listed["break_glass"]] == ["over", "over"]


async def test_one_that_waits_is_given_up(ada, bob, bot):
    _, view = await opened(ada, bot)
    status, given_up = await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
    assert (status, given_up["state"]) == (200, "lapsed")
    assert (await confirmed(bob, view))[0] == 409


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"seconds": 59}, "malformed-break-glass"),
        ({"seconds": 3601}, "malformed-break-glass"),
        ({"reason": "it broke"}, "malformed-break-glass"),
        ({"reason": "            "}, "malformed-break-glass"),
        ({"role": "nothing"}, "malformed-elevation"),
        ({"role": "order-reader"}, "malformed-elevation"),
    ],
)
async def test_what_is_not_said_rightly_is_refused(ada, bot, said, code):
    status, problem = await opened(ada, bot, **said)
    assert (status, why((status, problem))) == (400, code)


async def test_a_role_that_is_gone_meanwhile_is_not_given(world, ada, bob, bot):
    _, view = await opened(ada, bot)
    del world.roles["fixer"]
    assert why(await confirmed(bob, view)) == "malformed-elevation"


async def test_an_elevation_stands_in_its_way_as_in_any_others(ada, bob, bot):
    body = {"agent": bot.id, "role": "fixer", "seconds": 600, "reason": "x"}
    await ada.call("POST", "/v1/elevations", body)
    _, view = await opened(ada, bot)
    assert why(await confirmed(bob, view)) == "elevated-already"


async def test_every_node_warns_and_shows_it_above_the_inventory(world, ada, bob, bot, caplog):
    other = GovernanceWorld(world.clock, world.store, "two")
    await other.start()
    with caplog.at_level(logging.WARNING, logger="smartagent.governance.breakglass.watch"):
        view = await in_force(ada, bob, bot)
        late = GovernanceWorld(world.clock, world.store, "late")
        await late.start()
        warned = [each.getMessage() for each in caplog.records]
        assert sum("has the role fixer" in each for each in warned) == 3
        assert not any(WHY in each for each in warned)
        await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
        assert sum("is over" in each.getMessage() for each in caplog.records) == 3
    for node in (world, other, late):
        assert node.governance.watch.all() == []
    await in_force(ada, bob, bot)
    _, page = await ada.call("GET", "/v1/inventory")
    assert [each["reason"] for each in page["break_glass"]] == [WHY]


async def test_what_is_done_under_it_says_so_in_the_log(world, ada, bob, bot):
    view = await in_force(ada, bob, bot)
    during = await bot.session()
    assert world.last("token.issued").detail["elevation"] == view["id"]
    assert circumstances(caller_of(world, during))["elevation"] == view["id"]
    assert elevation_in(("aat_1", "elv_1")) == "elv_1"
    assert "elevation" not in circumstances(Caller("agt_1", CallerKind.AGENT, lineage=("aat_1",)))


async def test_somebody_else_reviews_it_afterwards(world, ada, bob, bot):
    view = await in_force(ada, bob, bot)
    path = f"/v1/reviews/{view['review']}/items/1"
    assert (await bob.call("POST", path, {"decision": "keep"}))[1]["detail"].endswith("end it first")
    await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
    assert (await ada.call("POST", path, {"decision": "keep"}))[0] == 400
    assert (await bob.call("POST", path, {"decision": "shrink", "to_role": "fixer"}))[0] == 400
    status, item = await bob.call("POST", path, {"decision": "keep", "reason": "it was right"})
    assert (status, item["what"]) == (200, f"break-glass/{view['id']}")
    assert world.status_of(bot) == "active"


async def test_an_agent_whose_break_glass_nobody_reviewed_is_suspended(world, ada, bob, bot):
    view = await in_force(ada, bob, bot)
    await world.pass_time(900 + 7 * 86_400 - 1)
    assert world.status_of(bot) == "active"
    await world.pass_time(1)
    assert world.status_of(bot) == "suspended"
    assert world.last("review.unanswered").subject == f"review/{view['review']}"


async def test_the_evidence_of_a_review_has_every_break_glass_of_its_agents(world, ada, bob, bot):
    view = await in_force(ada, bob, bot)
    body = {"name": "spring", "due_seconds": 600, "unanswered": "keep"}
    await ada.call("POST", "/v1/reviews", body)
    inbound = world.inbound("GET", "/v1/reviews/spring/evidence")
    inbound.params = {"name": "spring"}
    outcome = await world.governance.reviews.export(Caller(ada.id, CallerKind.OPERATOR), inbound)
    lines = [json.loads(line) for line in outcome.reply.body.splitlines()]
    assert [line["break_glass"]["id"] for line in lines if "break_glass" in line] == [view["id"]]


async def test_there_is_no_other_break_glass(ada):
    unknown = "bgl_" + "0" * 26
    assert (await ada.call("DELETE", f"/v1/break-glass/{unknown}"))[0] == 404
    assert (await ada.call("POST", f"/v1/break-glass/{unknown}/confirmation"))[0] == 404


@pytest.mark.parametrize(
    ("until", "closed_at", "now", "state"),
    [
        (0, 0, 599, State.WAITING),
        (0, 0, 600, State.LAPSED),
        (0, 5, 10, State.LAPSED),
        (900, 0, 899, State.IN_FORCE),
        (900, 0, 900, State.OVER),
        (900, 5, 10, State.OVER),
    ],
)
def test_its_state_is_told_from_its_instants(until, closed_at, now, state):
    found = BreakGlass("bgl_1", "agt_1", "fixer", WHY, 900, "opr_1", 0, until=until, closed_at=closed_at)
    assert found.state(now) is state
