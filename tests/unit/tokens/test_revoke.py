# SPDX-License-Identifier: Apache-2.0
"""Revocation: on every node, for good, and heard by whoever holds streams open."""

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.edge.pipeline import NOBODY
from smartagent.identity import AgentStatus
from smartagent.kernel import Caller, CallerKind, Work
from smartagent.tokens import RevocationKind, revocation_of
from smartagent.tokens.revoke import KEPT_SECONDS, LASTS_SECONDS


def last(world):
    return world.store.records[-1]


def body(kind, subject):
    return {"kind": kind, "id": subject, "reason": "lost laptop"}


async def test_a_revoked_agent_gets_and_does_nothing_on_any_node(world, ada, bot):
    other = await world.another_node("two").start()
    session = await bot.session()
    token, assertion, handshake = session["access_token"], bot.assertion(), await bot.session_body()
    callers = [node.tokens.access.verified(token).caller for node in (world, other)]
    status, view = await ada.call("POST", "/v1/revocations", body("agent", bot.id))
    assert (status, view["id"]) == (201, bot.id)
    for node, caller in zip((world, other), callers, strict=True):
        assert node.tokens.revocations.is_revoked(caller)
        with pytest.raises(AuthenticationFailed):
            node.tokens.access.verified(token)
        assert node.identity.directory.agent(bot.id).status is AgentStatus.SUSPENDED
        assert (await node.form(bot.form(assertion)))[0] == 401
        assert (await node.call("POST", "/v1/sessions", handshake))[0] == 401
        assert (await node.call("POST", "/v1/challenges", {"purpose": "session", "agent": bot.id}))[0] == 401


async def test_a_revocation_is_recorded_with_its_reason(world, ada, bot):
    await ada.call("POST", "/v1/revocations", body("agent", bot.id))
    assert (last(world).event, last(world).subject, last(world).caller) == ("revoked", bot.id, ada.id)
    assert last(world).detail == {"kind": "agent", "reason": "lost laptop"}


async def test_what_a_revoked_agent_held_stays_dead_when_it_is_active_again(world, ada, bot):
    token = (await bot.session())["access_token"]
    await ada.call("POST", "/v1/revocations", body("agent", bot.id))
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "active", "reason": "found"})
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(token)
    world.clock.at += 0.001
    status, view = await world.form(bot.form())
    assert status == 200
    world.tokens.access.verified(view["access_token"])
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(token)


async def test_one_session_or_one_token_can_be_revoked(world, ada, bot):
    one, two, three = [await bot.session() for _ in range(3)]
    assert (await ada.call("POST", "/v1/revocations", body("session", one["session_id"])))[0] == 201
    assert (await ada.call("POST", "/v1/revocations", body("token", two["jti"])))[0] == 201
    for view in (one, two):
        with pytest.raises(AuthenticationFailed) as caught:
            world.tokens.access.verified(view["access_token"])
        assert "revoked" in caught.value.reason
    world.tokens.access.verified(three["access_token"])
    fresh = await world.another_node("fresh").start()
    with pytest.raises(AuthenticationFailed):
        fresh.tokens.access.verified(one["access_token"])


async def test_revoking_twice_is_no_error(world, ada, bot):
    view = await bot.session()
    for kind, subject in (("agent", bot.id), ("session", view["session_id"])) * 2:
        assert (await ada.call("POST", "/v1/revocations", body(kind, subject)))[0] == 201


async def test_an_operators_own_session_can_be_revoked(world, ada):
    view = await ada.login()
    assert (await ada.call("POST", "/v1/revocations", body("session", view["session_id"])))[0] == 401
    assert (await world.call("GET", "/v1/agents", None, ada.headers("GET", "/v1/agents")))[0] == 401


async def test_a_retired_agent_stays_retired_when_it_is_revoked(world, ada, bot):
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "retired", "reason": ""})
    assert (await ada.call("POST", "/v1/revocations", body("agent", bot.id)))[0] == 201
    assert world.identity.directory.agent(bot.id).status is AgentStatus.RETIRED


@pytest.mark.parametrize("status", ["suspended", "retired"])
async def test_an_agent_that_may_not_act_is_as_good_as_revoked(world, ada, bot, status):
    token = (await bot.session())["access_token"]
    world.tokens.access.verified(token)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": status, "reason": ""})
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(token)


async def test_whoever_listens_hears_of_each_change(world, ada, bot):
    heard = []
    view = await bot.session()
    caller = world.tokens.access.verified(view["access_token"]).caller
    world.tokens.revocations.on_change(lambda: heard.append(world.tokens.revocations.is_revoked(caller)))
    await ada.call("POST", "/v1/revocations", body("token", view["jti"]))
    assert heard[-1] is True
    count = len(heard)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": ""})
    assert len(heard) > count


@pytest.mark.parametrize(
    ("kind", "subject", "status"),
    [
        ("agent", "ses_00000000000000000000000000", 400),
        ("token", "agt_00000000000000000000000000", 400),
        ("session", "ses_x", 400),
        ("agent", "agt_00000000000000000000000000", 404),
        ("house", "agt_00000000000000000000000000", 400),
    ],
)
async def test_what_cannot_be_revoked_is_refused(ada, kind, subject, status):
    assert (await ada.call("POST", "/v1/revocations", body(kind, subject)))[0] == status


async def test_agents_cannot_revoke(world, bot):
    view = await bot.session()
    headers = {"authorization": f"Bearer {view['access_token']}"}
    assert (await world.call("POST", "/v1/revocations", body("agent", bot.id), headers))[0] == 403


async def test_a_revocation_outlives_a_clock_that_ran_ahead(world, ada, bot):
    view = await bot.session()
    await ada.call("POST", "/v1/revocations", body("token", view["jti"]))
    world.clock.at += 86_400
    ada._token = ""
    await ada.call("POST", "/v1/revocations", body("session", view["session_id"]))
    world.clock.at -= 86_400
    with pytest.raises(AuthenticationFailed):
        (await world.another_node("two").start()).tokens.access.verified(view["access_token"])


async def test_those_without_identity_are_not_revoked(world):
    assert not world.tokens.revocations.is_revoked(NOBODY)
    assert not world.tokens.revocations.is_revoked(Caller("enr_1", CallerKind.NEWCOMER))


async def test_memory_forgets_what_can_concern_nothing_any_more(world):
    revocations = world.tokens.revocations
    for n in range(1100):
        if n == 700:
            world.clock.at += KEPT_SECONDS + LASTS_SECONDS + 1
        writes, changes = revocation_of(RevocationKind.TOKEN, f"aat_{n:026}", now=world.clock.now())
        await world.store.commit(Work((), (), writes, changes))
    assert len(revocations._known) == 400
    assert not revocations.is_dead(f"aat_{0:026}")
    assert revocations.is_dead(f"aat_{1099:026}")
