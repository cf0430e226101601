# SPDX-License-Identifier: Apache-2.0
"""The bounds on what a caller sends before anyone is asked to believe it."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from smartagent.server.protocol import MAX_HEADERS, REQUEST_SECONDS, BoundedProtocol


class Transport(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.written = b""
        self.closed = False

    def get_extra_info(self, name, default=None):
        return default

    def write(self, data):
        self.written += data

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


async def answer(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def connection():
    config = uvicorn.Config(
        answer, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    config.load()
    protocol = BoundedProtocol(config, ServerState(), {})
    protocol.connection_made(Transport())
    yield protocol
    protocol.connection_lost(None)


async def settle(protocol):
    while protocol.tasks:
        await asyncio.gather(*protocol.tasks)
        await asyncio.sleep(0)


async def test_an_ordinary_request_is_answered(connection):
    connection.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await settle(connection)

    assert b"204 No Content" in connection.transport.written


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 33_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: 1\r\n" * MAX_HEADERS + b"\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"GET / HTTP/1.1\nhost: a\n\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
    ids=[
        "long target",
        "long header",
        "many headers",
        "two lengths",
        "folded",
        "blank before colon",
        "lengths differ",
        "bare line feeds",
        "connect",
    ],
)
async def test_what_is_too_large_or_can_be_read_in_two_ways_is_refused_and_the_connection_closed(
    connection, raw
):
    connection.data_received(raw)
    await settle(connection)

    assert connection.transport.written.startswith(b"HTTP/1.1 400")
    assert connection.transport.closed


async def test_a_caller_who_takes_too_long_to_ask_is_cut_off(connection):
    began = connection.loop.time()

    connection.data_received(b"GET / HT")
    connection.close_if_slow(began + REQUEST_SECONDS - 1)
    assert not connection.transport.closed
    connection.close_if_slow(began + REQUEST_SECONDS + 1)

    assert connection.transport.closed


async def test_a_caller_who_waits_for_us_is_not_cut_off(connection):
    connection.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    await settle(connection)

    connection.close_if_slow(connection.loop.time() + 10 * REQUEST_SECONDS)

    assert not connection.transport.closed
