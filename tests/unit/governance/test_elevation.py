# SPDX-License-Identifier: Apache-2.0
"""Elevation: another role for a while, which ends by itself, or early, with all that was given under it."""

import json

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Work
from smartagent.policy import Grants
from tests.unit.governance.world import GovernanceWorld, caller_of


@pytest.fixture
async def world():
    world = GovernanceWorld()
    world.roles["deployer"] = Grants((), 3600, ("deploy",))
    yield await world.start()
    world.store.close()


async def elevated(ada, bot, seconds=600, role="deployer", reason="release"):
    body = {"agent": bot.id, "role": role, "seconds": seconds, "reason": reason}
    return await ada.call("POST", "/v1/elevations", body)


async def test_tokens_are_of_the_other_role_name_it_and_do_not_outlive_it(world, ada, bot):
    before = await bot.session()
    status, view = await elevated(ada, bot)
    assert (status, view["in_force"]) == (201, True)
    during = await bot.session()
    verified = world.tokens.access.verified(during["access_token"])
    assert (verified.claims.role, verified.claims.scope) == ("deployer", "deploy")
    assert verified.claims.lin == (view["id"],)
    _, line = await ada.call("GET", f"/v1/inventory/{bot.id}")
    assert (line["agent"]["role"], line["agent"]["elevated_to"]) == ("order-reader", "deployer")
    assert verified.claims.exp == int(world.clock.at) + 600
    assert caller_of(world, before).role == "order-reader"


async def test_an_elevation_ends_by_itself_with_every_token_of_it(world, ada, bot):
    await elevated(ada, bot, seconds=300)
    world.clock.at += 299
    last = await bot.session()
    world.clock.at += 1
    with pytest.raises(AuthenticationFailed):
        caller_of(world, last)
    after = await bot.session()
    assert caller_of(world, after).role == "order-reader"
    await world.governance.caretaker.step()
    assert world.last("elevation.ended").subject == bot.id
    records = len(world.store.records)
    await world.governance.caretaker.step()
    assert len(world.store.records) == records


async def test_an_elevation_that_is_ended_early_ends_on_every_node(world, ada, bot):
    other = GovernanceWorld(world.clock, world.store, "two")
    other.roles["deployer"] = world.roles["deployer"]
    await other.start()
    _, view = await elevated(ada, bot)
    during = await bot.session()
    assert other.governance.elevated.find(bot.id) is not None
    assert (await ada.call("DELETE", f"/v1/elevations/{view['id']}"))[0] == 204
    for node in (world, other):
        assert node.governance.elevated.find(bot.id) is None
        with pytest.raises(AuthenticationFailed):
            caller_of(node, during)
    assert (await ada.call("DELETE", f"/v1/elevations/{view['id']}"))[0] == 204
    assert caller_of(world, await bot.session()).role == "order-reader"
    assert (await ada.call("GET", "/v1/elevations"))[1]["elevations"] == []


async def test_a_session_that_goes_on_has_no_more_than_before(world, ada, bot):
    await elevated(ada, bot, seconds=300)
    during = await bot.session()
    world.clock.at += 200
    renewed = await bot.session(**{"continue": during["access_token"]})
    assert renewed["expires_in"] == 100


async def test_suspending_an_agent_ends_its_elevation(world, ada, bot):
    await elevated(ada, bot)
    path = f"/v1/agents/{bot.id}/status"
    world.clock.at += 1
    await ada.call("POST", path, {"status": "suspended", "reason": ""})
    world.clock.at += 1
    await ada.call("POST", path, {"status": "active", "reason": ""})
    assert caller_of(world, await bot.session()).role == "order-reader"
    assert (await elevated(ada, bot))[0] == 201


async def test_an_agent_has_one_elevation_at_a_time_whoever_asks(world, ada, bot):
    body = {"agent": bot.id, "role": "deployer", "seconds": 600, "reason": "x"}
    caller = caller_of(world, await ada.login())
    outcomes = [
        await world.governance.elevations.begin(caller, world.inbound("POST", "/v1/elevations", body))
        for _ in range(2)
    ]
    await world.store.commit(Work((), writes=outcomes[0].writes, changes=outcomes[0].changes))
    with pytest.raises(type(outcomes[1].writes[-1].lost)):
        await world.store.commit(Work((), writes=outcomes[1].writes))
    assert (await elevated(ada, bot))[0] == 409
    world.clock.at += 600
    assert (await elevated(ada, bot))[0] == 201


@pytest.mark.parametrize(
    "said",
    [{"seconds": 59}, {"seconds": 86_401}, {"role": "nothing"}, {"role": "order-reader"}, {"reason": ""}],
)
async def test_an_elevation_that_is_not_said_rightly_is_refused(ada, bot, said):
    assert (await elevated(ada, bot, **said))[0] == 400


async def test_who_is_not_active_is_not_elevated(ada, bot):
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": ""})
    assert (await elevated(ada, bot))[0] == 400
    unknown = {"agent": bot.id[:-4] + "0000", "role": "deployer", "seconds": 600, "reason": "x"}
    assert (await ada.call("POST", "/v1/elevations", unknown))[0] == 404
    assert (await ada.call("DELETE", "/v1/elevations/elv_" + "0" * 26))[0] == 404


async def test_a_node_that_starts_later_knows_of_it(world, ada, bot):
    await elevated(ada, bot)
    late = GovernanceWorld(world.clock, world.store, "late")
    late.roles["deployer"] = world.roles["deployer"]
    await late.start()
    assert late.governance.elevated.elevated(bot.id).role == "deployer"


async def test_the_log_says_who_elevated_whom_to_what_and_why(world, ada, bot):
    await elevated(ada, bot)
    record = world.last("elevation.begun")
    assert (record.caller, record.subject) == (ada.id, bot.id)
    assert (record.detail["role"], record.detail["from"], record.detail["reason"]) == (
        "deployer",
        "order-reader",
        "release",
    )
    assert json.loads(record.encode())["detail"]["until"] == int(world.clock.at) + 600
