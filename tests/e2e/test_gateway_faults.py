# SPDX-License-Identifier: Apache-2.0
"""Slow, half-closed, dying, bursting and very many: what does not end well ends soon, visibly, and in flat memory."""

import asyncio
import contextlib
import gzip
import json
import resource
import sys
import zlib
from pathlib import Path

import brotli
import pytest
import uvloop

from smartagent.gateway import GatewaySettings
from tests.e2e.test_forward_proxy import tunneled
from tests.e2e.test_gateway_bulk import MAX_GROWTH_BYTES, PIECE, Memory
from tests.unit.gateway.fakes import SECRET, TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")
IMPATIENT = GatewaySettings(
    sweep_seconds=0.02,
    head_seconds=0.2,
    idle_seconds=0.2,
    upload_idle_seconds=0.2,
    stream_idle_seconds=0.2,
    linger_seconds=0.1,
)
GONE = (asyncio.IncompleteReadError, ConnectionError)
IDLE = 10_000
TWO_GIGABYTES = 2 * 1024**3


async def dripping(agent, data):
    """Send byte by byte until the other side ends it."""
    # uvloop says by a RuntimeError that the connection ended while we waited.
    with contextlib.suppress(ConnectionError, RuntimeError):
        for byte in data:
            agent.writer.write(bytes((byte,)))
            await agent.writer.drain()
            await asyncio.sleep(0.01)


@on_both_loops
async def test_a_head_that_drips_is_cut_although_bytes_keep_coming():
    async with world(always(OK), IMPATIENT) as here:
        agent = await here.agent()
        await dripping(agent, b"GET /crm/a HTTP/1.1\r\nHost: gw\r\n" + b"X-A: b\r\n" * 20)
        with contextlib.suppress(ConnectionError):
            assert await agent.reader.read() == b""
        assert here.gateway.open_connections == 0
        assert here.origin.requests == []


@on_both_loops
async def test_a_body_that_stops_coming_is_answered_and_recorded():
    async def reads(request, reader, writer):
        await reader.read()

    async with world(reads, IMPATIENT) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Content-Length: 1000\r\n")
        agent.writer.write(b"some of it")
        answer = await agent.answer()
        assert answer.status == 400
        assert "did not come in time" in json.loads(answer.body)["detail"]
        assert here.doors.later[-1].outcome == "malformed-request"
        assert here.doors.later[-1].detail["received"] == 10


@on_both_loops
async def test_a_stream_that_stops_coming_is_cut():
    async def stalls(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.Event().wait()

    async with world(stalls, IMPATIENT) as here:
        agent = await here.agent()
        agent.ask()
        await agent.head()
        with pytest.raises(GONE):
            await agent.reader.readexactly(10)
        assert here.doors.later[-1].outcome == "stream-idle"


@on_both_loops
async def test_an_agent_that_reads_nothing_is_not_waited_for_for_ever():
    async def pours(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(PIECE)
            await writer.drain()

    async with world(pours, IMPATIENT) as here:
        agent = await here.agent()
        agent.ask()
        agent.writer.transport.pause_reading()
        while not here.doors.later:  # noqa: ASYNC110 -- the gateway's own sweep ends it
            await asyncio.sleep(0.01)
        assert here.doors.later[-1].outcome == "stream-idle"


@on_both_loops
async def test_a_tunnel_without_a_handshake_or_without_a_request_is_closed(tmp_path):
    async with tunneled(tmp_path, settings=IMPATIENT) as rig:
        status, silent = await rig.connect()
        assert status == 200
        idle = await rig.tunnel()
        for agent in (silent, idle):
            with contextlib.suppress(ConnectionError):
                assert await agent.reader.read() == b""
        assert rig.here.gateway.open_connections == 0


@on_both_loops
async def test_an_agent_that_leaves_instead_of_a_handshake_leaves_nothing_behind(tmp_path):
    async with tunneled(tmp_path) as rig:
        for leave in ("close", "abort", "write_eof"):
            status, agent = await rig.connect()
            assert status == 200
            getattr(agent.writer.transport, leave)()
            with contextlib.suppress(ConnectionError):
                await agent.reader.read()
        while rig.here.gateway.open_connections:  # noqa: ASYNC110 -- it hears of it when it reads
            await asyncio.sleep(0.01)


@on_both_loops
async def test_a_tunnel_whose_agent_says_goodbye_is_closed_and_its_call_ended(tmp_path):
    arrived = asyncio.Event()

    async def waits(request, reader, writer):
        arrived.set()
        await reader.read()

    async with tunneled(tmp_path, waits) as rig:
        agent = await rig.tunnel()
        rig.ask(agent)
        await arrived.wait()
        agent.writer.close()
        while not rig.doors.later:  # noqa: ASYNC110 -- the goodbye is on its way
            await asyncio.sleep(0.01)
        assert rig.doors.later[-1].outcome == "agent-gone"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf",
    ],
)
@on_both_loops
async def test_an_upstream_that_dies_in_its_answer_cuts_the_tunnel_too(tmp_path, raw):
    async with tunneled(tmp_path, always(raw, close=True)) as rig:
        agent = await rig.tunnel()
        rig.ask(agent)
        with pytest.raises(GONE):
            await agent.answer()
        assert rig.doors.later[-1].outcome == "upstream-broke"


@on_both_loops
async def test_an_upstream_that_leaves_during_an_upload_is_a_502():
    async def leaves(request, reader, writer):
        await reader.readexactly(5)
        writer.transport.abort()

    async with world(leaves) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Content-Length: 1000000\r\n")
        agent.writer.write(b"hello")
        assert (await agent.answer()).status == 502
        assert here.doors.later[-1].outcome == "upstream-unreachable"


@on_both_loops
async def test_an_upstream_that_half_closes_after_a_whole_answer_has_answered():
    async def half_closes(request, reader, writer):
        writer.write(reply(b"whole", "Connection: close"))
        writer.write_eof()
        await reader.read()

    async with world(half_closes) as here:
        agent = await here.agent()
        for _ in range(3):
            assert (await agent.call()).body == b"whole"


def deflated(data):
    return zlib.compress(data, 9)


def nested(data):
    # A small file that unfolds into a small file that unfolds: the first step is all that is undone.
    return gzip.compress(gzip.compress(data, 9, mtime=0) * 200, 9, mtime=0)


BOMBS = {
    "gzip": ("gzip", lambda data: gzip.compress(data, 9, mtime=0)),
    "members": ("gzip", lambda data: gzip.compress(data[: 1 << 20], 9, mtime=0) * 64),
    "deflate": ("deflate", deflated),
    "br": ("br", lambda data: brotli.compress(data, quality=5)),
}


@pytest.mark.parametrize("bomb", sorted(BOMBS))
@on_both_loops
async def test_a_bomb_is_cut_in_flat_memory(bomb):
    coding, pack = BOMBS[bomb]
    packed = pack(bytes(64 * 1024 * 1024))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with world(always(head + packed)) as here:
        agent = await here.agent()
        agent.ask()
        await agent.head()
        memory, came = Memory(), 0
        with contextlib.suppress(ConnectionError):
            while data := await agent.reader.read(65_536):
                came += len(data)
                memory.look()
        assert here.doors.later[-1].outcome == "upstream-malformed"
        assert came < 8 * 1024 * 1024 + 251 * len(packed) + 1_000_000
        assert memory.growth < MAX_GROWTH_BYTES


@on_both_loops
async def test_a_bomb_in_a_bomb_is_undone_once(tmp_path):
    packed = nested(SECRET * 1000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with world(always(head + packed)) as here:
        answer = await (await here.agent()).call()
        assert "content-encoding" not in answer.headers
        assert gzip.decompress(packed) == answer.body
    twice = (
        f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    )
    async with world(always(twice + packed)) as here:
        assert (await (await here.agent()).call()).status == 502


async def test_many_tunnels_at_once_never_see_each_others_answers(tmp_path):
    async def echoes(request, reader, writer):
        await asyncio.sleep(0)
        writer.write(reply(request.target.encode()))

    async with tunneled(tmp_path, echoes) as rig:

        async def works(number):
            agent = await rig.tunnel()
            for turn in range(5):
                rig.ask(agent, f"/v1/{number}/{turn}")
                assert (await agent.answer()).body == f"/v1/{number}/{turn}".encode()

        await asyncio.gather(*(works(number) for number in range(200)))
        assert rig.here.gateway.open_connections == 200
        assert rig.here.origin.connections <= 200
        opened = [each for each in rig.doors.committed if each.event == "gateway.tunnel"]
        assert len(opened) == 200


def room_for(files):
    """Raise this process's limit of open files, as far as it is allowed to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, 1024), hard))
    return wanted


def test_ten_thousand_idle_connections_are_served_and_swept():
    count = min(IDLE, room_for(IDLE + 2000) - 1000)

    async def main():
        settings = GatewaySettings(max_connections=count, head_seconds=600, idle_seconds=600)
        async with world(always(OK), settings) as here:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(Path(__file__).with_name("idle_agents.py"))),
                *(str(here.port), str(count), TOKEN),
                stdout=asyncio.subprocess.PIPE,
            )
            assert await process.stdout.readline() == f"served {count}\n".encode()
            assert here.gateway.open_connections == count
            assert len(here.origin.requests) == count
            # An hour later, as far as they can tell.
            later = asyncio.get_running_loop().time() + 3600
            for connection in tuple(here.gateway._connections):
                connection.sweep(later)
            assert await process.stdout.readline() == f"swept {count}\n".encode()
            assert await process.wait() == 0
            assert here.gateway.open_connections == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@pytest.mark.slow
def test_two_gigabytes_pass_both_ways_at_once_in_flat_memory():
    async def echoes(request, reader, writer):
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {TWO_GIGABYTES}\r\n\r\n".encode())
        left = TWO_GIGABYTES
        while left:
            data = await reader.read(1 << 18)
            left -= len(data)
            writer.write(data)
            await writer.drain()

    async def sends(agent):
        for _ in range(TWO_GIGABYTES // len(PIECE)):
            agent.writer.write(PIECE)
            await agent.writer.drain()

    async def main():
        async with world(echoes, GatewaySettings(max_body_bytes=TWO_GIGABYTES)) as here:
            agent = await here.agent()
            agent.ask("/crm/a", "POST", fields=f"Content-Length: {TWO_GIGABYTES}\r\n")
            memory = Memory()
            sending = asyncio.create_task(sends(agent))
            await agent.head()
            came = 0
            while came < TWO_GIGABYTES:
                data = await agent.reader.read(1 << 18)
                assert data
                came += len(data)
                memory.look()
            await sending
            assert came == TWO_GIGABYTES
            assert memory.growth < MAX_GROWTH_BYTES
            assert here.doors.later[-1].detail["received"] == here.doors.later[-1].detail["sent"] == came

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
