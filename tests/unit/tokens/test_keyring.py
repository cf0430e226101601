# SPDX-License-Identifier: Apache-2.0
"""The key ring over a store: steps, commands, and nodes that race."""

import asyncio
import dataclasses
import json

import jwt
import pytest

from smartagent.crypto import CannotUnseal
from smartagent.kernel import Secret, Work
from smartagent.keyset import Keyset
from smartagent.tokens import KeysNotReady, KeyState
from smartagent.tokens.keyrings import KeyRings
from tests.unit.identity.world import World

HOUR = 3600
DAY = 24 * HOUR


def states(world):
    return sorted(key.state.value for key in world.tokens.ring.ring)


def kids(world):
    return [entry["kid"] for entry in json.loads(world.tokens.documents.jwks().body)["keys"]]


async def test_a_new_house_signs_at_once_and_has_the_next_key_published(world):
    assert states(world) == ["active", "pending"]
    assert world.tokens.ring.active.kid == kids(world)[0]
    record = world.store.records[0]
    assert (record.event, record.subject, record.detail) == (
        "signing-key.activated",
        kids(world)[0],
        {"next": kids(world)[1]},
    )


async def test_the_key_set_names_no_alg_and_may_be_kept_for_an_hour(world):
    reply = world.tokens.documents.jwks()
    assert ("cache-control", "public, max-age=3600") in reply.headers
    for entry in json.loads(reply.body)["keys"]:
        assert entry.keys() == {"kty", "crv", "x", "kid", "use"}


async def test_no_key_set_is_served_before_there_is_a_key():
    world = World()
    with pytest.raises(KeysNotReady):
        world.tokens.documents.jwks()
    world.store.close()


async def test_seeds_are_sealed_and_only_the_root_key_opens_them(world):
    other = dataclasses.replace(
        world.tokens.ring._means, sealing=Keyset(None, Secret(b"x" * 32), world.entropy)
    )
    with pytest.raises(CannotUnseal):
        await KeyRings(other).reload()


async def test_keys_turn_by_themselves_and_old_tokens_verify_until_they_expire(world, bot):
    first = (await bot.session())["access_token"]
    old = world.tokens.ring.active.kid
    world.clock.at += 30 * DAY
    late = (await bot.session())["access_token"]
    await world.tokens.ring.tend(world.store)
    assert states(world) == ["active", "pending", "retiring"]
    assert world.tokens.ring.active.kid != old
    key_set = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())
    for token in (late, (await bot.session())["access_token"]):
        kid = jwt.get_unverified_header(token)["kid"]
        jwt.decode(
            token,
            key_set[kid],
            algorithms=["EdDSA"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
        )
        world.tokens.access.verified(token)
    assert first != late
    world.clock.at += HOUR + 300
    await world.tokens.ring.tend(world.store)
    assert old not in kids(world)
    assert states(world) == ["active", "pending", "retired"]


async def test_a_fresh_next_key_refuses_the_command_and_says_when(ada):
    # The first two keys were published together, so the first command finds its key known to everybody.
    assert (await ada.call("POST", "/v1/keys/rotate", {}))[0] == 200
    status, view = await ada.call("POST", "/v1/keys/rotate", {})
    assert (status, view["type"]) == (409, "urn:smartagent:error:key-not-published-yet")
    assert "2027-01-15T09:05:00Z" in view["detail"]
    _, view = await ada.call("GET", "/v1/keys")
    assert [key["ready_at"] for key in view["keys"] if key["state"] == "pending"] == ["2027-01-15T09:05:00Z"]


async def test_a_command_promotes_the_published_key(world, ada, bot):
    before = kids(world)
    world.clock.at += HOUR + 300
    await ada.login()
    token = (await bot.session())["access_token"]
    status, view = await ada.call("POST", "/v1/keys/rotate", {"reason": "habit"})
    assert (status, view["active"]) == (200, before[1])
    assert kids(world) == [before[1], view["next"], before[0]]
    world.tokens.access.verified(token)
    record = world.store.records[-1]
    assert (record.event, record.subject) == ("signing-key.activated", before[1])
    assert record.detail["reason"] == "habit"


async def test_a_compromised_key_goes_on_the_spot_with_all_it_signed(world, ada, bot):
    token = (await bot.session())["access_token"]
    world.tokens.access.verified(token)
    before = kids(world)
    status, _ = await ada.call("POST", "/v1/keys/rotate", {"compromised": True, "reason": "leaked"})
    assert status == 200
    assert before[0] not in kids(world)
    headers = {"authorization": f"Bearer {token}"}
    assert (await world.call("GET", "/v1/keys", None, headers))[0] == 401
    assert world.store.records[-1].reason == "the token's key is gone"
    sealed = world.store._connection.execute(
        "SELECT sealed_seed FROM signing_keys WHERE kid = ?", (before[0],)
    )
    assert sealed.fetchone() == (b"",)
    await bot.session()


async def test_of_many_nodes_one_takes_each_step(world):
    nodes = [await world.another_node(str(n)).start() for n in range(4)]
    world.clock.at += 30 * DAY
    await asyncio.gather(*(node.tokens.ring.tend(node.store) for node in nodes))
    for node in (world, *nodes):
        assert states(node) == ["active", "pending", "retiring"]
        assert node.tokens.ring.active.kid == world.tokens.ring.active.kid


async def test_a_step_that_another_node_took_is_lost_whole(world):
    other = await world.another_node("two").start()
    world.clock.at += 30 * DAY
    turn = await other.tokens.ring.rotate(now=world.clock.now(), compromised=False)
    await world.tokens.ring.tend(world.store)
    with pytest.raises(type(turn.writes[0].lost)):
        await world.store.commit(Work((), writes=turn.writes))
    assert states(world) == ["active", "pending", "retiring"]


async def test_two_houses_that_begin_at_once_share_one_key():
    one = World()
    two = one.another_node("two")
    await asyncio.gather(one.start(), two.start())
    assert one.tokens.ring.active.kid == two.tokens.ring.active.kid
    assert [key.state for key in one.tokens.ring.ring].count(KeyState.ACTIVE) == 1
    one.store.close()
