# SPDX-License-Identifier: Apache-2.0
"""Following the revocations: the snapshot, what happens then, going on where one stopped, being cut."""

import pytest

from smartagent.kernel import Algorithm
from smartagent.signals import Bounds
from smartagent.signals.follow import MOST_WAITING
from smartagent.signals.model import Happened, What
from tests.unit.signals.world import SignalsWorld


async def test_a_new_follower_gets_everything_that_matters_and_then_what_happens(world, ada, bot, party):
    await world.revoke(ada, "session", "ses_00000000000000000000000001")
    other = await world.agent(ada)
    await world.set_status(ada, other, "suspended")

    following = await (await party.follow()).read()
    await world.revoke(ada, "agent", bot.id)
    await following.read()

    assert following.types == ["snapshot", "revoked", "agent", "synced", "revoked", "agent"]
    snapshot, session, agent, synced, revoked, status = following.events
    assert snapshot["id"] == ""
    assert "id" not in session
    assert "id" not in agent
    assert session["data"] == {
        "kind": "session",
        "id": "ses_00000000000000000000000001",
        "revoked_at_ms": 1_800_000_000_000,
        "until": 1_800_003_900,
    }
    assert agent["data"] == {"id": other.id, "status": "suspended"}
    assert revoked["data"]["kind"] == "agent"
    assert revoked["data"]["id"] == bot.id
    assert status["data"] == {"id": bot.id, "status": "suspended"}
    assert int(synced["id"]) < int(revoked["id"]) < int(status["id"])


async def test_a_follower_who_comes_back_gets_what_was_missed_and_nothing_else(world, ada, bot, party):
    first = await (await party.follow()).read()
    await first.chunks.aclose()
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.revoke(ada, "token", "aat_00000000000000000000000002")

    again = await (await party.follow(last_event_id=first.events[-1]["id"])).read()

    assert again.types == ["revoked", "revoked", "synced"]
    assert [event["data"]["id"][-1] for event in again.events[:2]] == ["1", "2"]
    last = await (await party.follow(query=f"?from={again.events[0]['id']}")).read()
    assert last.types == ["revoked", "synced"]


async def test_another_node_knows_the_same_positions(world, ada, party):
    first = await (await party.follow()).read()
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    other = await world.another_node("two").start()
    party.world = other

    again = await (await party.follow(last_event_id=first.events[-1]["id"])).read()

    assert again.types == ["revoked", "synced"]


@pytest.mark.parametrize("position", ["0", "999999999"])
async def test_a_position_that_is_not_known_any_more_or_not_yet_starts_over(world, ada, bot, party, position):
    world.store.forget_changes(world.store.version - 1)
    fresh = await world.another_node("two").start()
    party.world = fresh

    following = await (await party.follow(query=f"?from={position}")).read()

    assert following.types[0] == "snapshot"
    assert following.events[0]["data"]["reason"] == "unknown"
    assert following.types[-1] == "synced"


@pytest.mark.parametrize("query", ["?from=x", "?from=-1", "?from=1e3", "?from=" + "9" * 19, "?since=1"])
async def test_a_position_that_is_none_is_refused(world, party, query):
    status, problem = await party.call("GET", f"/v1/revocations/events{query}")

    assert (status, problem["type"]) == (400, "urn:smartagent:error:malformed-request")


async def test_without_the_scope_nobody_follows(world, ada):
    plain = await world.agent(ada)
    token = (await plain.session())["access_token"]

    status, problem = await world.call(
        "GET", "/v1/revocations/events", None, {"authorization": f"Bearer {token}"}
    )

    assert (status, problem["missing"]) == (403, "revocations.follow")


async def test_an_operator_follows_without_a_scope(world, ada):
    await ada.login()
    reply = await world.send(
        world.inbound("GET", "/v1/revocations/events", None, ada.headers("GET", "/v1/revocations/events"))
    )

    assert reply.status == 200


async def test_enrolling_is_nobodys_business(world, ada, party):
    following = await (await party.follow()).read()
    await world.agent(ada)
    await world.settle()
    world.signals.events.tick()
    await following.read()

    assert following.types == ["snapshot", "synced"]


async def test_a_reactivated_agent_and_a_rotated_key_are_told(world, ada, bot, party):
    await world.set_status(ada, bot, "suspended")
    following = await (await party.follow()).read()
    world.clock.at += 7000
    await ada.login()
    party_token = await world.party(ada)
    following = await (await party_token.follow()).read()

    await world.set_status(ada, bot, "active")
    await following.read()
    assert following.events[-1]["data"] == {"id": bot.id, "status": "active"}
    status, view = await ada.call("POST", "/v1/keys/rotate", {})
    assert status == 200, view
    await world.settle()
    await following.read()

    assert following.types[-1] == "key"
    assert following.events[-1]["data"] == {"id": view["active"]}


async def test_a_sign_of_life_says_where_the_node_is_or_that_it_does_not_know(world, party):
    following = await (await party.follow()).read()

    world.signals.events.tick()
    await following.read()
    world.clock.at += 14
    world.signals.events.tick()
    world.clock.at += 1
    world.fresh = False
    world.signals.events.tick()
    await following.read()

    assert following.comments == [str(world.signals.watch.position), "behind"]


async def test_who_reads_too_slowly_is_cut_and_told_to_start_over(world, ada, party):
    following = await (await party.follow()).read()
    event = Happened(9, What.REVOKED, "token", "aat_1", 0, 0)
    world.signals.events.heard([event] * MOST_WAITING)
    assert world.signals.events.followers == 1

    world.signals.events.heard([event])

    assert await following.over()
    assert following.types[-1] == "resync"
    assert len(following.events) == 3
    assert following.events[-1] == {"event": "resync", "id": "", "data": {"reason": "slow"}}
    assert world.signals.events.followers == 0


async def test_missed_changes_make_everybody_start_over(world, ada, bot, party):
    following = await (await party.follow()).read()
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": "x"})
    await world.agent(ada)
    world.store.forget_changes(world.store.version - 1)

    await world.signals.watch.catch_up()

    assert await following.over()
    assert following.events[-1]["data"] == {"reason": "missed"}
    again = await (await party.follow(last_event_id=following.events[1]["id"])).read()
    assert again.types[0] == "snapshot"


async def test_it_ends_when_the_followers_token_expires(world, party):
    following = await (await party.follow()).read()
    world.clock.at += 900

    world.signals.events.tick()

    assert await following.over()
    assert following.events[-1]["data"] == {"reason": "token"}


async def test_it_ends_at_once_when_the_follower_is_revoked(world, ada, party):
    following = await (await party.follow()).read()

    await ada.call("POST", "/v1/revocations", {"kind": "agent", "id": party.id, "reason": "x"})

    assert await following.over()
    assert following.types[-1] == "ended"


async def test_a_revoked_follower_gets_no_stream_at_all(world, ada, party):
    await world.revoke(ada, "agent", party.id)

    status, _ = await party.call("GET", "/v1/revocations/events")

    assert status == 401


async def test_there_are_only_so_many_followers(ada):
    world = await SignalsWorld(bounds=Bounds(most_followers=2, set_algorithm=Algorithm.EDDSA)).start()
    party = await world.party(await world.operator())
    early = [await party.follow() for _ in range(3)]
    first, second = [await each.read() for each in early[:2]]

    third = early[2]
    assert await third.over()
    status, problem = await party.call("GET", "/v1/revocations/events")

    assert third.events == [{"event": "ended", "data": {"reason": "full"}}]
    assert (status, problem["type"]) == (429, "urn:smartagent:error:too-many-followers")
    await first.chunks.aclose()
    assert (await (await party.follow()).read()).types[-1] == "synced"
    assert second.types[-1] == "synced"


async def test_a_node_on_its_way_out_sends_its_followers_elsewhere(world, party):
    following = await (await party.follow()).read()

    world.signals.drain()

    assert await following.over()
    assert following.events[-1]["data"] == {"reason": "closing"}
    assert (await party.call("GET", "/v1/revocations/events"))[0] == 429


async def test_a_revocation_that_is_over_is_told_to_nobody(world, ada, party):
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    world.clock.at += 4000
    await ada.login()
    later = await world.party(ada)

    following = await (await later.follow()).read()

    assert "revoked" not in following.types
