# SPDX-License-Identifier: Apache-2.0
"""What ends a call before its end: revocation, expiry, drain, and connections that die."""

import asyncio

import pytest

from smartagent.kernel import Caller, CallerKind
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")


async def endless(request, reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    await writer.drain()
    await reader.read()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@on_both_loops
async def test_a_revocation_cuts_an_open_stream(version):
    async with world(endless) as here:
        agent = await here.agent()
        agent.ask(version=version)
        await agent.head()
        assert b"first" in (await agent.reader.readuntil(b"first"))
        began = asyncio.get_running_loop().time()
        here.doors.revoke("agt_1")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await agent.reader.readuntil(b"never")
        assert asyncio.get_running_loop().time() - began < 0.1
        assert here.doors.later[-1].outcome == "unauthenticated"


@on_both_loops
async def test_a_revocation_ends_a_call_that_was_not_answered_yet():
    arrived = asyncio.Event()

    async def silent(request, reader, writer):
        arrived.set()
        await reader.read()

    async with world(silent) as here:
        agent = await here.agent()
        agent.ask()
        await arrived.wait()
        here.doors.revoke("agt_1")
        assert (await agent.answer()).status == 401
        assert (await agent.call()).status == 401
        assert len(here.origin.requests) == 1


@on_both_loops
async def test_a_revocation_before_the_record_keeps_the_credential_in():
    async with world(always(OK)) as here:
        here.doors.before_commit = lambda: here.doors.revoked.add("agt_1")
        answer = await (await here.agent()).call()
        assert answer.status == 401
        assert here.origin.requests == []
        assert here.doors.later[-1].outcome == "unauthenticated"


@on_both_loops
async def test_a_stream_ends_with_its_token():
    async with world(endless) as here:
        here.doors.callers[TOKEN] = Caller("agt_1", CallerKind.AGENT, expires_at=int(here.doors.clock))
        agent = await here.agent()
        # On a busy machine the token may end before the stream began: then this is a 401, and closed.
        agent.ask(fields="Connection: close\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await agent.reader.readuntil(b"never")


@on_both_loops
async def test_drain_finishes_what_is_in_flight_and_accepts_nothing_more():
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(request, reader, writer):
        arrived.set()
        await release.wait()
        writer.write(OK)

    async with world(slow) as here:
        idle = await here.agent()
        agent = await here.agent()
        agent.ask()
        await arrived.wait()
        draining = asyncio.create_task(here.gateway.drain())
        assert await idle.reader.read() == b""
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", here.port)
        release.set()
        assert (await agent.answer()).status == 200
        assert await agent.reader.read() == b""
        await draining
        assert here.gateway.open_connections == 0


@on_both_loops
async def test_a_pooled_connection_that_died_is_replaced_for_what_may_be_repeated():
    first = True

    async def once(request, reader, writer):
        nonlocal first
        await reader.readexactly(int(request.headers.get("content-length", 0)))
        if len(here.origin.requests) % 2:
            writer.write(OK)
        else:
            writer.close()

    async with world(once) as here:
        agent = await here.agent()
        assert (await agent.call()).status == 200
        # The second request kills the warm connection; being a GET it is asked again, and the third answers.
        assert (await agent.call()).status == 200
        assert len(here.origin.requests) == 3
        assert (await agent.call("/crm/a", "POST", body=b"x")).status == 502
        assert len(here.origin.requests) == 4
        assert first


@on_both_loops
async def test_bytes_that_nobody_asked_for_poison_no_other_call():
    evil = reply(b"one") + reply(b"smuggled answer")

    async with world(always(evil)) as here:
        agent = await here.agent()
        for _ in range(3):
            assert (await agent.call()).body == b"one"
        assert here.origin.connections == 3
