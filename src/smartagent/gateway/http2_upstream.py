# SPDX-License-Identifier: Apache-2.0
"""A connection to an upstream that is spoken to in HTTP/2: for gRPC, which knows nothing else.

To the exchange it is a connection like the others, one request at a time: it is handed a head and a body in chunks, and
hands back the same, with trailers behind the last chunk.  So the pool, the exchange and the scrubber are those of every
call.  One stream at a time costs a connection for each call that runs beside another, and saves one slow call from
taking the window of the next.

Spec: RFC 9113; gRPC over HTTP/2.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from h2.events import (
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import DenialOfServiceError, ProtocolError

from smartagent.gateway.body import LAST_CHUNK, BodyReader, chunk, reader_for
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.head import CHUNKED
from smartagent.gateway.http2 import DRAINED_BYTES, FULL_BYTES, Http2
from smartagent.gateway.http2_fields import ACCEPTED, Field, answer_head, request_fields, trailer_lines
from smartagent.gateway.http2_frames import MAX_FRAME_BYTES, FrameGuard
from smartagent.gateway.plan import Origin
from smartagent.gateway.upstream import UpstreamConnection

_MAX_INFORMATIONAL: Final = 16
_NOT_HTTP_2: Final = "the upstream does not speak HTTP/2, or not as it is done"
_NO_CODING: Final = frozenset((b"", b"identity"))


class Http2Upstream(UpstreamConnection):
    """One connection to an upstream, in HTTP/2."""

    __slots__ = (
        "_broken", "_coding_offered", "_ended", "_full", "_guard", "_held", "_http2", "_informational", "_out", "_owed",
        "_queue", "_reader", "_sent", "_stream_id", "_stuffed",
    )  # fmt: skip

    def __init__(
        self, origin: Origin, forget: Callable[[UpstreamConnection], None], max_head_bytes: int
    ) -> None:
        super().__init__(origin, forget)
        self._http2 = Http2(client=True, max_head_bytes=max_head_bytes)
        self._guard = FrameGuard(max_head_bytes, preface=False)
        self._stream_id = 0
        """The present request's; 0 between requests."""
        self._reader: BodyReader = reader_for(0)
        self._queue = bytearray()
        self._out: list[bytes] = []
        self._sent = self._ended = False
        """The request, and its answer, are whole."""
        self._full = self._stuffed = self._held = self._broken = False
        self._owed = 0
        self._informational = 0
        self._coding_offered = False

    # -- what the transport says ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Read frames, and pass on what they say in HTTP/1.1's words."""
        try:
            passed = self._guard.feed(data, asyncio.get_running_loop().time())
            for event in self._http2.take(passed) if passed else ():
                self._take(event)
            self._push()
        except ProtocolError:
            self._fail(UpstreamMalformed(_NOT_HTTP_2))
        except UpstreamMalformed as error:
            self._fail(error)
        else:
            self._pass_on()

    def pause_writing(self) -> None:
        """Pass the back-pressure on."""
        self._full = self._stuffed = True
        super().pause_writing()

    def resume_writing(self) -> None:
        """Send what waits; pass the end of the back-pressure on when there is room."""
        self._full = False
        self._push()

    # -- what an exchange and the pool ask for -------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether it can take another exchange."""
        return super().usable and not self._stream_id and self._guard.last_id is None

    def write(self, data: bytes) -> None:
        """Send a request: its head, and its body as it comes."""
        if self._closed or (self._ended and self._stream_id):
            return
        try:
            if not self._stream_id:
                head, _, data = data.partition(b"\r\n\r\n")
                self._begin(head)
            self._queue += self._reader.feed(data) if data and not self._reader.done else b""
            self._push()
        except ProtocolError:
            self._fail(UpstreamMalformed(_NOT_HTTP_2))
            return
        if len(self._queue) > FULL_BYTES and not self._stuffed and self.listener is not None:
            self._stuffed = True
            self.listener.upstream_full()

    def hold(self) -> None:
        """Open the upstream's window no further."""
        self._held = True

    def release(self) -> None:
        """Open it again."""
        self._held = False
        self._acknowledge()
        self._flush()

    # -- the request ---------------------------------------------------------------------------------------------

    def _begin(self, head: bytes) -> None:
        fields = request_fields(head, tls=self.origin.tls)
        named = dict(fields)
        length = named.get(b"content-length")
        chunked = b"\r\ntransfer-encoding: chunked" in head
        self._reader = reader_for(CHUNKED if chunked else int(length or b"0"))
        self._coding_offered = named[ACCEPTED] not in _NO_CODING
        self._sent, self._ended = self._reader.done, False
        self._informational = 0
        self._stream_id = self._http2.get_next_available_stream_id()
        self._http2.send_headers(self._stream_id, fields, end_stream=self._sent)

    def _push(self) -> None:
        # As much of the request as the upstream's windows take.
        http2, queue = self._http2, self._queue
        while self._stream_id and not (self._sent or self._full or self._broken):
            room = min(
                http2.local_flow_control_window(self._stream_id),
                http2.max_outbound_frame_size,
                MAX_FRAME_BYTES,
            )
            whole = self._reader.done and len(queue) <= room
            if not whole and (room <= 0 or not queue):
                break
            piece = bytes(queue[: max(room, 0)])
            del queue[: len(piece)]
            http2.send_data(self._stream_id, piece, end_stream=whole)
            self._sent = whole
            self._flush()
        self._flush()
        if self._stuffed and not self._full and len(queue) < DRAINED_BYTES and self.listener is not None:
            self._stuffed = False
            self.listener.upstream_drained()

    # -- the answer ----------------------------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        if isinstance(event, InformationalResponseReceived):
            self._informational += 1
            if self._informational > _MAX_INFORMATIONAL:
                raise UpstreamMalformed("the upstream would not come to its answer")
        elif isinstance(event, ResponseReceived):
            self._head(event.headers, ended=event.stream_ended is not None)
        elif isinstance(event, DataReceived):
            self._owed += event.flow_controlled_length
            self._out.append(chunk(event.data) if event.data else b"")
        elif isinstance(event, TrailersReceived):
            self._out.append(b"0\r\n" + trailer_lines(event.headers) + b"\r\n")
            self._ended = True
        elif isinstance(event, StreamEnded):
            self._out.append(b"" if self._ended else LAST_CHUNK)
            self._ended = True
        elif isinstance(event, StreamReset):
            self._broken = True

    def _head(self, fields: Sequence[Field], *, ended: bool) -> None:
        self._out.append(answer_head(fields, ended=ended))
        self._ended = ended
        for name, value in fields:
            if name == b"grpc-encoding" and value not in _NO_CODING and not self._coding_offered:
                raise UpstreamMalformed("the answer's messages are compressed and cannot be searched")

    def _pass_on(self) -> None:
        if self._ended and self._sent:
            self._stream_id = 0
        out, self._out = b"".join(self._out), []
        if out and self.listener is not None:
            self.listener.upstream_data(out)
        last_id = self._guard.last_id
        if self._broken or (last_id is not None and not 0 < self._stream_id <= last_id):
            self._break()
        elif not self._held:
            self._acknowledge()
            self._flush()

    def _break(self) -> None:
        listener = self.listener
        self.close()
        if listener is not None:
            listener.upstream_ended(clean=False)

    def _acknowledge(self) -> None:
        owed, self._owed = self._owed, 0
        if owed and not self._closed:
            # Whichever stream it was for: there is one at a time, and those that are over are known.
            self._http2.acknowledge_received_data(owed, self._http2.highest_outbound_stream_id)

    def _flush(self) -> None:
        try:
            super().write(self._http2.outgoing(full=self._full))
        except DenialOfServiceError:
            self._break()

    def _fail(self, error: UpstreamMalformed) -> None:
        listener = self.listener
        self.close()
        if listener is not None:
            listener.fail(error)
