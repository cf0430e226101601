# SPDX-License-Identifier: Apache-2.0
"""Upstreams that cannot be reached, over real sockets."""

import asyncio
import json

import pytest

from smartagent.gateway import Gateway, GatewaySettings, Pinner
from smartagent.gateway.breaker import COOLS_SECONDS, FAILURES
from smartagent.gateway.plan import Origin
from tests.e2e.test_policy_cuts import now
from tests.unit.gateway.fakes import Entry, FakeDoors
from tests.unit.gateway.origin import Agent, always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")


@on_both_loops
async def test_calls_fail_at_once_while_an_upstream_is_down_and_work_again_when_it_is_back():
    async with world(always(OK)) as here:
        port, url = here.origin.port, here.doors.entries["crm"].base_url
        await here.origin.stop()
        agent = await here.agent()
        assert [(await agent.call()).status for _ in range(FAILURES + 1)] == [502] * FAILURES + [503]
        down = await agent.call()
        assert json.loads(down.body)["type"].endswith(":upstream-down")
        assert 1 <= int(down.headers["retry-after"]) <= COOLS_SECONDS
        assert here.doors.later[-1].outcome == "upstream-down"
        assert here.gateway.upstreams_down == 1
        # The time passes.
        breakers, origin = here.gateway._pool.breakers, Origin("localhost", port, False, True)
        breakers.failed(origin, now() - COOLS_SECONDS)
        here.origin._server = await asyncio.start_server(here.origin._serve, "127.0.0.1", port)
        assert (await agent.call()).status == 200, url
        assert here.gateway.upstreams_down == 0


async def test_an_address_that_refuses_or_never_answers_is_passed_over_for_the_next():
    async def resolve(host, port):
        # The first refuses; nothing is at the second, which is for documents (RFC 5737).
        return "127.0.0.3", "192.0.2.1", "127.0.0.1"

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    upstream = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    doors = FakeDoors(Entry("crm", f"http://localhost:{port}"))
    gateway = Gateway(doors, GatewaySettings(connect_seconds=0.9), Pinner(frozenset(), resolve))
    server = await gateway.serve("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    async with asyncio.timeout(5):
        assert (await Agent(reader, writer).call()).status == 200
    writer.close()
    await writer.wait_closed()
    await gateway.drain()
    await ended.wait()
    upstream.close()


async def test_an_upstream_that_answers_late_is_not_down():
    async def silent(request, reader, writer):
        await reader.read()

    async with world(silent, timeout_seconds=0.05) as here:
        for _ in range(FAILURES + 2):
            assert (await (await here.agent()).call()).status == 504
        assert here.gateway.upstreams_down == 0


async def test_what_could_have_arrived_is_not_sent_twice():
    async def dies(request, reader, writer):
        await reader.readexactly(int(request.headers.get("content-length", 0)))
        writer.close()

    async with world(dies) as here:
        agent = await here.agent()
        for method in ("GET", "POST", "PUT", "DELETE"):
            before = len(here.origin.requests)
            assert (await agent.call(method=method, body=b"" if method == "GET" else b"x")).status == 502
            assert len(here.origin.requests) == before + 1
