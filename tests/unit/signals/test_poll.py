# SPDX-License-Identifier: Apache-2.0
"""Handing out events to who asks, and forgetting what was acknowledged (RFC 8936)."""

import asyncio

from smartagent.signals.poll import MOST_AT_ONCE
from tests.unit.signals.world import ENDPOINT, header_of, payload_of, turns


async def revoke(world, ada, *numbers):
    for number in numbers:
        await world.revoke(ada, "token", f"aat_{number:026}")


async def test_what_waits_is_handed_out_until_it_is_acknowledged(world, ada, party):
    stream = await party.stream()
    await revoke(world, ada, 1, 2)

    first = await party.poll(stream)
    again = await party.poll(stream)
    assert first == again
    assert first["moreAvailable"] is False
    jtis = list(first["sets"])
    for jti, token in first["sets"].items():
        assert header_of(token)["typ"] == "secevent+jwt"
        assert payload_of(token)["jti"] == jti
        assert payload_of(token)["aud"] == party.id

    after = await party.poll(stream, ack=jtis[:1])
    assert list(after["sets"]) == jtis[1:]
    assert (await party.poll(stream, ack=jtis))["sets"] == {}


async def test_an_event_that_could_not_be_taken_is_forgotten_and_recorded(world, ada, party):
    stream = await party.stream()
    await revoke(world, ada, 1)
    (jti,) = (await party.poll(stream))["sets"]

    answer = await party.poll(stream, setErrs={jti: {"err": "invalid_key", "description": "unknown kid"}})

    assert answer == {"sets": {}, "moreAvailable": False}
    record = world.store.records[-1]
    assert (record.event, record.detail["refused"], record.detail["err"]) == (
        "ssf-stream.polled",
        1,
        "invalid_key",
    )


async def test_so_many_as_were_asked_for_come_in_their_order_and_more_is_said(world, ada, party):
    stream = await party.stream()
    await revoke(world, ada, 1, 2, 3)

    first = await party.poll(stream, maxEvents=2)

    assert [payload_of(token)["sub_id"]["jti"][-1] for token in first["sets"].values()] == ["1", "2"]
    assert first["moreAvailable"] is True
    none = await party.poll(stream, maxEvents=0, ack=list(first["sets"]))
    assert none == {"sets": {}, "moreAvailable": True}
    assert len((await party.poll(stream, maxEvents=10_000))["sets"]) == 1
    assert MOST_AT_ONCE < 10_000


async def test_who_waits_is_answered_as_soon_as_something_happens(world, ada, party):
    stream = await party.stream()
    asking = asyncio.create_task(party.poll(stream, returnImmediately=False))
    await turns()
    assert world.signals.streams.waiting == 1

    await revoke(world, ada, 1)

    assert len((await asyncio.wait_for(asking, 1))["sets"]) == 1
    assert world.signals.streams.waiting == 0


async def test_who_waits_is_let_go_when_the_node_ends(world, party):
    stream = await party.stream()
    asking = asyncio.create_task(party.poll(stream, returnImmediately=False))
    await turns()
    assert world.signals.streams.waiting == 1

    world.signals.drain()

    assert (await asyncio.wait_for(asking, 1))["sets"] == {}
    assert (await party.poll(stream, returnImmediately=False))["sets"] == {}


async def test_who_is_revoked_while_waiting_gets_no_answer(world, ada, party):
    stream = await party.stream()
    asking = asyncio.create_task(
        party.call("POST", f"/v1/ssf/poll/{stream['stream_id']}", {"returnImmediately": False})
    )
    await turns()
    assert world.signals.streams.waiting == 1

    await world.revoke(ada, "agent", party.id)
    world.signals.drain()

    assert (await asyncio.wait_for(asking, 1))[0] == 401


async def test_a_paused_stream_gives_nothing_for_now(world, ada, party):
    stream = await party.stream()
    body = {"stream_id": stream["stream_id"], "status": "paused"}
    await party.call("POST", "/v1/ssf/status", body)
    await revoke(world, ada, 1)
    assert (await party.poll(stream))["sets"] == {}

    await party.call("POST", "/v1/ssf/status", {**body, "status": "enabled"})

    assert len((await party.poll(stream))["sets"]) == 1


async def test_pushed_streams_are_not_polled(world, party):
    stream = await party.pushed()
    assert stream["delivery"]["endpoint_url"] == ENDPOINT

    status, problem = await party.call("POST", f"/v1/ssf/poll/{stream['stream_id']}", {})

    assert (status, problem["type"]) == (400, "urn:smartagent:error:malformed-stream")


async def test_nobody_acknowledges_what_waits_for_another(world, ada, party):
    mine = await party.stream()
    other = await world.party(ada)
    theirs = await other.stream()
    await revoke(world, ada, 1)
    (jti,) = (await other.poll(theirs))["sets"]

    await party.poll(mine, ack=[jti])

    assert list((await other.poll(theirs))["sets"]) == [jti]


async def test_too_many_acknowledgements_at_once_are_refused(world, party):
    stream = await party.stream()
    body = {"ack": [f"evt_{number}" for number in range(501)]}

    assert (await party.call("POST", f"/v1/ssf/poll/{stream['stream_id']}", body))[0] == 400
