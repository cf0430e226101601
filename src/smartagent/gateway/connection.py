# SPDX-License-Identifier: Apache-2.0
"""The agent's side: one connection, its requests one after another.

::

    idle --bytes--> reading a head --> busy with an exchange --> idle
                         |                     |
                      refused             lingering --> closed

Requests that are pipelined wait in a bounded buffer until the one before them is answered.  Lingering:
after an answer that came before the request's end, what the agent still sends is read and dropped for
a moment, because closing on unread bytes would destroy the answer on its way.
"""

import asyncio
import socket
import ssl
import struct
from typing import Final, Protocol, cast

from smartagent.edge import MalformedRequest
from smartagent.gateway import socks
from smartagent.gateway.body import BodyReader, reader_for
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import Tunnel
from smartagent.gateway.head import RequestHead, check_unfinished, parse_request_head
from smartagent.gateway.http2_agent import Host as Http2Host
from smartagent.gateway.http2_agent import Http2Connection
from smartagent.gateway.http2_frames import PREFACE, speaks_http2
from smartagent.kernel import SmartAgentError

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)


class Host(Http2Host, Protocol):
    """The gateway, as its connections see it."""

    def admit(self, connection: "AgentConnection") -> SmartAgentError | None:
        """Take note of a new connection; return why it cannot stay."""
        ...

    def lost(self, connection: "AgentConnection | Http2Connection") -> None:
        """Forget a connection."""
        ...

    def replaced(self, connection: "AgentConnection", by: Http2Connection) -> None:
        """Look after the other one from now on."""
        ...

    def open_tunnel(self, connection: "AgentConnection", head: RequestHead) -> asyncio.Task[None]:
        """Say whether the agent may go where it wants, and have the connection become a tunnel."""
        ...


class AgentConnection(asyncio.Protocol):
    """One connection from an agent."""

    __slots__ = (
        "_buffer", "_first", "_host", "_known", "_lingering", "_opening", "_reader", "_securing", "_since", "_socks", "_task", "_transport",
        "client_ip", "exchange", "full", "half_closed", "tunnel",
    )  # fmt: skip

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._reader: BodyReader | None = None
        self._task: asyncio.Task[None] | None = None
        self._since = host.tick
        """When the present state began: idle, a head's first byte, lingering."""
        self._known: RequestHead | None = None
        self._first = True
        self._lingering = False
        self._opening = False
        """A tunnel is asked for: nothing is read until it is open or refused."""
        self._securing = False
        self._socks: socks.Greeting | None = None
        self.tunnel: Tunnel | None = None
        self.half_closed = False
        self.full = False
        self.client_ip = ""
        self.exchange: Exchange | None = None

    # -- what the transport says -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are not subclasses of asyncio's.
        stream = cast("asyncio.Transport", transport)
        self._transport = stream
        peer: object = transport.get_extra_info("peername")
        self.client_ip = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        refused = self._host.admit(self)
        if refused is not None:
            stream.write(self._host.explain_broken(refused))
            stream.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes: of a head, of a body, or of a request that has to wait."""
        if self._lingering:
            return
        if self._opening or self._securing:
            self._too_early(data)
        elif self.exchange is None:
            if not self._buffer:
                self._since = self._host.tick
            self._buffer = self._buffer + data if self._buffer else data
            self._next()
        elif self.exchange.switched:
            self.exchange.relay(data)
        elif self._reader is not None and not self._reader.done:
            self._body(data, self._reader)
        else:
            self._buffer += data
            if len(self._buffer) > self._host.settings.max_head_bytes:
                self.hold()

    def _too_early(self, data: bytes) -> None:
        if self._securing:
            # It was sent inside TLS, and came before we were told that there is TLS.
            self._buffer += data
        else:
            # Who speaks before the tunnel is open does not know yet whom they speak to.
            self.abort()

    def eof_received(self) -> bool:
        """Keep the way back open while an answer is due."""
        self.half_closed = True
        if self.tunnel is not None:
            return False
        if self.exchange is not None and self.exchange.held is not None:
            self.exchange.held.cancel()
        return self.exchange is not None and self._reader is not None and self._reader.done

    def connection_lost(self, _error: Exception | None) -> None:
        """The agent is gone."""
        self._transport = None
        self._buffer = b""
        self._host.lost(self)
        if self.exchange is not None:
            self.exchange.end("agent-gone")
            self.exchange = None

    def pause_writing(self) -> None:
        """The agent does not take what is sent: stop the upstream."""
        self.full = True
        if self.exchange is not None:
            self.exchange.agent_full()

    def resume_writing(self) -> None:
        """It does again."""
        self.full = False
        if self.exchange is not None:
            self.exchange.agent_drained()

    def in_flight(self) -> tuple[Exchange, ...]:
        """Return the exchange that is under way, if any."""
        return () if self.exchange is None else (self.exchange,)

    # -- what an exchange asks for ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens when the agent is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self) -> None:
        """Stop reading."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def switched(self) -> None:
        """Pass on what came too early, and all that comes."""
        data, self._buffer = self._buffer, b""
        if self.exchange is not None and data:
            self.exchange.relay(data)
        self.release()

    def over(self, *, keep_alive: bool) -> None:
        """Go on with the next request, or end."""
        whole = self._reader is not None and self._reader.done
        self.exchange = None
        self._since = self._host.tick
        if not whole:
            self._linger()
        elif not keep_alive or self._host.draining or (self.half_closed and not self._buffer):
            self.close()
        else:
            self.release()
            if self._buffer:
                # Not at once: a thousand pipelined requests would be a thousand frames deep.
                asyncio.get_running_loop().call_soon(self._next)

    def abort(self) -> None:
        """Cut: with a reset, because to an HTTP/1.0 client a tidy end would look like the answer's."""
        self.exchange = None
        if self._transport is None:
            return
        link: object = self._transport.get_extra_info("socket")
        setsockopt = getattr(link, "setsockopt", None)
        if setsockopt is not None:
            setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    # -- tunnels ---------------------------------------------------------------------------------------------

    async def become(self, tunnel: Tunnel, context: ssl.SSLContext) -> None:
        """Say that the tunnel is open, and speak TLS in it."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(ESTABLISHED if self._socks is None else socks.OPEN)
        self._opening, self._securing = False, True
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._host.settings.head_seconds,
            )
        except (OSError, TimeoutError):
            # The agent does not believe us, or wanted another name than it asked for.
            secured = None
        # uvloop hands out a dead one when the connection was swept or closed during the handshake.
        if secured is None or secured.is_closing():
            transport.abort()
            self._transport = None
            self._host.lost(self)
            return
        self._transport, self.tunnel = secured, tunnel
        self._securing, self._first, self._since = False, True, self._host.tick
        if speaks_http2(secured):
            self._speak_http2(self._buffer)
        elif self._buffer:
            self._next()

    def refuse_tunnel(self, answer: bytes) -> None:
        """Say that it is not opened."""
        self._opening = False
        self.write(answer if self._socks is None else socks.REFUSED)
        self._linger()

    # -- what the gateway asks for ---------------------------------------------------------------------------

    def close(self) -> None:
        """Close after what was written has left."""
        if self._transport is not None:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Close unless a request is in flight."""
        if self.exchange is None and not self._lingering:
            self.close()

    def sweep(self, now: float) -> None:
        """Look at the clock."""
        settings = self._host.settings
        if self.exchange is not None:
            self.exchange.sweep(now)
            return
        if self._lingering:
            allowed = settings.linger_seconds
        elif self._buffer or self._first:
            allowed = settings.head_seconds
        else:
            allowed = settings.idle_seconds
        if now - self._since > allowed and self._transport is not None:
            self._transport.abort()

    # -- requests --------------------------------------------------------------------------------------------

    def _next(self) -> None:
        data = self._buffer
        if self.exchange is not None or self._transport is None or not data:
            return
        if (self._socks is not None or self._first) and self._is_other(data):
            return
        try:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > self._host.settings.max_head_bytes:
                self._check_unfinished(data)
                return
            head = self._known = parse_request_head(data[: end + 2], self._known)
        except SmartAgentError as error:
            self._refuse(error)
            return
        self._begin(head, data[end + 4 :])

    def _is_other(self, data: bytes) -> bool:
        # Whether it is not HTTP/1.1 that is spoken here.
        if self.tunnel is None and (self._socks is not None or data[0] == socks.VERSION):
            self._greet(data)
            return True
        begun = self._first and self.tunnel is None and data.startswith(PREFACE[: len(data)])
        if begun and len(data) >= len(PREFACE):
            self._speak_http2(data)
        return begun

    def _speak_http2(self, data: bytes) -> None:
        transport, self._transport, self._buffer = self._transport, None, b""
        if transport is not None:
            connection = Http2Connection(self._host, self.tunnel, self.client_ip)
            self._host.replaced(self, connection)
            transport.set_protocol(connection)
            connection.connection_made(transport)
            if data:
                connection.data_received(data)

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        self._first = False
        if head.method == "CONNECT":
            self._ask_for_tunnel(head, rest)
            return
        self._reader = reader_for(head.body)
        self._buffer = rest if self._reader.done else b""
        exchange = Exchange(self, head, self._host, self.tunnel)
        self.exchange = exchange
        # The loop keeps only weak references to tasks.
        self._task = self._host.start(exchange)
        if rest and not self._reader.done:
            self._body(rest, self._reader)

    def _ask_for_tunnel(self, head: RequestHead, rest: bytes) -> None:
        self._buffer = b""
        if rest and self._socks is not None:
            self.abort()
            return
        if rest or self.tunnel is not None:
            self._refuse(
                MalformedRequest("a tunnel is asked for once, and nothing is sent before it is open")
            )
            return
        self.hold()
        self._opening = True
        self._task = self._host.open_tunnel(self, head)

    def _greet(self, data: bytes) -> None:
        """Take the next bytes of a client that speaks SOCKS."""
        greeting = self._socks or socks.Greeting()
        self._socks = greeting
        try:
            answer, rest = greeting.feed(data)
        except socks.Refused as refused:
            self.write(refused.answer)
            self._linger()
            return
        self.write(answer)
        self._buffer = rest
        if greeting.head is not None:
            self._ask_for_tunnel(greeting.head, rest)
        elif len(rest) > socks.MAX_BYTES:
            self.abort()

    def _body(self, data: bytes, reader: BodyReader) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        try:
            payload = reader.feed(data)
        except MalformedRequest as error:
            exchange.fail(error)
            return
        if reader.done:
            self._buffer = reader.rest
        if payload or reader.done:
            exchange.request_body(payload, done=reader.done)

    def _check_unfinished(self, data: bytes) -> None:
        if len(data) > self._host.settings.max_head_bytes:
            raise MalformedRequest(f"the head exceeds {self._host.settings.max_head_bytes} bytes")
        check_unfinished(data)

    def _refuse(self, error: SmartAgentError) -> None:
        self.write(self._host.explain_broken(error))
        self._linger()

    def _linger(self) -> None:
        self._lingering = True
        self._buffer = b""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self.half_closed or not transport.can_write_eof():
            transport.close()
            return
        transport.write_eof()
        transport.resume_reading()
