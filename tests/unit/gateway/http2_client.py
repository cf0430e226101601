# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 that hides nothing, and says what it is told to, also what no client should."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    InformationalResponseReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes

from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import always, reply, world

OK = reply(b'{"ok": true}', "Content-Type: application/json")


def fields(path="/crm/a", method="GET", authority="gw", scheme="http", token=TOKEN, more=()):
    own = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    if token:
        own.append(("authorization", f"Bearer {token}"))
    return [*own, *more]


class Farewell(NamedTuple):
    """What a GOAWAY says."""

    last_stream_id: int
    error_code: int


class Seen:
    """What came on one stream."""

    def __init__(self):
        self.informational = []
        self.status = 0
        self.headers = {}
        self.body = b""
        self.trailers = {}
        self.ended = False
        self.reset = None
        self.taken_bytes = 0

    @property
    def over(self):
        return self.ended or self.reset is not None


class Client:
    """Speaks to a gateway over asyncio's streams.

    Args:
        greedy: Opens its windows again as it reads; else only when it is told to.
    """

    def __init__(self, reader, writer, *, greedy=True, window=65_535):
        self.reader, self.writer = reader, writer
        self.greedy = greedy
        self.seen = defaultdict(Seen)
        self.settings = {}
        self.goaway = None
        self._came = b""
        self.closed = False
        config = H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=True,
        )
        self.h2 = H2Connection(config)
        self.h2.initiate_connection()
        if window != 65_535:
            self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def ask(self, head=None, body=None, *, end=True):
        """Begin a request; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, head or fields(), end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    async def read(self):
        """Take what comes next; False when nothing more does."""
        try:
            data = await self.reader.read(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._came += data
        while len(self._came) >= 9 and len(self._came) >= 9 + int.from_bytes(self._came[:3]):
            size = 9 + int.from_bytes(self._came[:3])
            frame, self._came = self._came[:size], self._came[size:]
            if frame[3] == 7:
                # Not for the library, which would take nothing after it.
                self.goaway = Farewell(int.from_bytes(frame[9:13]), int.from_bytes(frame[13:17]))
                continue
            for event in self.h2.receive_data(frame):
                self._take(event)
        self.flush()
        return True

    def _take(self, event):
        if isinstance(event, RemoteSettingsChanged):
            self.settings.update({code: each.new_value for code, each in event.changed_settings.items()})
        elif hasattr(event, "stream_id"):
            self._take_of_stream(event, self.seen[event.stream_id])

    def _take_of_stream(self, event, seen):
        if isinstance(event, InformationalResponseReceived):
            seen.informational.append(dict(event.headers)[":status"])
        elif isinstance(event, ResponseReceived):
            seen.headers = dict(event.headers)
            seen.status = int(seen.headers[":status"])
        elif isinstance(event, DataReceived):
            seen.body += event.data
            seen.taken_bytes += event.flow_controlled_length
            if self.greedy:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            seen.trailers = dict(event.headers)
        elif isinstance(event, StreamEnded):
            seen.ended = True
        elif isinstance(event, StreamReset):
            seen.reset = event.error_code

    async def until(self, condition):
        while not condition() and await self.read():
            pass
        assert condition()

    async def answer(self, stream):
        seen = self.seen[stream]
        await self.until(lambda: seen.over or self.closed)
        return seen

    async def call(self, head=None, body=None):
        return await self.answer(self.ask(head, body))

    async def upload(self, stream, pieces):
        """Send pieces as fast as the windows allow."""
        for piece in pieces:
            left = memoryview(piece)
            while left and not self.seen[stream].over:
                room = min(
                    self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(left)
                )
                if room <= 0:
                    await self.read()
                    continue
                self.h2.send_data(stream, left[:room].tobytes())
                left = left[room:]
                self.flush()
                await self.writer.drain()

    async def end(self):
        """Read to the connection's end."""
        while await self.read():
            pass


async def connected(port, **more):
    return Client(*await asyncio.open_connection("127.0.0.1", port), **more)


@asynccontextmanager
async def http2(script=None, settings=None, **more):
    """A world, and a client in it that speaks HTTP/2 without having asked."""
    client = more.pop("client", {})
    async with world(script or always(OK), settings, **more) as here:
        agent = await connected(here.port, **client)
        try:
            yield here, agent
        finally:
            agent.writer.close()
