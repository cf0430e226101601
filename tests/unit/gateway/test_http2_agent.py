# SPDX-License-Identifier: Apache-2.0
"""What an agent's connection in HTTP/2 does when nobody takes what it sends."""

import asyncio
from types import SimpleNamespace

from smartagent.gateway import GatewaySettings
from smartagent.gateway.http2_agent import Http2Connection
from smartagent.gateway.http2_frames import PREFACE

PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


class Transport:
    """Takes everything, and says how much."""

    def __init__(self):
        self.taken_bytes = 0
        self.ended = ""

    def write(self, data):
        self.taken_bytes += len(data)

    def is_closing(self):
        return bool(self.ended)

    def abort(self):
        self.ended = "abort"

    def close(self):
        self.ended = "close"


def connected():
    host = SimpleNamespace(settings=GatewaySettings(), tick=0.0, draining=False)
    connection, transport = Http2Connection(host, None, "192.0.2.1"), Transport()
    connection.connection_made(transport)
    connection.data_received(PREFACE + SETTINGS)
    return connection, transport


async def test_answers_to_pings_do_not_heap_up_for_who_does_not_take_them():
    connection, transport = connected()
    connection.pause_writing()
    for _ in range(90):
        connection.data_received(PING * 100)
        await asyncio.sleep(0)
    assert transport.ended == "abort"
    assert transport.taken_bytes < 70_000


async def test_who_takes_them_now_and_then_may_go_on():
    connection, transport = connected()
    for _ in range(9):
        connection.pause_writing()
        connection.data_received(PING * 1000)
        await asyncio.sleep(0)
        connection.resume_writing()
        connection.data_received(PING)
        await asyncio.sleep(0)
    assert not transport.ended
    assert transport.taken_bytes > 9 * 1000 * len(PING)
