# SPDX-License-Identifier: Apache-2.0
"""Calls through the gateway over real sockets: forwarded, refused, bounded."""

import asyncio
import json

import pytest

from smartagent.gateway import GatewaySettings
from smartagent.kernel import Decision, Secret
from tests.unit.gateway.corpus import BAD_CHUNKS, SMUGGLED, SMUGGLING
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")


@on_both_loops
async def test_a_call_reaches_the_upstream_with_a_credential_that_the_agent_never_had():
    async with world(always(OK), base_url="") as here:
        here.doors.entries["crm"] = Entry("crm", f"http://localhost:{here.origin.port}/api")
        agent = await here.agent()
        answer = await agent.call("/crm/orders/1?x=%2F")
        assert (answer.status, answer.body) == (200, b'{"ok": true}')
        (seen,) = here.origin.requests
        assert seen.target == "/api/orders/1?x=%2F"
        assert seen.headers["authorization"] == "Bearer " + SECRET.decode()
        assert seen.headers["host"] == f"localhost:{here.origin.port}"
        assert TOKEN.encode() not in seen.raw


@on_both_loops
async def test_the_intent_is_recorded_before_the_credential_leaves_and_the_outcome_after():
    async with world(always(OK)) as here:
        here.doors.before_commit = lambda: orders.append(len(here.origin.requests))
        orders = []
        agent = await here.agent()
        await agent.call("/crm/orders/1?secret=1")
        (intent,) = here.doors.committed
        assert orders == [0]
        assert (intent.event, intent.decision, intent.target) == (
            "gateway.call",
            Decision.PERMIT,
            "GET /crm/orders/1",
        )
        assert (intent.caller, intent.jti, intent.rule, intent.subject) == (
            "agt_1",
            "aat_1",
            "role:reader",
            "crm",
        )
        assert set(intent.detail) == {"role", "scope", "ip"}
        (outcome,) = here.doors.later
        assert (outcome.event, outcome.outcome, outcome.request) == ("gateway.done", "200", intent.request)
        assert outcome.detail["sent"] == 12


@pytest.mark.parametrize(
    ("target", "token", "status", "code"),
    [
        ("/crm/a", "wrong", 401, "unauthenticated"),
        ("/crm/admin", TOKEN, 403, "not-permitted"),
        ("/nowhere/a", TOKEN, 404, "upstream-unknown"),
        ("/crm/a/../b", TOKEN, 400, "target-refused"),
        ("/crm/a%2Fb", TOKEN, 400, "target-refused"),
        ("/crm//b", TOKEN, 400, "target-refused"),
    ],
)
@on_both_loops
async def test_a_refusal_is_explained_recorded_and_goes_no_further(target, token, status, code):
    async with world(always(OK)) as here:
        here.doors.denied.add(("GET", "/admin"))
        agent = await here.agent()
        answer = await agent.call(target, token=token)
        problem = json.loads(answer.body)
        assert (answer.status, problem["type"].rsplit(":", 1)[-1]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        if status == 403:
            assert problem["missing"] == "crm:GET /admin"
        assert here.doors.committed[-1].decision is Decision.DENY
        assert here.origin.requests == []
        # The connection is good for the next call.
        assert (await agent.call()).status == 200


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"base_url": "http://127.0.0.1:1"}, "upstream-unreachable"),
        ({"base_url": "http://169.254.169.254"}, "destination-refused"),
        ({"allow_private": False}, "destination-refused"),
        ({"base_url": "http://name.invalid"}, "upstream-unreachable"),
        ({"place": "nowhere"}, "credential-unusable"),
    ],
)
@on_both_loops
async def test_a_destination_that_cannot_or_may_not_be_called_is_named_so(entry, code):
    async with world(always(OK), **entry) as here:
        answer = await (await here.agent()).call()
        assert answer.status == 502
        assert json.loads(answer.body)["type"].endswith(code)
        assert SECRET not in answer.raw
        assert here.origin.requests == []
        assert code in {record.outcome for record in here.doors.committed + here.doors.later}


@on_both_loops
async def test_our_own_ports_are_no_upstream():
    async with world(always(OK)) as here:
        here.gateway._pool._pinner._own_ports = frozenset((here.origin.port,))
        answer = await (await here.agent()).call()
        assert json.loads(answer.body)["type"].endswith("destination-refused")


@pytest.mark.parametrize("raw", SMUGGLING)
@on_both_loops
async def test_smuggled_requests_are_refused_and_nothing_behind_them_is_read(raw):
    async with world(
        always(OK), GatewaySettings(sweep_seconds=0.02, head_seconds=0.2, linger_seconds=0.2)
    ) as here:
        agent = await here.agent()
        agent.writer.write(raw)
        if b"\r\n\r\n" not in raw:
            agent.writer.write_eof()
        seen = await agent.reader.read()
        assert not seen or seen.split()[1] in {b"400", b"405", b"501"}
        assert seen.count(b"HTTP/1.1") <= 1
        assert here.origin.requests == []


@pytest.mark.parametrize("raw", BAD_CHUNKS)
@on_both_loops
async def test_wrong_chunks_reach_no_upstream_whole(raw):
    async with world(draining_chunks) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Transfer-Encoding: chunked\r\n")
        agent.writer.write(raw + SMUGGLED)
        seen = await agent.reader.read()
        assert seen.startswith(b"HTTP/1.1 400 ")
        assert seen.count(b"HTTP/1.1 ") == 1
        assert all(request.target == "/a" for request in here.origin.requests)


async def draining_chunks(request, reader, writer):
    while (await reader.readuntil(b"\r\n")) != b"0\r\n":
        pass
    await reader.readuntil(b"\r\n")
    writer.write(OK)


@on_both_loops
async def test_pipelined_requests_are_answered_in_order():
    async def echo(request, reader, writer):
        writer.write(reply(request.target.encode()))

    async with world(echo) as here:
        agent = await here.agent()
        for number in range(50):
            agent.ask(f"/crm/{number}")
        for number in range(50):
            assert (await agent.answer()).body == b"/%d" % number


@on_both_loops
async def test_sixty_four_connections_never_see_each_others_answers():
    async def echo(request, reader, writer):
        body = await reader.readexactly(int(request.headers.get("content-length", 0)))
        writer.write(reply(request.target.encode() + b" " + body))

    async with world(echo) as here:

        async def one(name):
            agent = await here.agent()
            for number in range(30):
                body = b"b" * (number * 37) + b"%d" % name
                answer = await agent.call(f"/crm/{name}/{number}", "POST", body=body)
                assert answer.body == f"/{name}/{number} ".encode() + body

        await asyncio.gather(*(one(name) for name in range(64)))
        assert len(here.doors.later) == 64 * 30
        assert here.origin.connections <= 64


@on_both_loops
async def test_expect_is_answered_after_the_intent_stands():
    async def takes(request, reader, writer):
        assert "expect" not in request.headers
        writer.write(reply(await reader.readexactly(5)))

    async with world(takes) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Expect: 100-continue\r\nContent-Length: 5\r\n")
        status, _, _ = await agent.head()
        assert status == 100
        assert len(here.doors.committed) == 1
        agent.writer.write(b"hello")
        assert (await agent.answer()).body == b"hello"


@on_both_loops
async def test_a_refused_upload_gets_its_answer_before_the_connection_ends():
    async with world(always(OK)) as here:
        here.doors.denied.add(("POST", "/a"))
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Content-Length: 1000000\r\n")
        agent.writer.write(b"x" * 500_000)
        answer = await agent.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert await agent.reader.read() == b""


@pytest.mark.parametrize("framing", ["Content-Length: 5000\r\n", "Transfer-Encoding: chunked\r\n"])
@on_both_loops
async def test_a_body_over_the_limit_is_refused(framing):
    async with world(draining_chunks, GatewaySettings(max_body_bytes=1000, sweep_seconds=0.02)) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields=framing)
        agent.writer.write(b"1388\r\n" + b"x" * 5000)
        assert (await agent.answer()).status == 413


@on_both_loops
async def test_a_half_closed_agent_still_gets_its_answer():
    async with world(always(OK)) as here:
        agent = await here.agent()
        agent.ask()
        agent.writer.write_eof()
        assert (await agent.answer()).status == 200
        assert await agent.reader.read() == b""


@on_both_loops
async def test_an_agent_that_leaves_takes_the_upstream_call_with_it():
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def waits(request, reader, writer):
        arrived.set()
        await reader.read()
        gone.set()

    async with world(waits) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields="Content-Length: 5\r\n")
        await arrived.wait()
        agent.writer.transport.abort()
        await gone.wait()
        assert here.doors.later[-1].outcome == "agent-gone"


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (GatewaySettings(sweep_seconds=0.02, head_seconds=0.05), b"GET /crm/a HTTP/1.1\r\nHost: g"),
        (GatewaySettings(sweep_seconds=0.02, head_seconds=0.05), b""),
    ],
)
@on_both_loops
async def test_a_slow_head_is_not_waited_for(settings, sent):
    async with world(always(OK), settings) as here:
        agent = await here.agent()
        agent.writer.write(sent)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await agent.reader.readexactly(1)


@on_both_loops
async def test_an_upstream_that_is_silent_is_a_timeout():
    async def silent(request, reader, writer):
        await reader.read()

    async with world(silent, timeout_seconds=0.05) as here:
        answer = await (await here.agent()).call()
        assert answer.status == 504
        assert json.loads(answer.body)["type"].endswith("upstream-timeout")


@on_both_loops
async def test_there_is_room_for_so_many_connections():
    async with world(always(OK), GatewaySettings(max_connections=1, sweep_seconds=0.02)) as here:
        first = await here.agent()
        assert (await first.call()).status == 200
        second = await here.agent()
        assert (await second.answer()).status == 503
        assert (await first.call()).status == 200


@on_both_loops
async def test_a_changed_secret_is_used_at_once():
    async with world(always(reply(SECRET + b" and new-secret-value"))) as here:
        agent = await here.agent()
        await agent.call()
        here.doors.secrets["crm-key"] = (Secret(b"new-secret-value"), *here.doors.secrets["crm-key"])
        answer = await agent.call()
        assert here.origin.requests[1].headers["authorization"] == "Bearer new-secret-value"
        assert answer.body == b"*" * len(SECRET) + b" and " + b"*" * 16
