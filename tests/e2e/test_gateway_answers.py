# SPDX-License-Identifier: Apache-2.0
"""Answers on their way back: scrubbed, framed anew, never half and never held."""

import asyncio
import base64
import gzip

import brotli
import pytest

from tests.unit.gateway.fakes import SECRET
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")


ECHOES = [
    SECRET,
    base64.b64encode(b"x" + SECRET),
    SECRET.hex().encode(),
    "".join(f"%{byte:02X}" for byte in SECRET).encode(),
]


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("chunked", [True, False])
@on_both_loops
async def test_an_upstream_that_echoes_the_credential_gives_nothing_away(coding, echo, chunked):
    packed = {"identity": bytes, "gzip": gzip.compress, "br": brotli.compress}[coding](b"<" + echo + b">" * 5)
    fields = f"Content-Encoding: {coding}\r\nX-Echo: {SECRET.decode()}\r\nLocation: /x?key={SECRET.decode()}\r\nSet-Cookie: a=b\r\n"

    async def torn(request, reader, writer):
        frame = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(packed)}"
        writer.write(f"HTTP/1.1 200 {SECRET.decode()}\r\n{fields}{frame}\r\n\r\n".encode())
        for at in range(len(packed)):
            writer.write(b"1\r\n%b\r\n" % packed[at : at + 1] if chunked else packed[at : at + 1])
            await asyncio.sleep(0)
        writer.write(b"0\r\nX-Trailer: %b\r\n\r\n" % SECRET if chunked else b"")

    async with world(torn) as here:
        agent = await here.agent()
        answer = await agent.call()
        assert answer.status == 200
        assert len(answer.body) == len(echo) + 6
        assert echo[4:-4] not in answer.raw
        assert SECRET not in answer.raw
        assert b"*" * 20 in answer.body
        assert "set-cookie" not in answer.headers
        assert "content-encoding" not in answer.headers or coding == "identity"
        assert (await agent.call()).status == 200


@on_both_loops
async def test_redirects_are_passed_on_and_not_followed():
    async with world(always(reply(b"", "Location: http://169.254.169.254/", status="302 Found"))) as here:
        answer = await (await here.agent()).call()
        assert (answer.status, answer.headers["location"]) == (302, "http://169.254.169.254/")
        assert len(here.origin.requests) == 1


@pytest.mark.parametrize(
    ("method", "raw", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 200),
    ],
)
@on_both_loops
async def test_answers_without_a_body_keep_both_connections(method, raw, status):
    async with world(always(raw)) as here:
        agent = await here.agent()
        for _ in range(3):
            assert (await agent.call("/crm/a", method)).status == status
        assert here.origin.connections == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
)
@on_both_loops
async def test_an_upstream_that_answers_nonsense_or_nothing_is_a_502(raw):
    async with world(always(raw, close=True)) as here:
        answer = await (await here.agent()).call()
        assert answer.status == 502
        assert SECRET not in answer.raw
        assert here.doors.later[-1].outcome in {"upstream-malformed", "upstream-unreachable"}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"half" * 100, mtime=0)[:-5],
    ],
)
@on_both_loops
async def test_half_an_answer_never_looks_whole(raw, version):
    async with world(always(raw, close=True)) as here:
        agent = await here.agent()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await agent.call(version=version)
        assert here.doors.later[-1].outcome in {"upstream-broke", "upstream-malformed"}


@on_both_loops
async def test_a_body_that_ends_with_the_connection_is_whole():
    async with world(always(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)) as here:
        agent = await here.agent()
        assert (await agent.call()).body == b"all of it"
        old = await here.agent()
        assert (await old.call(version="1.0")).body == b"all of it"


@on_both_loops
async def test_http_1_0_gets_no_chunks():
    async with world(
        always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    ) as here:
        answer = await (await here.agent()).call(version="1.0")
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"ok"


@on_both_loops
async def test_events_flow_one_by_one():
    release = asyncio.Event()

    async def events(request, reader, writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(5):
            event = b"data: %d\n\n" % number
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await release.wait()
            release.clear()
        writer.write(b"0\r\n\r\n")

    async with world(events) as here:
        agent = await here.agent()
        agent.ask()
        await agent.head()
        for number in range(5):
            # The upstream sends the next event only after this one was seen: nothing is held back.
            assert await agent.chunk() == b"data: %d\n\n" % number
            release.set()
        assert await agent.chunk() == b""
