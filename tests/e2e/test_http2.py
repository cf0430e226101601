# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 towards the agent over real sockets: the same decisions, secrets and endings as in HTTP/1.1."""

import asyncio
import hashlib

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from smartagent.edge import Reply
from smartagent.kernel import Decision, Secret
from tests.e2e.test_gateway_bulk import swallow
from tests.unit.gateway.fakes import SECRET, TOKEN
from tests.unit.gateway.http2_client import OK, fields, http2
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e


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


async def test_a_revocation_also_cuts_an_answer_that_is_whole_but_not_taken():
    async with http2(always(reply(bytes(100_000))), client={"greedy": False}) as (here, agent):
        stream = agent.ask()
        await agent.until(lambda: agent.seen[stream].taken_bytes == 65_535)
        assert [each.outcome for each in here.doors.later] == ["200"]
        here.doors.revoke("agt_1")
        answer = await agent.answer(stream)
        assert (answer.reset, answer.taken_bytes) == (ErrorCodes.INTERNAL_ERROR, 65_535)


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


async def test_a_public_page_of_the_gateways_own_is_shown():
    async with http2() as (here, agent):
        here.doors.pages["/.well-known/x"] = Reply(200, b"page", "text/plain")
        answer = await agent.call(fields("/.well-known/x", token=""))
        assert (answer.status, answer.body) == (200, b"page")
        assert here.origin.requests == []


@on_both_loops
async def test_a_body_that_is_signed_comes_whole_before_it_goes_on():
    bodies = []

    async def takes(request, reader, writer):
        bodies.append(await reader.readexactly(int(request.headers["content-length"])))
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256(bodies[-1]).hexdigest()
        writer.write(OK)

    async with http2(takes, place="aws-sigv4:eu-west-1/execute-api", secret="keys") as (here, agent):
        here.doors.secrets["keys"] = (
            Secret(b"AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        )
        for size in (0, 1, 200_000):
            stream = agent.ask(fields(method="POST", more=(("content-length", str(size)),)), end=False)
            await agent.upload(stream, [bytes(size)])
            agent.h2.end_stream(stream)
            agent.flush()
            assert (await agent.answer(stream)).status == 200
        assert [len(each) for each in bodies] == [0, 1, 200_000]
        stream = agent.ask(fields(method="POST", more=(("content-length", "300000"),)), end=False)
        await agent.upload(stream, [bytes(300_000)])
        assert (await agent.answer(stream)).status == 413
