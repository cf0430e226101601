# SPDX-License-Identifier: Apache-2.0
"""Sessions that go on, and that end."""

import pytest

from tests.unit.identity.world import GATEWAY


def code_of(problem):
    return problem["type"].rpartition(":")[2]


def bearer(session):
    return {"authorization": f"Bearer {session['access_token']}"}


async def go_on(bot, session, **more):
    body = await bot.session_body(**{"continue": session["access_token"], **more})
    return await bot.world.call("POST", "/v1/sessions", body)


async def test_a_session_goes_on_with_a_later_token_of_the_same_scope(world, bot):
    first = await bot.session(scope="orders:read")
    world.clock.at += 600

    status, later = await go_on(bot, first)

    assert status == 201, later
    assert later["session_id"] == first["session_id"]
    assert later["jti"] != first["jti"]
    assert later["scope"] == "orders:read"
    assert later["expires_in"] == 900


async def test_a_session_never_gets_more_by_going_on(bot):
    first = await bot.session(scope="orders:read")
    status, problem = await go_on(bot, first, scope="orders:write")
    assert (status, code_of(problem)) == (400, "scope-not-granted")
    status, problem = await go_on(bot, first, audience="https://api.example")
    assert (status, code_of(problem)) == (400, "scope-not-granted")


async def test_only_a_token_that_holds_and_is_ones_own_goes_on(world, ada, bot):
    first = await bot.session()
    other = await world.agent(ada)
    assert (await go_on(other, first))[0] == 401
    assert (await go_on(bot, {"access_token": "nonsense"}))[0] == 401
    assert (await go_on(bot, {"access_token": first["access_token"][:-4] + "AAAA"}))[0] == 401
    world.clock.at += 900
    assert (await go_on(bot, first))[0] == 401


async def test_an_ended_session_does_not_go_on_and_none_of_its_tokens_holds(world, bot):
    first = await bot.session(audience=GATEWAY)
    _, later = await go_on(bot, first)

    reply = await world.call("DELETE", f"/v1/sessions/{first['session_id']}", None, bearer(later))

    assert reply[0] == 204
    assert (await go_on(bot, later))[0] == 401
    assert (await world.call("DELETE", f"/v1/sessions/{first['session_id']}", None, bearer(first)))[0] == 401
    record = next(record for record in world.store.records if record.event == "revoked")
    assert (record.subject, record.detail["reason"]) == (bot.id, "ended by its agent")


async def test_a_session_is_ended_by_its_own_token_only(world, ada, bot):
    first, second = await bot.session(audience=GATEWAY), await bot.session(audience=GATEWAY)
    other = await (await world.agent(ada)).session(audience=GATEWAY)
    for stranger in (second, other):
        status, problem = await world.call(
            "DELETE", f"/v1/sessions/{first['session_id']}", None, bearer(stranger)
        )
        assert (status, code_of(problem)) == (404, "session-not-found")
    assert (await ada.call("DELETE", f"/v1/sessions/{first['session_id']}"))[0] == 403


@pytest.mark.parametrize("scope", ["orders:read orders:write", ""])
async def test_an_agent_that_was_suspended_does_not_go_on(ada, bot, scope):
    first = await bot.session(scope=scope)
    body = await bot.session_body(**{"continue": first["access_token"]})
    status, _ = await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": "x"})
    assert status == 200
    assert (await bot.world.call("POST", "/v1/sessions", body))[0] == 401
