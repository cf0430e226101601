# SPDX-License-Identifier: Apache-2.0
"""Tokens for one call: what RFC 9396 asks of authorization details."""

import json

import pytest

from smartagent.edge import AuthenticationFailed
from tests.unit.delegation.world import API, GATEWAY, DelegatingWorld, hand_over, one_call, said


@pytest.fixture
async def world():
    world = await DelegatingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def token(bot):
    """What an agent got for itself."""
    return (await bot.session())["access_token"]


async def error_of(world, actor, token, details):
    status, answer = await world.exchange(actor, token, authorization_details=details)
    return status, answer["error"]


@pytest.mark.requirement("RFC9396-2-1", "RFC9396-5-1")
@pytest.mark.parametrize("details", ["", "{}", '"x"', "[]", "[{}]", "[1]", "[", '[{"type":5}]'])
async def test_details_are_an_array_of_typed_objects(world, bot, token, details):
    wrong = (400, "invalid_authorization_details")
    if details:
        assert await error_of(world, bot, token, details) == wrong
    else:
        # A parameter without a value counts as absent.
        assert "authorization_details" not in await world.exchanged(bot, token, authorization_details="")


@pytest.mark.requirement("RFC9396-2-2", "RFC9396-5-1")
async def test_details_of_an_unknown_type_are_refused(world, bot, token):
    details = '[{"type":"payment_initiation"}]'
    assert await error_of(world, bot, token, details) == (400, "invalid_authorization_details")


@pytest.mark.requirement("RFC9396-2-3", "RFC9396-5-1")
@pytest.mark.parametrize(
    "changes", [{"amount": 1}, {"method": "*"}, {"path": "shop"}, {"digest": "x"}, {"once": 1}]
)
async def test_unknown_members_and_wrong_values_are_refused(world, bot, token, changes):
    wrong = (400, "invalid_authorization_details")
    assert await error_of(world, bot, token, one_call(**changes)) == wrong


@pytest.mark.requirement("RFC9396-7-1", "RFC9396-9.1-1")
async def test_the_details_are_echoed_and_stand_in_the_token(world, bot, token):
    details = one_call(once=True)
    answer = await world.exchanged(bot, token, authorization_details=details)
    assert answer["authorization_details"] == json.loads(details)
    assert said(answer["access_token"])["authorization_details"] == json.loads(details)
    assert answer["expires_in"] <= 300


@pytest.mark.requirement("RFC9396-3-1")
async def test_the_token_is_for_the_location_named(world, bot, token):
    answer = await world.exchanged(bot, token, authorization_details=one_call())
    assert said(answer["access_token"])["aud"] == GATEWAY
    wrong = (400, "invalid_authorization_details")
    assert await error_of(world, bot, token, one_call(locations=[API])) == wrong


@pytest.mark.requirement("RFC9396-12-1")
@pytest.mark.parametrize("more", [{}, {"authorization_details": one_call(path="/admin")}])
async def test_a_token_for_one_call_is_exchanged_for_nothing(world, bot, token, more):
    once = (await world.exchanged(bot, token, authorization_details=one_call(once=True)))["access_token"]
    status, answer = await world.exchange(bot, once, **more)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC9396-9.1-1")
async def test_the_gateway_keeps_a_token_to_its_call_and_its_one_use(world, bot, token):
    once = (await world.exchanged(bot, token, authorization_details=one_call(once=True)))["access_token"]
    headers = {"authorization": f"Bearer {once}"}
    for method, target in (("GET", "/shop/orders"), ("POST", "/shop/other"), ("POST", "/shop/orders?all=1")):
        with pytest.raises(AuthenticationFailed):
            await world.tokens.access.by_gateway_token(world.inbound(method, target, headers=headers))
    first = await world.tokens.access.by_gateway_token(world.inbound("POST", "/shop/orders", headers=headers))
    again = await world.tokens.access.by_gateway_token(world.inbound("POST", "/shop/orders", headers=headers))
    # The two would commit the same claim, which one of them wins on all nodes.
    assert [claim.key for claim in first.claims] == [claim.key for claim in again.claims] != []


@pytest.mark.requirement("RFC9396-3-1")
async def test_a_hand_over_is_for_the_token_endpoint_and_its_locations(world, ada, bot, token):
    bob = await world.agent(ada, "clerk")
    details = hand_over(bob.id, locations=[API])
    handed = (await world.exchanged(bot, token, authorization_details=details))["access_token"]
    assert said(handed)["aud"] == "https://auth.example/oauth/token"
    assert said((await world.exchanged(bob, handed))["access_token"])["aud"] == API
