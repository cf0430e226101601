# SPDX-License-Identifier: Apache-2.0
"""The pages of the status lists."""

import zlib

import pytest

from smartagent.crypto import unb64u
from smartagent.signals import StatusListUnknown
from smartagent.signals.errors import StatusNotFresh, StatusTimeUnsupported
from smartagent.signals.model import EntryState
from smartagent.signals.rules import LIST_BYTES, state_at
from tests.unit.identity.world import ISSUER
from tests.unit.signals.world import header_of, payload_of

PATH = "/oauth/status/1"
JWT = "application/statuslist+jwt"


async def listed(world):
    reply = await world.page(PATH)
    return zlib.decompress(unb64u(payload_of(reply.body.decode())["status_list"]["lst"]))


async def test_the_token_says_what_it_is_about_and_how_long_it_holds(world, bot):
    reply = await world.page(PATH, accept=JWT)

    token = reply.body.decode()
    claims = payload_of(token)
    assert (reply.status, reply.media_type) == (200, JWT)
    assert header_of(token)["typ"] == "statuslist+jwt"
    assert header_of(token)["alg"] == "EdDSA"
    assert claims["sub"] == ISSUER + PATH == world.signals.lists.reference(bot.id)[0]
    assert claims["iss"] == ISSUER
    assert (claims["iat"], claims["exp"], claims["ttl"]) == (1_800_000_000, 1_800_003_600, 60)
    assert claims["status_list"]["bits"] == 2
    assert claims["status_list"]["aggregation_uri"] == f"{ISSUER}/oauth/status-lists"
    headers = dict(reply.headers)
    assert headers["cache-control"] == "public, max-age=60"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["vary"] == "accept"
    assert "content-encoding" not in headers


async def test_the_list_inside_holds_every_agents_state(world, ada, bot):
    other = await world.agent(ada)
    await world.settle()
    _, idx = world.signals.lists.reference(other.id)

    await world.set_status(ada, other, "suspended")
    packed = await listed(world)

    assert len(packed) == LIST_BYTES
    assert state_at(packed, world.signals.lists.reference(bot.id)[1]) is EntryState.VALID
    assert state_at(packed, idx) is EntryState.SUSPENDED
    await world.revoke(ada, "agent", other.id)
    assert state_at(await listed(world), idx) is EntryState.INVALID


async def test_a_flood_of_requests_is_signed_for_once(world, bot):
    first = await world.page(PATH)
    for _ in range(50):
        world.clock.at += 0.5
        assert (await world.page(PATH)).body is first.body


async def test_it_is_signed_again_when_half_its_time_is_over(world, bot):
    first = await world.page(PATH)
    world.clock.at += 30

    again = await world.page(PATH)

    assert again.body != first.body
    assert payload_of(again.body.decode())["iat"] == 1_800_000_030


async def test_a_revocation_is_in_the_next_answer(world, ada, bot):
    first = await world.page(PATH)

    await world.revoke(ada, "agent", bot.id)

    assert (await world.page(PATH)).body != first.body


async def test_who_has_this_very_token_is_not_sent_it_again(world, bot):
    etag = dict((await world.page(PATH)).headers)["etag"]

    same = await world.page(PATH, if_none_match=f'"other", {etag}')
    other = await world.page(PATH, if_none_match='"other"')

    assert (same.status, same.body) == (304, b"")
    assert dict(same.headers)["etag"] == etag
    assert other.status == 200


@pytest.mark.parametrize("accept", ["application/statuslist+cwt", "text/html", f"{JWT};q=0"])
async def test_another_form_of_the_list_is_not_had(world, bot, accept):
    reply = await world.page(PATH, accept=accept)

    assert reply.status == 406
    assert reply.media_type == "application/problem+json"


@pytest.mark.parametrize("number", ["2", "0", "01", "x", "", "1/1", "-1", "9999999999", "\u0661"])
async def test_a_list_that_is_not_there_is_not_found(world, bot, number):
    with pytest.raises(StatusListUnknown):
        await world.signals.pages()["/oauth/status/"](world.inbound("GET", f"/oauth/status/{number}"))


async def test_an_earlier_state_is_not_kept(world, bot):
    with pytest.raises(StatusTimeUnsupported):
        await world.page(PATH, "time=1700000000")


async def test_a_node_that_does_not_follow_the_store_signs_nothing_new(world, ada, bot):
    first = await world.page(PATH)
    world.fresh = False
    world.clock.at += 1000

    assert (await world.page(PATH)).body is first.body
    world.clock.at += 3000
    with pytest.raises(StatusNotFresh):
        await world.page(PATH)
    world.fresh = True
    assert (await world.page(PATH)).body != first.body


async def test_a_fresh_node_that_never_followed_has_no_list_to_show(world, bot):
    world.fresh = False

    with pytest.raises(StatusNotFresh):
        await world.page(PATH)


async def test_all_lists_are_named_in_one_place(world, bot):
    reply = await world.page("/oauth/status-lists")

    assert reply.body == {"status_lists": [f"{ISSUER}/oauth/status/1"]}
    assert reply.media_type == "application/json"
    assert dict(reply.headers)["access-control-allow-origin"] == "*"


async def test_no_page_asks_the_store(world, bot):
    await world.page(PATH)
    world.store._connection.close()
    world.clock.at += 31

    assert (await world.page(PATH)).status == 200
    assert (await world.page("/oauth/status-lists")).status == 200
