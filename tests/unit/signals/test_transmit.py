# SPDX-License-Identifier: Apache-2.0
"""Pushing events: what is said, in which order, how often it is tried, and what a restart leaves."""

import asyncio
import json

import pytest

from smartagent.signals.transmit import KEPT_SECONDS, LONGEST_PAUSE_SECONDS, MOST_HELD
from smartagent.tokens import JWKS_PATH
from tests.unit.identity.world import ISSUER
from tests.unit.signals.world import ENDPOINT, header_of

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"


def waiting(world):
    return world.store._connection.execute(
        "SELECT event, attempts, not_before FROM ssf_outbox ORDER BY seq, jti"
    ).fetchall()


def events_of(world, name):
    return [record for record in world.store.records if record.event == name]


async def test_a_revoked_session_is_pushed_as_a_security_event_token(world, ada, party):
    await party.pushed(authorization_header="Bearer for-you")

    await world.revoke(ada, "session", "ses_00000000000000000000000001")

    ((url, headers, token),) = world.receiver.sent
    assert url == ENDPOINT
    assert headers == {
        "content-type": "application/secevent+jwt",
        "accept": "application/json",
        "authorization": "Bearer for-you",
    }
    assert header_of(token)["typ"] == "secevent+jwt"
    (claims,) = world.receiver.claims
    assert set(claims) == {"iss", "iat", "jti", "aud", "txn", "sub_id", "events"}
    assert (claims["iss"], claims["aud"], claims["iat"]) == (ISSUER, party.id, 1_800_000_000)
    assert claims["sub_id"] == {"format": "opaque", "id": "ses_00000000000000000000000001"}
    assert claims["events"] == {
        CAEP + "session-revoked": {
            "event_timestamp": 1_800_000_000,
            "initiating_entity": "admin",
            "reason_admin": {"en": "The session was revoked at the authority."},
        }
    }
    assert waiting(world) == []
    (record,) = events_of(world, "ssf.delivered")
    assert (record.detail["jti"], record.detail["type"]) == (claims["jti"], "session-revoked")


async def test_who_is_meant_depends_on_what_was_revoked(world, ada, bot, party):
    await party.pushed()

    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.revoke(ada, "agent", bot.id)

    assert world.receiver.types == [
        "session-revoked", "session-revoked", "session-revoked", "credential-change",
    ]  # fmt: skip
    token, agent, stopped, changed = world.receiver.claims
    assert token["sub_id"] == {"format": "jwt_id", "iss": ISSUER, "jti": "aat_00000000000000000000000001"}
    for claims in (agent, stopped, changed):
        assert claims["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": bot.id}
    assert stopped["txn"] == changed["txn"] != agent["txn"]
    assert changed["events"][CAEP + "credential-change"]["change_type"] == "revoke"
    assert len({claims["jti"] for claims in world.receiver.claims}) == 4


@pytest.mark.parametrize(
    ("steps", "types", "change"),
    [
        (["retired"], ["session-revoked", "credential-change"], "delete"),
        (["suspended", "active"], ["session-revoked", "credential-change", "credential-change"], "update"),
    ],
)
async def test_what_becomes_of_an_agent_is_told(party, bot, steps, types, change):
    world = party.world
    await party.pushed()

    for step in steps:
        world.clock.at += 1
        await world.set_status(world.ada, bot, step)

    assert world.receiver.types == types
    said = world.receiver.claims[-1]["events"][CAEP + "credential-change"]
    assert (said["credential_type"], said["change_type"]) == ("key", change)


async def test_a_rotated_signing_key_is_told(world, ada, party):
    await party.pushed()
    world.clock.at += 100
    status, view = await ada.call("POST", "/v1/keys/rotate", {"compromised": True, "reason": "x"})
    assert status == 200, view

    await world.settle()

    (claims,) = world.receiver.claims
    assert claims["sub_id"] == {"format": "uri", "uri": ISSUER + JWKS_PATH}
    said = claims["events"][CAEP + "credential-change"]
    assert (said["change_type"], said["friendly_name"]) == ("update", view["active"])


async def test_what_happened_before_a_stream_is_not_told_on_it(world, ada, bot, party):
    await world.revoke(ada, "agent", bot.id)

    await party.pushed()
    await world.settle()

    assert world.receiver.sent == []


async def test_only_requested_types_and_subjects_that_are_not_left_out_are_told(world, ada, bot, party):
    view = await party.stream(
        delivery={"method": "urn:ietf:rfc:8935", "endpoint_url": ENDPOINT},
        events_requested=[CAEP + "credential-change"],
    )
    out = {"stream_id": view["stream_id"], "subject": {"format": "iss_sub", "iss": ISSUER, "sub": bot.id}}
    await world.set_status(ada, bot, "suspended")
    assert world.receiver.types == ["credential-change"]

    assert (await party.call("POST", "/v1/ssf/subjects/remove", out))[0] == 204
    world.clock.at += 1
    await world.set_status(ada, bot, "active")
    assert len(world.receiver.sent) == 1
    assert (await party.call("POST", "/v1/ssf/subjects/add", out))[0] == 200
    await world.set_status(ada, bot, "suspended")

    assert world.receiver.types == ["credential-change"] * 2


async def test_what_fails_is_tried_again_twice_as_long_after_each_time_and_keeps_the_order(world, ada, party):
    await party.pushed()
    world.receiver.fails(1)
    world.receiver.answers_with(500, 302)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.revoke(ada, "token", "aat_00000000000000000000000002")
    assert len(world.receiver.sent) == 1

    pauses = []
    for attempt in range(1, 3):
        ((_, attempts, not_before), _) = waiting(world)
        assert attempts == attempt
        pauses.append(not_before - world.clock.at)
        world.clock.at = not_before - 1
        await world.settle()
        assert len(world.receiver.sent) == attempt
        world.clock.at = not_before
        await world.settle()
    world.clock.at = waiting(world)[0][2]
    await world.settle()

    assert [1 <= pauses[0] <= 2, 2 <= pauses[1] <= 3] == [True, True]
    assert [claims["sub_id"]["jti"][-1] for claims in world.receiver.claims] == ["1", "1", "1", "1", "2"]
    assert len({claims["jti"] for claims in world.receiver.claims[:4]}) == 1
    assert waiting(world) == []


async def test_the_pause_is_bounded(world, ada, party):
    await party.pushed()
    world.receiver.fails(40)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    for _ in range(14):
        ((_, _, not_before),) = waiting(world)
        assert not_before - world.clock.at <= LONGEST_PAUSE_SECONDS + 1
        world.clock.at = not_before
        await world.settle()

    ((_, attempts, _),) = waiting(world)
    assert attempts == 15


async def test_an_event_that_nobody_takes_for_a_day_is_dropped(world, ada, party):
    await party.pushed()
    world.receiver.fails(1)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    world.clock.at += KEPT_SECONDS

    await world.settle()

    assert len(world.receiver.sent) == 1
    assert waiting(world) == []
    assert events_of(world, "ssf.dropped")[0].detail["why"] == "too old"


async def test_a_receiver_that_refuses_is_asked_three_times_and_its_reason_recorded(world, ada, party):
    await party.pushed()
    refusal = json.dumps({"err": "invalid_key", "description": "not\nours"}).encode()
    world.receiver.answers_with(400, 400, 400, body=refusal)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.revoke(ada, "token", "aat_00000000000000000000000002")
    for _ in range(2):
        world.clock.at += 10
        await world.settle()

    assert [claims["sub_id"]["jti"][-1] for claims in world.receiver.claims] == ["1", "1", "1", "2"]
    (record,) = events_of(world, "ssf.dropped")
    assert record.detail["why"] == "refused"
    assert record.detail["err"] == "invalid_key: notours"


async def test_a_refusal_that_cannot_be_read_is_one_too(world, ada, party):
    await party.pushed()
    world.receiver.answers_with(400, 400, 400, body=b"\xff<html>")
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    for _ in range(2):
        world.clock.at += 10
        await world.settle()

    assert events_of(world, "ssf.dropped")[0].detail["err"] == "unreadable"


async def test_one_receiver_that_hangs_holds_up_no_other(world, ada, party):
    await party.pushed()
    await party.stream()
    world.receiver.gate = asyncio.Event()
    await ada.call(
        "POST", "/v1/revocations", {"kind": "token", "id": "aat_00000000000000000000000001", "reason": "x"}
    )
    await world.signals.watch.catch_up()
    for _ in range(3):
        await world.signals.transmitter.step()
        await asyncio.sleep(0)
    assert len(world.receiver.sent) == 1

    world.receiver.gate.set()
    await world.signals.transmitter.settle()

    assert waiting(world) == [(CAEP + "session-revoked", 0, 0)]


async def test_a_paused_stream_keeps_its_events_for_later(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "paused"})
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    assert world.receiver.sent == []
    assert len(waiting(world)) == 1

    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "enabled"})
    await world.settle()

    assert world.receiver.types == ["session-revoked"]


async def test_a_disabled_stream_keeps_nothing(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    world.receiver.fails(1)
    await world.revoke(ada, "token", "aat_00000000000000000000000001")

    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "disabled"})
    await world.revoke(ada, "token", "aat_00000000000000000000000002")

    assert waiting(world) == []


async def test_a_verification_carries_its_state_about_the_stream_itself(world, party):
    stream_id = (await party.pushed())["stream_id"]
    await party.call("POST", "/v1/ssf/verify", {"stream_id": stream_id, "state": "s-1"})
    await world.settle()

    (claims,) = world.receiver.claims
    assert claims["sub_id"] == {"format": "opaque", "id": stream_id}
    assert claims["events"] == {
        "https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": "s-1"}
    }


async def test_a_stream_that_nobody_takes_from_is_disabled_and_its_receiver_told(world, ada, party):
    stream_id = (await party.pushed())["stream_id"]
    await party.call("POST", "/v1/ssf/status", {"stream_id": stream_id, "status": "paused"})
    world.store._connection.executemany(
        "INSERT INTO ssf_outbox VALUES (?, ?, 1, 'x', '{}', 0, 0, 0)",
        [(f"evt_{number}", stream_id) for number in range(MOST_HELD)],
    )

    await world.revoke(ada, "token", "aat_00000000000000000000000001")

    assert (await party.call("GET", f"/v1/ssf/status?stream_id={stream_id}"))[1]["status"] == "disabled"
    assert world.receiver.types == ["stream-updated"]
    said = next(iter(world.receiver.claims[0]["events"].values()))
    assert said == {"status": "disabled", "reason": "too many events wait"}
    assert waiting(world) == []


async def test_a_receiver_who_was_revoked_gets_nothing(world, ada, party):
    await party.pushed()

    await world.revoke(ada, "agent", party.id)

    assert world.receiver.sent == []
    assert waiting(world) == []


async def test_who_does_not_hold_the_lease_sends_nothing(world, ada, party):
    await party.pushed()
    world.lease.mine = False

    await world.revoke(ada, "token", "aat_00000000000000000000000001")

    assert world.receiver.sent == []
    assert waiting(world) == []


async def test_another_node_goes_on_where_one_was_stopped(world, ada, party):
    await party.pushed()
    world.receiver.gate = asyncio.Event()
    await ada.call(
        "POST", "/v1/revocations", {"kind": "token", "id": "aat_00000000000000000000000001", "reason": "x"}
    )
    await world.signals.watch.catch_up()
    await world.signals.transmitter.step()
    await asyncio.sleep(0)
    await world.signals.transmitter.stop()
    assert len(waiting(world)) == 1

    other = await world.another_node("two").start()
    await other.settle()

    assert len(world.receiver.sent) == 1
    assert world.receiver.claims[0]["jti"] == other.receiver.claims[0]["jti"]
    assert waiting(world) == []


async def test_a_change_becomes_events_once_whoever_reads_it(world, ada, party):
    await party.pushed()
    other = await world.another_node("two").start()
    await ada.call(
        "POST", "/v1/revocations", {"kind": "token", "id": "aat_00000000000000000000000001", "reason": "x"}
    )
    for node in (world, other):
        await node.signals.watch.catch_up()

    await asyncio.gather(world.signals.transmitter._enqueue(), other.signals.transmitter._enqueue())

    assert len(waiting(world)) == 1


async def test_a_commit_that_fails_leaves_the_events_for_the_next_time(world, ada, party):
    from smartagent.storage import StoreUnavailable

    await party.pushed()
    await ada.call(
        "POST", "/v1/revocations", {"kind": "token", "id": "aat_00000000000000000000000001", "reason": "x"}
    )
    await world.signals.watch.catch_up()
    world.store.refusing = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        await world.signals.transmitter.step()
    world.store.refusing = None

    await world.settle()

    assert world.receiver.types == ["session-revoked"]


async def test_changes_forgotten_while_nobody_sent_are_told_as_all_that_matters(world, ada, party):
    await party.pushed()
    await world.settle()
    world.lease.mine = False
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    await world.revoke(ada, "session", "ses_00000000000000000000000001")
    world.store.forget_changes(world.store.version - 1)
    world.lease.mine = True

    await world.settle()

    assert sorted(claims["sub_id"]["format"] for claims in world.receiver.claims) == ["jwt_id", "opaque"]


async def test_a_receiver_that_comes_late_to_a_house_without_streams_is_told_of_no_past(
    world, ada, bot, party
):
    await world.revoke(ada, "agent", bot.id)
    await world.settle()

    view = await party.pushed()
    await world.settle()
    await world.revoke(ada, "token", "aat_00000000000000000000000001")

    assert view["delivery"]["endpoint_url"] == ENDPOINT
    assert world.receiver.types == ["session-revoked"]
