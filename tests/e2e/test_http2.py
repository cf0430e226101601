# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 towards the agent over real sockets: the same decisions, secrets and endings as in HTTP/1.1, and its own attacks."""

import asyncio
import contextlib
import ssl
import sys

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from smartagent.gateway import GatewaySettings
from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import AUTHORITY, environment, run, tunneled
from tests.e2e.test_gateway_bulk import BODY_BYTES, MAX_GROWTH_BYTES, PIECE, Memory, pour, swallow
from tests.unit.gateway.fakes import SECRET, TOKEN
from tests.unit.gateway.http2_client import Client, connected, fields
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")


@contextlib.asynccontextmanager
async def http2(script=None, settings=None, **more):
    """A world, and a client in it that speaks HTTP/2 without having asked."""
    client = more.pop("client", {})
    async with world(script or always(OK), settings, **more) as here:
        agent = await connected(here.port, **client)
        try:
            yield here, agent
        finally:
            agent.writer.close()


@on_both_loops
async def test_by_prior_knowledge_requests_are_decided_and_get_the_credential():
    async with http2() as (here, agent):
        first, second = agent.ask(), agent.ask(fields("/crm/b?x=1"))
        for stream in (first, second):
            answer = await agent.answer(stream)
            assert (answer.status, answer.body, answer.ended) == (200, b'{"ok": true}', True)
            assert "connection" not in answer.headers
            assert "transfer-encoding" not in answer.headers
        seen = here.origin.requests
        assert {each.target for each in seen} == {"/a", "/b?x=1"}
        assert {each.headers["authorization"] for each in seen} == {"Bearer " + SECRET.decode()}
        assert [(each.event, each.decision) for each in here.doors.committed] == [
            ("gateway.call", Decision.PERMIT)
        ] * 2
        assert [each.outcome for each in here.doors.later] == ["200"] * 2
        assert agent.settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 100
        assert agent.settings[SettingCodes.ENABLE_PUSH] == 0
        assert agent.settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL, 0) == 0


@on_both_loops
async def test_the_preface_may_come_in_pieces():
    async with world(always(OK)) as here:
        agent = await here.agent()
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for byte in preface:
            agent.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        agent.writer.write(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert (await agent.reader.readexactly(9))[3] == 4


async def test_what_only_begins_like_the_preface_is_no_request():
    async with world(always(OK)) as here:
        agent = await here.agent()
        agent.writer.write(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        assert (await agent.answer()).status == 400


async def test_the_preface_on_a_connection_that_spoke_http_1_is_no_request():
    async with world(always(OK)) as here:
        agent = await here.agent()
        assert (await agent.call()).status == 200
        agent.writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await agent.answer()).status == 400


@on_both_loops
async def test_a_body_passes_with_its_length_and_without():
    async def echo(request, reader, writer):
        if "content-length" in request.headers:
            body = await reader.readexactly(int(request.headers["content-length"]))
        else:
            body = b""
            if "transfer-encoding" not in request.headers:
                writer.write(reply(body))
                return
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        writer.write(reply(body))

    async with http2(echo) as (here, agent):
        stated = fields(method="POST", more=(("content-length", "5"),))
        assert (await agent.call(stated, b"hello")).body == b"hello"
        assert (await agent.call(fields(method="POST"), b"hello")).body == b"hello"
        assert (await agent.call(fields(method="POST"), b"")).body == b""
        assert (await agent.call(fields(method="POST"))).body == b""
        assert "content-length" in here.origin.requests[0].headers


@on_both_loops
async def test_answers_are_scrubbed_in_heads_and_bodies():
    async def tell(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nX-Told: " + SECRET + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in SECRET:
            writer.write(b"1\r\n" + bytes([byte]) + b"\r\n")
        writer.write(b"0\r\nx-trailer: " + SECRET + b"\r\n\r\n")

    async with http2(tell) as (_, agent):
        answer = await agent.call()
        assert answer.body == b"*" * len(SECRET)
        assert answer.headers["x-told"] == "*" * len(SECRET)
        assert answer.trailers == {}


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answers_without_a_body_end_with_their_head(status):
    async with http2(always(f"HTTP/1.1 {status}\r\n\r\n".encode())) as (_, agent):
        answer = await agent.call()
        assert (answer.status, answer.body, answer.ended) == (int(status[:3]), b"", True)


async def test_a_head_request_gets_the_length_and_no_body():
    async with http2(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as (_, agent):
        answer = await agent.call(fields(method="HEAD"))
        assert (answer.headers["content-length"], answer.body, answer.ended) == ("5", b"", True)


async def test_a_client_that_waits_to_be_told_to_go_on_is_told():
    async with http2(swallow) as (_, agent):
        waiting = fields(method="POST", more=(("content-length", "5"), ("expect", "100-continue")))
        stream = agent.ask(waiting, end=False)
        await agent.until(lambda: agent.seen[stream].informational)
        agent.h2.send_data(stream, b"hello", end_stream=True)
        agent.flush()
        answer = await agent.answer(stream)
        assert (answer.status, answer.informational) == (200, ["100"])


async def test_who_is_not_known_is_refused_on_that_stream_alone():
    async with http2() as (here, agent):
        refused, called = agent.ask(fields(token="")), agent.ask()
        assert (await agent.answer(refused)).status == 401
        assert (await agent.answer(called)).status == 200
        assert here.doors.committed[0].decision is Decision.DENY


async def test_a_refused_upload_is_answered_and_its_rest_not_wanted():
    async with http2() as (here, agent):
        here.doors.denied.add(("POST", "/a"))
        stream = agent.ask(fields(method="POST"), b"the beginning", end=False)
        await agent.until(lambda: agent.seen[stream].reset is not None)
        answer = agent.seen[stream]
        assert (answer.status, answer.ended, answer.reset) == (403, True, ErrorCodes.NO_ERROR)
        assert (await agent.call()).status == 200


@pytest.mark.parametrize(
    "head",
    [
        fields(method="CONNECT"),
        fields(more=((":protocol", "websocket"),)),
        fields(path="http://other.example/"),
        fields(path="/crm/a HTTP/1.1\r\nx: y"),
        fields(more=(("x", "a\r\nauthorization: b"),)),
        fields(more=(("transfer-encoding", "chunked"),)),
        fields(more=(("host", "other"),)),
    ],
)
async def test_a_malformed_request_ends_its_stream_and_reaches_nobody(head):
    async with http2() as (here, agent):
        answer = await agent.call(head)
        assert answer.status in {400, 405}
        assert here.origin.requests == here.doors.committed == []
        assert (await agent.call()).status == 200


@pytest.mark.parametrize("said", [b"hell", b"hello!"])
async def test_a_body_that_is_not_as_long_as_it_says_ends_the_connection(said):
    async with http2(swallow) as (here, agent):
        agent.ask(fields(method="POST", more=(("content-length", "5"),)), said)
        await agent.end()
        assert agent.goaway.error_code == ErrorCodes.PROTOCOL_ERROR
        assert [each.outcome for each in here.doors.later] in ([], ["agent-gone"])


@on_both_loops
async def test_an_answer_that_breaks_off_is_a_reset_stream_and_no_whole_answer():
    async def breaks(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with http2(breaks) as (here, agent):
        answer = await agent.call()
        assert (answer.status, answer.ended, answer.reset) == (200, False, ErrorCodes.INTERNAL_ERROR)
        assert [each.outcome for each in here.doors.later] == ["upstream-broke"]


@on_both_loops
async def test_a_revocation_cuts_the_streams_of_the_one_who_was_revoked(tmp_path):
    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await asyncio.Event().wait()

    async with http2(stalling) as (here, agent):
        other = here.doors.callers[TOKEN]
        here.doors.callers["other"] = type(other)("agt_2", other.kind, other.role, "ses_2", "aat_2")
        cut, kept = [agent.ask() for _ in range(10)], agent.ask(fields(token="other"))
        await agent.until(lambda: all(agent.seen[each].body == b"hello" for each in (*cut, kept)))
        began = asyncio.get_running_loop().time()
        here.doors.revoke("agt_1")
        for stream in cut:
            assert (await agent.answer(stream)).reset == ErrorCodes.INTERNAL_ERROR
        assert asyncio.get_running_loop().time() - began < 0.1
        assert not agent.seen[kept].over
        assert (await agent.call()).status == 401


async def test_a_stream_that_the_agent_resets_ends_at_the_upstream():
    gone = asyncio.Event()

    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await reader.read()
        gone.set()

    async with http2(stalling) as (here, agent):
        stream = agent.ask()
        await agent.until(lambda: agent.seen[stream].body == b"hello")
        agent.h2.reset_stream(stream, ErrorCodes.CANCEL)
        agent.flush()
        await gone.wait()
        assert [each.outcome for each in here.doors.later] == ["agent-gone"]


# -- how much, and how fast


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


async def test_one_stream_more_than_are_allowed_ends_the_connection():
    async def never(request, reader, writer):
        await asyncio.Event().wait()

    async with http2(never) as (_, agent):
        for _ in range(101):
            agent.ask()
        await agent.end()
        assert agent.goaway.error_code in {ErrorCodes.PROTOCOL_ERROR, ErrorCodes.REFUSED_STREAM}


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
        agent.writer.write(frame * 1200)
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


# -- in a tunnel


async def in_tunnel(rig, *protocols):
    """Open a tunnel, and offer protocols in TLS."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    context.set_alpn_protocols(protocols)
    agent = await rig.tunnel(context=context)
    return agent, agent.writer.get_extra_info("ssl_object").selected_alpn_protocol()


def asked(rig, path="/v1/orders", **more):
    return fields(path, **{"authority": rig.host, "scheme": "https", "token": "", **more})


@on_both_loops
async def test_a_tunnel_speaks_http_2_to_who_offers_it(tmp_path):
    async with tunneled(tmp_path) as rig:
        agent, protocol = await in_tunnel(rig, "h2", "http/1.1")
        assert protocol == "h2"
        client = Client(agent.reader, agent.writer)
        for _ in range(3):
            assert (await client.call(asked(rig))).body == b'{"ok": true}'
        assert {each.target for each in rig.here.origin.requests} == {"/v1/orders"}
        assert {each.headers["host"] for each in rig.here.origin.requests} == {rig.host}
        assert (await in_tunnel(rig, "http/1.1"))[1] == "http/1.1"
        assert (await in_tunnel(rig, "spdy/3"))[1] is None


@pytest.mark.parametrize("authority", ["other.example", "localhost", "localhost:1"])
async def test_an_authority_that_is_not_the_tunnels_is_refused_and_recorded(tmp_path, authority):
    async with tunneled(tmp_path) as rig:
        agent, _ = await in_tunnel(rig, "h2")
        client = Client(agent.reader, agent.writer)
        assert (await client.call(asked(rig, authority=authority))).status == 400
        assert rig.events()[-1] == ("gateway.call", Decision.DENY)
        assert (await client.call(asked(rig, scheme="http"))).status == 400
        assert rig.here.origin.requests == []
        assert (await client.call(asked(rig))).status == 200


async def test_a_revocation_ends_a_tunnel_with_all_its_streams(tmp_path):
    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await asyncio.Event().wait()

    async with tunneled(tmp_path, stalling) as rig:
        idle, _ = await in_tunnel(rig, "h2")
        busy, _ = await in_tunnel(rig, "h2")
        idle, busy = Client(idle.reader, idle.writer), Client(busy.reader, busy.writer)
        streams = [busy.ask(asked(rig)) for _ in range(5)]
        await busy.until(lambda: all(busy.seen[each].body == b"hello" for each in streams))
        began = asyncio.get_running_loop().time()
        rig.doors.revoke("agt_1")
        await busy.end()
        await idle.end()
        assert asyncio.get_running_loop().time() - began < 0.1
        assert all(not busy.seen[each].ended for each in streams)
        assert idle.goaway is not None


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
async def test_curl_speaks_it_in_a_tunnel(tmp_path, version):
    async with tunneled(tmp_path, swallow) as rig:
        big = tmp_path / "big"
        big.write_bytes(bytes(3_000_000))
        words = ("curl", "-sS", version, "-w", " %{http_version}", "--data-binary", f"@{big}")
        code, said = await run(*words, f"https://{rig.host}/v1/orders", environ=environment(rig))
        assert (code, said) == (0, "swallowed 2" if version == "--http2" else "swallowed 1.1")


async def test_curl_speaks_it_by_prior_knowledge():
    async with world(always(OK)) as here:
        words = ("curl", "-sS", "--http2-prior-knowledge", "-H", f"Authorization: Bearer {TOKEN}")
        assert await run(*words, f"http://127.0.0.1:{here.port}/crm/a") == (0, '{"ok": true}')


async def test_httpx_speaks_it_in_a_tunnel(tmp_path):
    async with tunneled(tmp_path) as rig:
        script = (
            "import httpx\nwith httpx.Client(http2=True) as client:\n"
            f"    for _ in range(3): got = client.get('https://{rig.host}/v1/orders')\n"
            "    print(got.http_version, got.text)"
        )
        code, said = await run(sys.executable, "-W", "ignore", "-c", script, environ=environment(rig))
        assert (code, said.strip()) == (0, 'HTTP/2 {"ok": true}')
