# SPDX-License-Identifier: Apache-2.0
"""How much, how fast and how long: what an agent that speaks HTTP/2 may cost, when it is slow, idle or means harm."""

import asyncio
import contextlib

import pytest
from h2.errors import ErrorCodes

from smartagent.gateway import GatewaySettings
from tests.e2e.test_gateway_bulk import BODY_BYTES, MAX_GROWTH_BYTES, PIECE, Memory, pour, swallow
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.http2_client import OK, fields, http2
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e


@on_both_loops
async def test_a_large_answer_passes_in_flat_memory_while_another_stream_is_served():
    async with http2(pour, client={"greedy": False}) as (_, agent):
        stuck = agent.ask()
        await agent.until(lambda: agent.seen[stuck].taken_bytes == 65_535)
        # Its window is shut, and so is the connection's; that one alone is opened again.
        agent.h2.increment_flow_control_window(2**30)
        flowing = agent.ask()
        seen, memory, looks = agent.seen[flowing], Memory(), 0
        while not seen.over:
            await agent.read()
            if seen.body and not seen.over:
                agent.h2.increment_flow_control_window(len(seen.body), flowing)
                agent.flush()
            seen.body = b""
            looks += 1
            if looks % 100 == 0:
                memory.look()
        assert seen.ended
        assert seen.taken_bytes == BODY_BYTES
        assert agent.seen[stuck].taken_bytes == 65_535
        assert memory.growth < MAX_GROWTH_BYTES


@on_both_loops
async def test_a_slow_upstream_holds_its_own_stream_and_no_other():
    going = asyncio.Event()

    async def slow(request, reader, writer):
        if request.target == "/slow":
            await going.wait()
        await swallow(request, reader, writer)

    size = 20 * len(PIECE)
    settings = GatewaySettings(sweep_seconds=0.02, max_body_bytes=BODY_BYTES)
    stated = (("content-length", str(BODY_BYTES)),)
    async with http2(slow, settings) as (_, agent):
        held = agent.ask(fields("/crm/slow", "POST", more=stated), end=False)
        memory = Memory()
        with contextlib.suppress(TimeoutError):
            # The window is opened as far as the gateway and the sockets hold, and then no more.
            async with asyncio.timeout(0.5):
                await agent.upload(held, [PIECE] * (BODY_BYTES // len(PIECE)))
        assert agent.h2.local_flow_control_window(held) == 0
        free = agent.ask(fields("/crm/fast", "POST", more=(("content-length", str(size)),)), end=False)
        await agent.upload(free, [PIECE] * 20)
        agent.h2.end_stream(free)
        agent.flush()
        assert (await agent.answer(free)).body == b"swallowed"
        memory.look()
        assert memory.growth < MAX_GROWTH_BYTES
        agent.h2.reset_stream(held)
        agent.flush()
        going.set()


async def test_one_stream_more_than_are_allowed_is_refused_alone():
    going = asyncio.Event()

    async def waits(request, reader, writer):
        await going.wait()
        writer.write(OK)

    async with http2(waits) as (_, agent):
        streams = [agent.ask() for _ in range(100)]
        assert (await agent.call()).reset == ErrorCodes.REFUSED_STREAM
        going.set()
        assert {(await agent.answer(each)).status for each in streams} == {200}


async def test_many_streams_more_than_are_allowed_end_the_connection():
    async def never(request, reader, writer):
        await asyncio.Event().wait()

    async with http2(never) as (here, agent):
        # Before the bound could be known.
        for _ in range(300):
            agent.ask()
        await agent.end()
        assert agent.goaway is not None
        assert len(here.doors.committed) <= 100


async def test_who_resets_what_it_asks_for_again_and_again_is_sent_away():
    async with http2() as (here, agent):
        for _ in range(300):
            stream = agent.h2.get_next_available_stream_id()
            agent.h2.send_headers(stream, fields(), end_stream=True)
            agent.h2.reset_stream(stream)
        agent.flush()
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert len(here.doors.committed) <= 100


async def test_who_has_the_gateway_reset_streams_again_and_again_is_sent_away():
    async with http2() as (_, agent):
        with contextlib.suppress(ConnectionError):
            while not agent.goaway:
                agent.ask(fields(path="no-path"))
                await agent.read()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "frame",
    [
        b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8),
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00",
    ],
    ids=["ping", "settings", "priority"],
)
async def test_a_flood_of_frames_that_ask_for_nothing_is_ended(frame):
    async with http2() as (_, agent):
        agent.writer.write(frame * 11_000)
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_settings_that_nobody_knows_are_not_remembered_without_end():
    async with http2() as (_, agent):
        for begin in range(1000, 1090, 30):
            unknown = b"".join(each.to_bytes(2) + bytes(4) for each in range(begin, begin + 30))
            agent.writer.write(len(unknown).to_bytes(3) + b"\x04\x00\x00\x00\x00\x00" + unknown)
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM


async def test_a_head_without_end_is_ended_by_its_size():
    async with http2() as (here, agent):
        begin = b"\x00\x00\x00\x01\x00\x00\x00\x00\x01"
        more = (16_384).to_bytes(3) + b"\x09\x00\x00\x00\x00\x01" + bytes(16_384)
        agent.writer.write(begin + more * 3)
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert here.doors.committed == []


async def test_a_head_that_unfolds_beyond_its_size_is_ended():
    async with http2() as (here, agent):
        # One large field goes into the table, and is then named by one byte each time.
        agent.ask(fields(more=[("x-bomb", "x" * 3000)] * 60))
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert here.doors.committed == []


async def test_a_head_with_more_fields_than_http_1_may_have_is_refused():
    async with http2() as (_, agent):
        answer = await agent.call(fields(more=[(f"x-{each}", "y") for each in range(101)]))
        assert answer.status == 400


async def test_a_head_that_does_not_come_to_its_end_is_not_waited_for():
    settings = GatewaySettings(sweep_seconds=0.01, head_seconds=0.05, idle_seconds=30)
    async with http2(settings=settings) as (_, agent):
        await agent.read()
        agent.writer.write(b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82")
        await agent.end()
        assert agent.goaway is not None


async def test_who_says_the_preface_alone_is_not_waited_for():
    settings = GatewaySettings(sweep_seconds=0.01, head_seconds=0.05, idle_seconds=30)
    async with world(always(OK), settings) as here:
        agent = await here.agent()
        agent.writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await agent.reader.read())[-17:-8] == b"\x00\x00\x08\x07\x00\x00\x00\x00\x00"


async def test_an_idle_connection_is_told_and_closed():
    settings = GatewaySettings(sweep_seconds=0.01, idle_seconds=0.05)
    async with http2(settings=settings) as (_, agent):
        assert (await agent.call()).status == 200
        await agent.end()
        assert (agent.goaway.error_code, agent.goaway.last_stream_id) == (ErrorCodes.NO_ERROR, 1)


async def test_an_agent_that_does_not_take_its_answer_is_not_waited_for():
    settings = GatewaySettings(sweep_seconds=0.01, stream_idle_seconds=0.1, idle_seconds=30)
    async with http2(always(reply(bytes(100_000))), settings, client={"greedy": False}) as (_, agent):
        answer = await agent.call()
        assert (answer.ended, answer.reset) == (False, ErrorCodes.INTERNAL_ERROR)
        assert answer.taken_bytes == 65_535


async def test_a_token_that_ends_cuts_its_streams():
    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await asyncio.Event().wait()

    async with http2(stalling) as (here, agent):
        caller = here.doors.callers[TOKEN]
        ends = type(caller)(
            caller.principal, caller.kind, caller.role, caller.session, caller.jti,
            expires_at=here.doors.clock + 0.1,
        )  # fmt: skip
        here.doors.callers[TOKEN] = ends
        assert (await agent.call()).reset == ErrorCodes.INTERNAL_ERROR


@on_both_loops
async def test_a_drain_says_so_and_lets_what_is_in_flight_end():
    arrived, going = asyncio.Event(), asyncio.Event()

    async def waits(request, reader, writer):
        arrived.set()
        await going.wait()
        writer.write(OK)

    async with http2(waits) as (here, agent):
        stream = agent.ask()
        await arrived.wait()
        draining = asyncio.create_task(here.gateway.drain())
        await agent.until(lambda: agent.goaway == (stream, ErrorCodes.NO_ERROR))
        late = agent.ask()
        assert (await agent.answer(late)).reset == ErrorCodes.REFUSED_STREAM
        going.set()
        assert (await agent.answer(stream)).body == b'{"ok": true}'
        await draining
        assert here.gateway.open_connections == 0


async def test_a_drain_that_takes_too_long_cuts_what_is_left():
    arrived = asyncio.Event()

    async def never(request, reader, writer):
        arrived.set()
        await asyncio.Event().wait()

    settings = GatewaySettings(sweep_seconds=0.02, drain_seconds=0.05)
    async with http2(never, settings) as (here, agent):
        agent.ask()
        await arrived.wait()
        await here.gateway.drain()
        await agent.end()
        assert [each.outcome for each in here.doors.later] == ["shutdown"]


async def test_an_agent_that_goes_away_gets_what_it_asked_for_before():
    going = asyncio.Event()

    async def waits(request, reader, writer):
        await going.wait()
        writer.write(OK)

    async with http2(waits) as (_, agent):
        stream = agent.ask()
        agent.writer.write(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8))
        going.set()
        assert (await agent.answer(stream)).body == b'{"ok": true}'
        await agent.end()


async def test_who_sends_on_without_taking_its_answer_is_not_listened_to_for_ever():
    settings = GatewaySettings(sweep_seconds=0.01, stream_idle_seconds=0.1, idle_seconds=30)
    async with http2(settings=settings, client={"window": 0}) as (here, agent):
        here.doors.denied.add(("POST", "/a"))
        stream = agent.ask(fields(method="POST"), end=False)
        await agent.upload(stream, [PIECE] * 1000)
        answer = agent.seen[stream]
        assert (answer.status, answer.body, answer.reset) == (403, b"", ErrorCodes.INTERNAL_ERROR)
