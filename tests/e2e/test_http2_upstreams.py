# SPDX-License-Identifier: Apache-2.0
"""Upstreams that speak HTTP/2, well and badly: what a gRPC call is made of, and what becomes of it when they break off."""

import asyncio
import contextlib
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes

from smartagent.gateway import Gateway, GatewaySettings
from tests.e2e.test_gateway_bulk import MAX_GROWTH_BYTES, PIECE, Memory, certificate
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry, FakeDoors
from tests.unit.gateway.http2_client import connected, fields
from tests.unit.gateway.origin import on_both_loops

pytestmark = pytest.mark.e2e
GRPC = (("content-type", "application/grpc+proto"), ("te", "trailers"), ("x-own", "kept"))
ASKED = fields("/crm/shop.Orders/Echo", "POST", more=GRPC)
HEAD = ((":status", "200"), ("content-type", "application/grpc"))
END = (("grpc-status", "0"), ("x-end", "y"))


class Call:
    """One connection of an upstream's, with the one stream that is on it."""

    def __init__(self, reader, writer, window=65_535):
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.h2.initiate_connection()
        if window != 65_535:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        self.stream = 0
        self.asked = {}
        self.body_bytes = 0
        self.ended = False

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    async def read(self):
        data = await self.reader.read(65_536)
        if not data:
            raise ConnectionError
        for event in self.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                self.stream, self.asked, self.body_bytes, self.ended = (
                    event.stream_id,
                    dict(event.headers),
                    0,
                    False,
                )
            elif isinstance(event, DataReceived):
                self.body_bytes += len(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.ended = True
        self.flush()

    async def begun(self):
        while not self.stream:
            await self.read()

    async def whole(self):
        while not self.ended:
            await self.read()

    def say(self, *what, end=False):
        """Send a head or trailers, or a piece of body."""
        for each in what:
            last = end and each is what[-1]
            if isinstance(each, bytes):
                self.h2.send_data(self.stream, each, end_stream=last)
            else:
                self.h2.send_headers(self.stream, each, end_stream=last)
        self.flush()


class Upstream:
    """Runs `script` for each request that came whole; or, in `conversation`, once for each connection."""

    def __init__(self, script, *, conversation=False, **more):
        self.script, self.conversation, self.more = script, conversation, more
        self.calls = []
        self.tasks = set()

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        call = Call(reader, writer, **self.more)
        self.calls.append(call)
        try:
            while True:
                await (call.begun() if self.conversation else call.whole())
                call.ended = False
                await self.script(call)
                await writer.drain()
                while self.conversation:
                    await call.read()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def world(script, tls=None, settings=None, client=(), **more):
    upstream = Upstream(script, **more)
    listening = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    doors = FakeDoors(Entry("crm", f"{'https' if tls else 'http'}://localhost:{port}"))
    gateway = Gateway(doors, settings or GatewaySettings(sweep_seconds=0.02))
    house = await gateway.serve("127.0.0.1", 0)
    agent = await connected(house.sockets[0].getsockname()[1], **dict(client))
    try:
        async with asyncio.timeout(30):
            yield upstream, doors, gateway, agent
    finally:
        agent.writer.close()
        await gateway.drain()
        listening.close()
        for task in upstream.tasks:
            task.cancel()
        await asyncio.gather(*upstream.tasks, return_exceptions=True)


async def well(call):
    call.say(HEAD, b"hello", END, end=True)


@on_both_loops
async def test_a_call_goes_on_with_its_credential_and_without_the_agents():
    async with world(well) as (upstream, _, _, agent):
        for _ in range(3):
            answer = await agent.call(ASKED, b"x" * 100)
            assert (answer.status, answer.body, answer.trailers) == (200, b"hello", dict(END))
        (call,) = upstream.calls
        assert call.stream == 5
        assert call.body_bytes == 100
        assert call.asked[":path"] == "/shop.Orders/Echo"
        assert call.asked[":authority"].startswith("localhost:")
        assert (call.asked["authorization"], call.asked["te"]) == (f"Bearer {SECRET.decode()}", "trailers")
        assert (call.asked["x-own"], call.asked["grpc-accept-encoding"]) == ("kept", "identity")
        assert TOKEN not in repr(call.asked)


async def test_a_secret_is_scrubbed_over_frames_and_in_trailers():
    async def tells(call):
        pieces = [SECRET[at : at + 3] for at in range(0, len(SECRET), 3)]
        told = (("grpc-status", "0"), ("grpc-message", SECRET.decode()))
        call.say((*HEAD, ("x-told", SECRET.decode())), *pieces, told, end=True)

    async with world(tells) as (_, _, _, agent):
        answer = await agent.call(ASKED, b"")
        assert answer.body == b"*" * len(SECRET)
        assert answer.headers["x-told"] == answer.trailers["grpc-message"] == "*" * len(SECRET)


async def test_cookies_and_other_ways_around_are_taken_out_of_trailers_too():
    async def offers(call):
        extra = (("set-cookie", "a=b"), ("alt-svc", "h3"))
        call.say((*HEAD, *extra), (*END, *extra), end=True)

    async with world(offers) as (_, _, _, agent):
        answer = await agent.call(ASKED, b"")
        assert answer.trailers == dict(END)
        assert {"set-cookie", "alt-svc"}.isdisjoint(answer.headers)


async def broken(how):
    """Return what a call becomes, and its outcome in the log."""
    async with world(how) as (_, doors, gateway, agent):
        answer = await agent.call(ASKED, b"x")
        assert not any(gateway._pool._idle.values())
        return answer, [each.outcome for each in doors.later]


def says(*fields):
    async def script(call):
        call.say(fields, end=True)

    return script


@pytest.mark.parametrize(
    "script",
    [
        says((":status", "200"), ("x", "a\r\nset-cookie: b")),
        says((":status", "200"), ("x\r\ny", "a")),
        says((":status", "200"), ("Capital", "a")),
        says((":status", "200"), ("connection", "close")),
        says((":status", "200"), ("transfer-encoding", "chunked")),
        says((":status", "200"), (":status", "200")),
        says(
            (":status", "2x0"),
        ),
        says((":status", "200"), ("grpc-encoding", "gzip")),
        says((":status", "200"), ("content-encoding", "zstd")),
    ],
)
async def test_an_answer_that_cannot_be_passed_on_is_unavailable(script):
    answer, outcomes = await broken(script)
    assert (answer.status, answer.headers["grpc-status"]) == (200, "14")
    assert answer.headers["grpc-message"].startswith("The upstream's answer cannot be passed on.")
    assert outcomes == ["upstream-malformed"]


async def test_hints_without_end_are_not_listened_to():
    async def hints(call):
        for _ in range(20):
            call.say([(":status", "103")])
        call.say(HEAD, END, end=True)

    answer, outcomes = await broken(hints)
    assert (answer.headers["grpc-status"], outcomes) == ("14", ["upstream-malformed"])


async def test_a_stream_that_is_reset_before_its_answer_is_unavailable():
    async def resets(call):
        call.h2.reset_stream(call.stream, ErrorCodes.REFUSED_STREAM)
        call.flush()

    answer, outcomes = await broken(resets)
    assert (answer.headers["grpc-status"], outcomes) == ("14", ["upstream-unreachable"])


@pytest.mark.parametrize("way", ["reset", "close", "goaway"])
async def test_an_answer_that_breaks_off_is_a_reset_stream(way):
    async def breaks(call):
        call.say(HEAD, b"hel")
        if way == "reset":
            call.h2.reset_stream(call.stream, ErrorCodes.INTERNAL_ERROR)
            call.flush()
        elif way == "goaway":
            call.writer.write(b"\x00\x00\x08\x07\x00" + bytes(4) + bytes(8))
        else:
            call.writer.close()

    answer, outcomes = await broken(breaks)
    assert (answer.ended, answer.reset) == (False, ErrorCodes.INTERNAL_ERROR)
    assert outcomes == ["upstream-broke"]


async def test_frames_that_make_no_sense_end_the_call():
    async def babbles(call):
        call.writer.write(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00")

    answer, outcomes = await broken(babbles)
    assert (answer.headers["grpc-status"], outcomes) == ("14", ["upstream-malformed"])


async def test_an_upstream_that_goes_away_ends_what_it_began_and_is_not_asked_again():
    async def leaves(call):
        call.say(HEAD)
        call.writer.write(b"\x00\x00\x08\x07\x00" + bytes(4) + call.stream.to_bytes(4) + bytes(4))
        call.say(b"hello", END, end=True)

    async with world(leaves) as (upstream, _, _, agent):
        for _ in range(2):
            assert (await agent.call(ASKED, b"")).trailers == dict(END)
        assert len(upstream.calls) == 2


async def test_an_upstream_that_speaks_only_http_1_is_unavailable(tmp_path):
    async def old(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    context.set_alpn_protocols(["http/1.1"])
    settings = GatewaySettings(sweep_seconds=0.02, ca_file=str(path))
    for tls in (None, context):
        listening = await asyncio.start_server(old, "127.0.0.1", 0, ssl=tls)
        port = listening.sockets[0].getsockname()[1]
        async with world(well, settings=settings) as (_, doors, _, agent):
            doors.entries["crm"] = Entry("crm", f"{'https' if tls else 'http'}://localhost:{port}")
            answer = await agent.call(ASKED, b"")
            assert answer.headers["grpc-status"] == "14"
        listening.close()


@on_both_loops
async def test_a_conversation_has_no_turns():
    async def counts(call):
        call.say(HEAD)
        told = 0
        while not call.ended:
            if call.body_bytes > told:
                call.say(b"%d" % call.body_bytes)
                told = call.body_bytes
            await call.read()
        call.say(END, end=True)

    async with world(counts, conversation=True) as (_, _, _, agent):
        stream = agent.ask(ASKED, end=False)
        seen = agent.seen[stream]
        for count in (1, 2, 3):
            agent.h2.send_data(stream, b"x")
            agent.flush()
            await agent.until(lambda: seen.body.endswith(b"%d" % count))  # noqa: B023 -- it is awaited here
        agent.h2.end_stream(stream)
        agent.flush()
        assert (await agent.answer(stream)).trailers == dict(END)


@on_both_loops
async def test_a_slow_agent_holds_the_upstream_in_flat_memory():
    sent = []

    async def pours(call):
        call.say(HEAD)
        for _ in range(2000):
            for at in range(0, len(PIECE), 16_384):
                while call.h2.local_flow_control_window(call.stream) < 16_384:
                    await call.read()
                call.say(PIECE[at : at + 16_384])
                sent.append(16_384)
                await call.writer.drain()
        call.say(END, end=True)

    async with world(pours, client={"greedy": False}) as (_, _, _, agent):
        memory = Memory()
        stream = agent.ask(ASKED, b"")
        seen = agent.seen[stream]
        await agent.until(lambda: seen.taken_bytes == 65_535)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await agent.read()
        # The agent's window, the gateway's two, and what a turn takes.
        assert sum(sent) < 500_000
        agent.h2.increment_flow_control_window(2**30)
        while not seen.over:
            if seen.body:
                agent.h2.increment_flow_control_window(len(seen.body), stream)
                agent.flush()
            seen.body = b""
            await agent.read()
        assert seen.taken_bytes == 2000 * len(PIECE)
        memory.look()
        assert memory.growth < MAX_GROWTH_BYTES


@on_both_loops
async def test_an_upstream_with_a_small_window_gets_all_of_a_large_request():
    async def counts(call):
        call.say(HEAD, b"%d" % call.body_bytes, END, end=True)

    async with world(counts, window=1000) as (_, _, _, agent):
        stream = agent.ask(ASKED, end=False)
        await agent.upload(stream, [PIECE] * 30)
        agent.h2.end_stream(stream)
        agent.flush()
        assert (await agent.answer(stream)).body == b"%d" % (30 * len(PIECE))


async def test_an_answer_before_the_request_is_whole_ends_both():
    async def early(call):
        call.say(HEAD, END, end=True)
        call.h2.reset_stream(call.stream, ErrorCodes.NO_ERROR)
        call.flush()

    async with world(early, conversation=True) as (_, doors, _, agent):
        stream = agent.ask(ASKED, b"x", end=False)
        await agent.until(lambda: agent.seen[stream].reset is not None)
        seen = agent.seen[stream]
        assert (seen.trailers, seen.ended, seen.reset) == (dict(END), True, ErrorCodes.NO_ERROR)
        assert [each.outcome for each in doors.later] == ["200"]
