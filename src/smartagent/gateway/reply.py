# SPDX-License-Identifier: Apache-2.0
"""An upstream's answer on its way to the agent: parsed, decoded, scrubbed and framed anew.

Touches no socket: bytes in, bytes out.  Decoded bodies come out in pieces, `more()` by `more()`, so that
the agent's pace bounds what lies in memory.

Spec: RFC 9110 sections 6.4.1 and 15.2; RFC 9112 section 6.3.
"""

from typing import Final

from smartagent.edge import MalformedRequest
from smartagent.gateway.answer import reply_head
from smartagent.gateway.body import LAST_CHUNK, BodyReader, ChunkedReader, chunk, reader_for
from smartagent.gateway.decode import Decoder, decoder_for
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.head import CHUNKED, RequestHead, ResponseHead, parse_response_head
from smartagent.gateway.scrub import Scrubber, scrub
from smartagent.gateway.variants import Variants
from smartagent.gateway.websocket import Frames, check_accepted

_FINAL: Final = 200
_SWITCHING: Final = 101
_SWITCHED: Final = b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"
_NO_BODY: Final = frozenset((204, 304))
_MAX_INFORMATIONAL: Final = 16


class ReplyStream:
    """One answer.  `over` when all of it came out; `waiting` when `more()` has something."""

    __slots__ = (
        "_buffer", "_chunked", "_decoder", "_frames", "_head_bytes", "_informational", "_max_head_bytes", "_reader",
        "_request", "_scrubber", "_variants", "came", "close", "over", "reply", "sent_bytes", "switched", "waiting",
    )  # fmt: skip

    def __init__(self, request: RequestHead, variants: Variants | None, max_head_bytes: int) -> None:
        self._request = request
        self._variants = variants
        self._max_head_bytes = max_head_bytes
        self._buffer = b""
        self._informational = 0
        self._reader: BodyReader | None = None
        self._decoder: Decoder | None = None
        self._scrubber = Scrubber(variants) if variants is not None else None
        self._head_bytes = b""
        self._chunked = False
        self._frames: Frames | None = None
        self.switched = False
        """It is a WebSocket from here on."""
        self.came = False
        """The whole body came in, though not all of it may have gone out."""
        self.reply: ResponseHead | None = None
        self.close = False
        """The agent's connection ends with this answer."""
        self.over = False
        self.waiting = False
        self.sent_bytes = 0

    @property
    def untouched(self) -> bool:
        """Whether not a byte of it came."""
        return self.reply is None and not self._buffer and not self._informational

    @property
    def reusable(self) -> bool:
        """Whether the upstream's connection is in a known state after it."""
        reader, reply = self._reader, self.reply
        return (
            reply is not None and reply.keep_alive and reader is not None and reader.done and not reader.rest
        )

    @property
    def trailers(self) -> bytes:
        """What the upstream said behind its body, for whom that is the answer's end: gRPC."""
        if not (self._request.grpc and isinstance(self._reader, ChunkedReader)):
            return b""
        lines = self._reader.trailers
        return lines if self._variants is None else scrub(lines, self._variants)

    def feed(self, data: bytes, *, request_done: bool) -> bytes:
        """Take the upstream's next bytes; return what goes to the agent now.

        Raises:
            UpstreamMalformed: It is not well-formed HTTP, or cannot be scrubbed.
        """
        if self._reader is None and not self.switched:
            data = self._take_head(data, request_done)
        if self.switched:
            return self._through(data)
        if self._reader is None:
            return b""
        try:
            payload = self._reader.feed(data) if data else b""
        except MalformedRequest:
            raise UpstreamMalformed("the answer's body is not framed as it says") from None
        self.came = self._reader.done
        if self._decoder is not None:
            self._decoder.feed(payload)
            return self.more()
        return self._framed(payload, last=self.came)

    def more(self) -> bytes:
        """Return the next decoded piece.

        Raises:
            UpstreamMalformed: The body is not what its coding says.
        """
        decoder = self._decoder
        if decoder is None:
            return b""
        piece = decoder.piece()
        self.waiting = bool(piece)
        if not piece and self.came and not decoder.whole():
            raise UpstreamMalformed("the answer's compressed body is cut short")
        return self._framed(piece, last=not piece and self.came)

    def end(self) -> bytes | None:
        """The upstream ended its connection; return what is still to go, or None when the answer is not whole."""
        if self.switched:
            self.came = self.over = True
            return b""
        if self._reader is None or not self._reader.ended():
            return None
        self.came = True
        return self.more() if self._decoder is not None else self._framed(b"", last=True)

    def _take_head(self, data: bytes, request_done: bool) -> bytes:
        data = self._buffer + data if self._buffer else data
        while True:
            end = data.find(b"\r\n\r\n")
            if max(end, 0 if end >= 0 else len(data)) > self._max_head_bytes:
                raise UpstreamMalformed("the answer's head is too long")
            if end < 0:
                self._buffer = data
                return b""
            reply = parse_response_head(data[: end + 2], self._request.method)
            data = data[end + 4 :]
            if reply.status >= _FINAL:
                self._buffer = b""
                self._begin(reply, request_done)
                return data
            if reply.status == _SWITCHING and self._request.websocket:
                self._buffer = b""
                self._switch(reply)
                return data
            # We answer `Expect` ourselves, and early hints would pass unscrubbed caches by.
            self._informational += 1
            if reply.status == _SWITCHING or self._informational > _MAX_INFORMATIONAL:
                raise UpstreamMalformed("the upstream changed the protocol, or would not come to its answer")

    def _begin(self, reply: ResponseHead, request_done: bool) -> None:
        request = self._request
        bodiless = request.method == "HEAD" or reply.status in _NO_BODY
        if self._variants is not None:
            decoder = decoder_for(reply.fields.get("content-encoding", ""))
            self._decoder = None if bodiless else decoder
        length = self._length(reply, bodiless)
        endless = length is None and not bodiless
        self._chunked = endless and not request.old
        self.close = not request.keep_alive or not request_done or (endless and request.old)
        self._reader = reader_for(reply.body)
        self._head_bytes = reply_head(
            reply,
            CHUNKED if self._chunked else length,
            close=self.close,
            variants=self._variants,
            decoded=self._decoder is not None,
        )
        self.reply = reply

    def _switch(self, reply: ResponseHead) -> None:
        check_accepted(self._request.fields, reply.fields, reply.lines)
        head = reply_head(reply, None, close=False, variants=self._variants, decoded=False)
        self._head_bytes = head[:-2] + _SWITCHED
        self._frames = Frames(self._variants) if self._variants is not None else None
        self.reply, self.switched, self.close = reply, True, True

    def _through(self, data: bytes) -> bytes:
        passed = data if self._frames is None else self._frames.feed(data)
        self.sent_bytes += len(passed)
        if self._head_bytes:
            passed, self._head_bytes = self._head_bytes + passed, b""
        return passed

    def _length(self, reply: ResponseHead, bodiless: bool) -> int | None:
        if not bodiless:
            return None if self._decoder is not None or reply.body < 0 else reply.body
        stated = reply.fields.get("content-length", "")
        # A HEAD tells how long a GET's body would be; of a coded one we do not know.
        coded = (
            self._variants is not None
            and reply.fields.get("content-encoding", "identity").lower() != "identity"
        )
        return int(stated) if stated and self._request.method == "HEAD" and not coded else None

    def _framed(self, payload: bytes, *, last: bool) -> bytes:
        scrubber = self._scrubber
        if scrubber is not None:
            payload = scrubber.finish(payload) if last else scrubber.feed(payload)
        self.over = last
        self.sent_bytes += len(payload)
        if self._chunked:
            payload = (chunk(payload) if payload else b"") + (LAST_CHUNK if last else b"")
        if self._head_bytes:
            payload, self._head_bytes = self._head_bytes + payload, b""
        return payload
