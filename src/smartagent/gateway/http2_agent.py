# SPDX-License-Identifier: Apache-2.0
"""The agent's side in HTTP/2: one connection, many requests at once, each an exchange of its own.

::

    open --GOAWAY, ours or theirs--> leaving --last stream ends--> closed
      |                                 |
      +-------- a rule is broken -------+---> closed at once

A stream that is refused, malformed or cut is that stream's affair.  Broken framing, packed heads that cannot be read and
haste (`http2_frames`) end the connection.  Window is given back for the connection at once and for a stream when its
exchange has taken the bytes, so one slow upstream stops one upload.

Spec: RFC 9113; not RFC 8441, and no server push.
"""

import asyncio
from typing import Final, Protocol, cast

from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import DenialOfServiceError, ProtocolError

from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import Tunnel
from smartagent.gateway.http2 import MAX_STREAMS, TABLE_BYTES, WORTH_SAYING_BYTES, Http2, farewell
from smartagent.gateway.http2_fields import request_head
from smartagent.gateway.http2_frames import FrameGuard
from smartagent.gateway.http2_stream import Http2Stream
from smartagent.gateway.sides import Keeper
from smartagent.kernel import SmartAgentError

_HTTPS: Final = frozenset((b"https",))
_ANY: Final = frozenset((b"http", b"https"))


class Host(Keeper[Exchange], Protocol):
    """The gateway, as these connections see it."""

    draining: bool

    def lost(self, connection: "Http2Connection") -> None:
        """Forget a connection."""
        ...

    def start(self, exchange: Exchange) -> asyncio.Task[None]:
        """Take a request through the house."""
        ...

    def explain_broken(self, error: SmartAgentError) -> bytes:
        """Return the answer to what is no request."""
        ...


class Http2Connection(asyncio.Protocol):
    """One connection from an agent, from HTTP/2's preface on."""

    __slots__ = (
        "_closing", "_events", "_full", "_guard", "_head_since", "_host", "_http2", "_last_id", "_leaving", "_owed",
        "_since", "_soon", "_streams", "_tasks", "_transport", "client_ip", "tunnel",
    )  # fmt: skip

    def __init__(self, host: Host, tunnel: Tunnel | None, client_ip: str) -> None:
        self.tunnel = tunnel
        self.client_ip = client_ip
        self._host = host
        self._http2 = Http2(client=False, max_head_bytes=host.settings.max_head_bytes)
        self._guard = FrameGuard(host.settings.max_head_bytes, preface=True)
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, Http2Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self._owed = 0
        self._full = False
        self._soon = False
        self._events = False
        """It said anything in HTTP/2 yet."""
        self._leaving = False
        self._closing = False
        self._since = host.tick
        """When the present state began: new, idle, closing."""
        self._head_since: float | None = None

    # -- what the transport says ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and say what the bounds are."""
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._flush()
        if self._host.draining:
            self.close_if_idle()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._closing:
            return
        try:
            passed = self._guard.feed(data, self._host.tick)
        except ProtocolError as error:
            self._http2.close_connection(error.error_code)
            self._end()
            return
        try:
            events = self._http2.take(passed) if passed else []
            for event in events:
                self._take(event)
        except ProtocolError:
            # The library has said why.
            self._end()
            return
        self._events = self._events or bool(events)
        if not self._guard.in_head:
            self._head_since = None
        elif self._head_since is None:
            self._head_since = self._host.tick
        if self._guard.last_id is not None:
            self._leaving = True
        self.soon()

    def eof_received(self) -> bool:
        """Let the transport close: HTTP/2 knows no half-closed connections."""
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        """The agent is gone."""
        self._transport = None
        self._leave_all()
        self._host.lost(self)

    def pause_writing(self) -> None:
        """The agent does not take what is sent: what comes for it waits in its stream."""
        self._full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._full = False
        self.soon()

    # -- what the gateway asks for -------------------------------------------------------------------------------

    def in_flight(self) -> tuple[Exchange, ...]:
        """Return the exchanges whose answers are not all out."""
        return tuple(each.exchange for each in self._streams.values() if each.exchange is not None)

    def close(self) -> None:
        """Close after what may be sent has left."""
        self._pump()
        if not self._closing:
            self._http2.close_connection(last_stream_id=self._last_id)
            self._end()

    def close_if_idle(self) -> None:
        """Take no more requests, and close when those in flight are answered."""
        if self._leaving or self._closing:
            return
        self._leaving = True
        self._flush()
        if self._transport is not None:
            self._transport.write(farewell(self._last_id))
        self.soon()

    def sweep(self, now: float) -> None:
        """Look at the clock."""
        settings = self._host.settings
        if self._closing:
            if now - self._since > settings.linger_seconds and self._transport is not None:
                self._transport.abort()
            return
        since = self._since if not self._events else self._head_since
        if since is not None and now - since > settings.head_seconds:
            self.close()
        elif self._streams:
            self._since = now
            for stream in tuple(self._streams.values()):
                self._sweep(stream, now)
        elif now - self._since > settings.idle_seconds:
            self.close()

    def _sweep(self, stream: Http2Stream, now: float) -> None:
        if stream.exchange is not None and not stream.exchange.is_over:
            stream.exchange.sweep(now)
        elif now - stream.moved_at > self._host.settings.stream_idle_seconds:
            stream.abort()

    # -- requests ------------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._open(event)
        elif isinstance(event, DataReceived):
            self._owed += event.flow_controlled_length
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                stream.took(event.flow_controlled_length, event.data, self._host.tick)
        elif isinstance(event, StreamEnded):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                stream.ended()
        elif isinstance(event, StreamReset):
            self._reset(event)
        elif isinstance(event, RemoteSettingsChanged):
            # How large our table grows is not the agent's to say.
            self._http2.encoder.header_table_size = min(self._http2.encoder.header_table_size, TABLE_BYTES)

    def _open(self, event: RequestReceived) -> None:
        stream = Http2Stream(self, event.stream_id, self.client_ip, self._host.tick)
        full = len(self._streams) >= MAX_STREAMS
        self._streams[event.stream_id] = stream
        if full or self._leaving:
            # It may be asked again elsewhere: nothing came of it (RFC 9113 section 8.7).
            stream.refuse(ErrorCodes.REFUSED_STREAM)
            self._count_broken()
            return
        self._last_id = event.stream_id
        schemes = _ANY if self.tunnel is None else _HTTPS
        try:
            head = request_head(event.headers, ended=event.stream_ended is not None, schemes=schemes)
        except SmartAgentError as error:
            stream.write(self._host.explain_broken(error))
            stream.over(keep_alive=False)
            self._count_broken()
            return
        task = self._host.start(stream.begin(head, self._host, self.tunnel))
        # The loop keeps only weak references to tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _reset(self, event: StreamReset) -> None:
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None:
            stream.leave()
        if not event.remote_reset:
            self._count_broken()

    def _count_broken(self) -> None:
        try:
            self._guard.reset(self._host.tick)
        except ProtocolError as error:
            self._http2.close_connection(error.error_code)
            raise

    # -- sending -------------------------------------------------------------------------------------------------

    def soon(self) -> None:
        """Ask the streams for what they have to send, when the present work is done."""
        if not self._soon and not self._closing and self._transport is not None:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._soon = False
        if self._closing or self._transport is None:
            return
        for stream in tuple(self._streams.values()):
            stream.settle(self._http2)
        if self._owed > WORTH_SAYING_BYTES:
            self._http2.increment_flow_control_window(self._owed)
            self._owed = 0
        self._flush()
        while not self._full and self._turn():
            pass
        self._streams = {each: stream for each, stream in self._streams.items() if not stream.done}
        if not self._streams and self._leaving:
            self._http2.close_connection(last_stream_id=self._last_id)
            self._end()

    def _turn(self) -> bool:
        # One frame of each; who sent goes to the end, so that a narrow window goes around.
        moved = False
        for stream in tuple(self._streams.values()):
            if self._full:
                break
            if stream.step(self._http2, self._host.tick):
                moved = True
                self._streams[stream.id] = self._streams.pop(stream.id)
                self._flush()
        return moved

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        try:
            transport.write(self._http2.outgoing(full=self._full))
        except DenialOfServiceError:
            transport.abort()

    def _end(self) -> None:
        # Whatever was in flight has no way to be answered any more.
        self._flush()
        self._closing, self._since = True, self._host.tick
        self._leave_all()
        if self._transport is not None:
            self._transport.close()

    def _leave_all(self) -> None:
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.leave()
