# SPDX-License-Identifier: Apache-2.0
"""Tokens for one call, and tokens to hand over: what may stand in authorization details, and what comes of it."""

import json

import pytest

from smartagent.crypto import b64u, sha256
from smartagent.delegation import Settings
from smartagent.kernel import CallRestriction
from smartagent.tokens import MayAct, Wanted
from tests.unit.delegation.world import (
    API,
    GATEWAY,
    DelegatingWorld,
    hand_over,
    one_call,
    said,
)

DIGEST = b64u(sha256(b'{"order":1}'))


async def test_a_token_for_one_call_says_which_and_lives_five_minutes(world, alice, session):
    details = one_call(digest=DIGEST, once=True)
    answer = await world.exchanged(alice, session, authorization_details=details)
    assert answer["authorization_details"] == json.loads(details)
    assert answer["expires_in"] == 300
    assert said(answer["access_token"])["authorization_details"] == json.loads(details)
    restriction = world.holds(answer["access_token"]).restriction
    assert restriction == CallRestriction("POST", "/shop/orders", DIGEST, once=True)
    assert world.store.records[-1].detail["call"] == "POST /shop/orders"


async def test_a_target_with_a_query_is_bound_with_it(world, alice, session):
    details = one_call(method="GET", path="/shop/orders?limit=5&after=x")
    answer = await world.exchanged(alice, session, authorization_details=details)
    assert world.holds(answer["access_token"]).restriction.path == "/shop/orders?limit=5&after=x"


async def test_a_sub_agent_gets_a_token_for_one_call_in_one_exchange(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    answer = await world.exchanged(carol, session, authorization_details=one_call())
    claims = said(answer["access_token"])
    assert (claims["act"], claims["aud"]) == ({"sub": carol.id}, GATEWAY)


async def test_the_life_of_a_token_for_one_call_is_a_setting(ada, alice, world):
    short = DelegatingWorld(world.clock, world.store, "short", Settings(call_life_seconds=20))
    await short.start()
    token = (await alice.session())["access_token"]
    answer = await short.exchanged(alice, token, authorization_details=one_call())
    assert answer["expires_in"] == 20


@pytest.mark.parametrize(
    "settings",
    [{"call_life_seconds": 301}, {"call_life_seconds": 0}, {"max_actors": 0}],
)
def test_a_setting_that_breaks_a_promise_is_refused(settings):
    with pytest.raises(ValueError, match="300"):
        Settings(**settings)


@pytest.mark.parametrize(
    "details",
    [
        "x",
        "{}",
        "[]",
        "null",
        "[1]",
        '[{"type":"smartagent_call"}]',
        '[{"type":"payment","locations":[]}]',
        '[{"locations":["https://gw.example"],"method":"GET","path":"/x"}]',
        one_call(amount=5),
        one_call(method=None),
        one_call(path=None),
        one_call(locations=None),
        one_call(locations=[]),
        one_call(locations=[API]),
        one_call(locations=[GATEWAY, API]),
        one_call(locations=GATEWAY),
        one_call(method="post"),
        one_call(method="*"),
        one_call(method=""),
        one_call(path="shop"),
        one_call(path="/shop/../admin"),
        one_call(path="/shop/%2e%2e/admin"),
        one_call(path="/shop//x"),
        one_call(path="/shop?"),
        one_call(path="/shop?a=b#c"),
        one_call(path="/" + "x" * 2048),
        one_call(digest="abc"),
        one_call(digest=DIGEST + "="),
        one_call(digest=b64u(b"too short")),
        one_call(once="true"),
        one_call(once=1),
        one_call()[:-1] + "," + one_call()[1:],
        '[{"type":"smartagent_call","method":"GET","method":"POST","path":"/x","locations":["https://gw.example"]}]',
        one_call(path="/x?" + "y" * 4096),
        "[" * 40 + "]" * 40,
    ],
)
async def test_details_that_are_not_understood_are_refused(world, alice, session, details):
    status, answer = await world.exchange(alice, session, authorization_details=details)
    assert (status, answer["error"]) == (400, "invalid_authorization_details")


async def test_a_token_for_one_call_is_for_the_gateway_only(world, alice, session):
    status, answer = await world.exchange(alice, session, authorization_details=one_call(), audience=API)
    assert (status, answer["error"]) == (400, "invalid_target")
    narrow = (await world.exchanged(alice, session, audience=API))["access_token"]
    status, answer = await world.exchange(alice, narrow, authorization_details=one_call())
    assert (status, answer["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    "more",
    [{"actor": "opr_" + "0" * 26}, {"actor": "agt_short"}, {"actor": "agt_" + "0" * 26}, {"actor": ""}],
)
async def test_a_hand_over_to_nobody_is_refused(world, alice, session, more):
    status, answer = await world.exchange(alice, session, authorization_details=hand_over(**more))
    assert (status, answer["error"]) == (400, "invalid_authorization_details")


async def test_a_hand_over_has_a_few_locations_that_the_agent_may_have(world, alice, carol, session):
    many = hand_over(carol.id, locations=[API] * 9)
    status, answer = await world.exchange(alice, session, authorization_details=many)
    assert (status, answer["error"]) == (400, "invalid_authorization_details")
    elsewhere = hand_over(carol.id, locations=["https://elsewhere.example"])
    status, answer = await world.exchange(alice, session, authorization_details=elsewhere)
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_a_hand_over_names_its_audiences_in_one_place(world, alice, carol, session):
    status, answer = await world.exchange(
        alice, session, authorization_details=hand_over(carol.id), audience=API
    )
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_only_the_holder_hands_over(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id, depth_allowed=2)
    status, answer = await world.exchange(bob, session, authorization_details=hand_over(carol.id))
    assert (status, answer["error"]) == (400, "invalid_authorization_details")


async def test_a_hand_over_to_oneself_or_back_is_refused(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id)
    bobs = (await world.exchanged(bob, session))["access_token"]
    for actor, token, to in ((alice, session, alice), (bob, bobs, alice), (bob, bobs, bob)):
        status, answer = await world.exchange(actor, token, authorization_details=hand_over(to.id))
        assert (status, answer["error"]) == (400, "invalid_request")


async def test_a_hand_over_to_a_suspended_agent_is_refused(world, ada, alice, carol, session):
    body = {"status": "suspended", "reason": "by hand"}
    status, _ = await ada.call("POST", f"/v1/agents/{carol.id}/status", body)
    assert status == 200
    status, answer = await world.exchange(alice, session, authorization_details=hand_over(carol.id))
    assert (status, answer["error"]) == (400, "invalid_authorization_details")


async def test_a_hand_over_for_another_audience_is_not_believed(world, alice, carol):
    """It would be one that a door takes as Alice's own."""
    wanted = Wanted(
        subject=alice.id,
        client_id=alice.id,
        audience=GATEWAY,
        scope="orders:read",
        life_seconds=600,
        role="order-reader",
        may_act=MayAct(carol.id),
        authorization_details=tuple(json.loads(hand_over(carol.id))),
    )
    status, answer = await world.exchange(carol, world.tokens.issuer.mint(wanted).token)
    assert (status, answer["error"]) == (400, "invalid_request")


async def test_may_act_in_a_token_of_another_room_is_enough(world, ada, carol):
    token = world.persons_token(ada.id, "clt_app", may_act=MayAct(carol.id))
    claims = said((await world.exchanged(carol, token))["access_token"])
    assert (claims["sub"], claims["act"]) == (ada.id, {"sub": carol.id})
