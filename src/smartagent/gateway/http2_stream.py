# SPDX-License-Identifier: Apache-2.0
"""One request of an agent that speaks HTTP/2: the agent's side of one exchange.

What the exchange writes is HTTP/1.1's: a head, then the body as it is, for HTTP/2 like HTTP/1.0 knows no chunks.  Here it
waits until the agent has opened its windows.  Nothing is sent from within the exchange's own call: the connection asks
each stream in turn for its `step`, so that a stream's end goes with its last frame, and no stream starves another.

Spec: RFC 9113 sections 5.2 and 8.1.
"""

from typing import Final, Protocol

from h2.errors import ErrorCodes

from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import Tunnel
from smartagent.gateway.head import RequestHead
from smartagent.gateway.http2 import DRAINED_BYTES, FULL_BYTES, WORTH_SAYING_BYTES, Http2
from smartagent.gateway.http2_fields import Field, answer_fields, trailer_fields
from smartagent.gateway.http2_frames import MAX_FRAME_BYTES
from smartagent.gateway.sides import Keeper

_FINAL: Final = 200


class Pump(Protocol):
    """The connection, as its streams see it."""

    def soon(self) -> None:
        """Have every stream asked for what it has to send, when the present work is done."""
        ...


class Http2Stream:
    """One stream.  `gone` says that nobody is there any more to send anything to."""

    __slots__ = (
        "_answered", "_ended", "_heads", "_held", "_over", "_owed", "_pump", "_queue", "_reset", "client_ip", "exchange",
        "full", "gone", "id", "moved_at", "whole",
    )  # fmt: skip

    def __init__(self, pump: Pump, stream_id: int, client_ip: str, now: float) -> None:
        self.id = stream_id
        self.client_ip = client_ip
        self.full = False
        self.whole = False
        """The request has come to its end."""
        self.gone = False
        self.exchange: Exchange | None = None
        self.moved_at = now
        self._pump = pump
        self._heads: list[list[Field]] = []
        self._queue = bytearray()
        self._answered = False
        self._over = False
        self._ended = False
        self._held = False
        self._owed = 0
        self._reset: ErrorCodes | None = None

    @property
    def done(self) -> bool:
        """Whether all of the answer is out."""
        return self._ended or self.gone

    @property
    def half_closed(self) -> bool:
        """Whether the agent has given up on it; that a request has come to its end says nothing here."""
        return self.gone

    # -- what the exchange asks for ------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes: an answer's head first."""
        if self.gone or self._over:
            return
        if not self._answered:
            head, _, data = data.partition(b"\r\n\r\n")
            status, fields = answer_fields(head)
            self._heads.append(fields)
            self._answered = status >= _FINAL
        self._queue += data
        self._pump.soon()
        if len(self._queue) > FULL_BYTES and not self.full:
            self.full = True
            if self.exchange is not None:
                self.exchange.agent_full()

    def hold(self) -> None:
        """Open the agent's window no further."""
        self._held = True

    def release(self) -> None:
        """Open it again."""
        self._held = False
        self._pump.soon()

    def switched(self) -> None:
        """Cut it: nobody can ask for a WebSocket here (RFC 8441 is not offered)."""
        self.abort()

    def over(self, *, keep_alive: bool) -> None:
        """End the answer behind what is still waiting."""
        del keep_alive  # other streams have nothing to do with it
        self._over = True
        self._pump.soon()

    def abort(self) -> None:
        """Cut it, with what is still waiting."""
        self.refuse(ErrorCodes.INTERNAL_ERROR)

    # -- what the connection asks for ----------------------------------------------------------------------------

    def begin(self, head: RequestHead, keeper: Keeper[Exchange], tunnel: Tunnel | None) -> Exchange:
        """Make a call of it."""
        self.exchange = Exchange(self, head, keeper, tunnel)
        return self.exchange

    def refuse(self, code: ErrorCodes) -> None:
        """Reset it."""
        self._reset = self._reset or code
        self._over = True
        self._heads.clear()
        self._queue.clear()
        self._pump.soon()

    def took(self, size_bytes: int, data: bytes, now: float) -> None:
        """Take a piece of the request's body, and what of the window it cost."""
        self.moved_at = now
        self._owed += size_bytes
        if self.exchange is not None and data:
            self.exchange.request_body(data, done=False)

    def ended(self) -> None:
        """Take the request's end."""
        self.whole = True
        if self.exchange is not None and not self.exchange.request_done:
            self.exchange.request_body(b"", done=True)

    def leave(self) -> None:
        """The agent wants no answer any more, or cannot be reached."""
        self.gone = True
        if self.exchange is not None:
            self.exchange.end("agent-gone")

    def settle(self, http2: Http2) -> None:
        """Say what needs no window: that it is reset, or how much more may come."""
        if self._reset is not None:
            if not self.done:
                http2.reset_stream(self.id, self._reset)
            self.gone = True
        elif self._owed > WORTH_SAYING_BYTES and not (self._held or self.whole or self._over):
            http2.increment_flow_control_window(self._owed, self.id)
            self._owed = 0

    def step(self, http2: Http2, now: float) -> bool:
        """Send the next frame; tell whether one could be sent."""
        if self.done:
            return False
        if self._heads:
            fields = self._heads.pop(0)
            self._ended = self._over and not self._heads and not self._queue and not self._trailers()
            http2.send_headers(self.id, fields, end_stream=self._ended)
        elif self._queue:
            if not self._send_piece(http2):
                return False
        elif self._over:
            self._ended = True
            trailers = self._trailers()
            if trailers:
                http2.send_headers(self.id, trailers, end_stream=True)
            else:
                http2.end_stream(self.id)
        else:
            return False
        self.moved_at = now
        if self._ended and not self.whole:
            # The answer is whole; the rest of the request is not wanted (RFC 9113 section 8.1).
            http2.reset_stream(self.id, ErrorCodes.NO_ERROR)
        return True

    def _send_piece(self, http2: Http2) -> bool:
        room = min(http2.local_flow_control_window(self.id), http2.max_outbound_frame_size, MAX_FRAME_BYTES)
        if room <= 0:
            return False
        piece = bytes(self._queue[:room])
        del self._queue[:room]
        self._ended = self._over and not self._queue and not self._trailers()
        http2.send_data(self.id, piece, end_stream=self._ended)
        if self.full and len(self._queue) < DRAINED_BYTES:
            self.full = False
            if self.exchange is not None:
                self.exchange.agent_drained()
        return True

    def _trailers(self) -> list[Field]:
        return trailer_fields(self.exchange.trailers) if self.exchange is not None else []
