# SPDX-License-Identifier: Apache-2.0
"""Content codings, undone: what is compressed cannot be searched.

Upstreams are asked for `identity`; some compress all the same.  A decoder gives its output in bounded
pieces, so that a small body which unfolds into a huge one costs time, never memory; and it stops
when the body unfolds beyond all reason.

Spec: RFC 9110 section 8.4; RFC 1950, 1951, 1952, 7932.
"""

import zlib
from typing import Final, Protocol, cast

import brotli

from smartagent.gateway.errors import UpstreamMalformed

PIECE_BYTES: Final = 65_536
_FREE_BYTES: Final = 8 * 1024 * 1024
_MAX_RATIO: Final = 250


class Decoder(Protocol):
    """Undoes one coding."""

    def feed(self, data: bytes) -> None:
        """Take the next compressed bytes."""
        ...

    def piece(self) -> bytes:
        """Return the next decoded bytes; none when it needs more to go on.

        Raises:
            UpstreamMalformed: The data is not what its coding says, or unfolds beyond all reason.
        """
        ...

    def whole(self) -> bool:
        """Tell whether the compressed stream came to its end."""
        ...


def decoder_for(coding: str) -> Decoder | None:
    """Return a decoder for a Content-Encoding; None when there is nothing to undo.

    Raises:
        UpstreamMalformed: It is one that nobody here can undo, so nobody could scrub it.
    """
    match coding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return ZlibDecoder(members=True)
        case "deflate":
            return ZlibDecoder(members=False)
        case "br":
            return BrotliDecoder()
        case _:
            raise UpstreamMalformed("the answer's content coding cannot be scrubbed")


class _Bound:
    """Watches how far a body unfolds."""

    __slots__ = ("_came", "_went")

    def __init__(self) -> None:
        self._came = 0
        self._went = 0

    @property
    def nothing_came(self) -> bool:
        return not self._came

    def came(self, size_bytes: int) -> None:
        self._came += size_bytes

    def went(self, size_bytes: int) -> None:
        self._went += size_bytes
        if self._went > _FREE_BYTES + _MAX_RATIO * self._came:
            raise UpstreamMalformed("the answer's body unfolds beyond all reason")


class ZlibDecoder:
    """gzip, with one member after another; or deflate, with its zlib frame or without."""

    __slots__ = ("_bits", "_bound", "_data", "_engine")

    def __init__(self, *, members: bool) -> None:
        self._bits = zlib.MAX_WBITS | 16 if members else 0
        """0: deflate whose first bytes have yet to tell whether it has a frame."""
        self._bound = _Bound()
        self._engine = zlib.decompressobj(self._bits or zlib.MAX_WBITS)
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Take the next compressed bytes."""
        self._bound.came(len(data))
        self._data += data

    def piece(self) -> bytes:
        """Return the next decoded bytes."""
        if not self._bits and not self._choose():
            return b""
        while True:
            if self._engine.eof and self._data:
                self._next_member()
            data, self._data = self._data, b""
            try:
                out = self._engine.decompress(data, PIECE_BYTES)
            except zlib.error:
                raise UpstreamMalformed("the answer's body is not what its coding says") from None
            self._data = self._engine.unused_data or self._engine.unconsumed_tail
            self._bound.went(len(out))
            if out or not self._data:
                return out

    def whole(self) -> bool:
        """Tell whether the compressed stream came to its end.  Nothing at all is nothing compressed."""
        return self._bound.nothing_came or (self._engine.eof and not self._data)

    def _next_member(self) -> None:
        if self._bits <= zlib.MAX_WBITS:
            raise UpstreamMalformed("the answer's body goes on after its end")
        self._engine = zlib.decompressobj(self._bits)

    def _choose(self) -> bool:
        # Some servers send deflate without its zlib frame (RFC 1950 section 2.2 tells a frame's first bytes).
        if len(self._data) < 2:  # noqa: PLR2004 -- the frame's two
            return False
        method, flags = self._data[:2]
        framed = method & 0x0F == zlib.DEFLATED and (method << 8 | flags) % 31 == 0
        self._bits = zlib.MAX_WBITS if framed else -zlib.MAX_WBITS
        self._engine = zlib.decompressobj(self._bits)
        return True


class _Brotli(Protocol):
    def process(self, data: bytes, output_buffer_limit: int = ...) -> bytes: ...
    def can_accept_more_data(self) -> bool: ...
    def is_finished(self) -> bool: ...


class BrotliDecoder:
    """Brotli."""

    __slots__ = ("_bound", "_data", "_engine")

    def __init__(self) -> None:
        self._engine = cast("_Brotli", brotli.Decompressor())
        self._bound = _Bound()
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Take the next compressed bytes."""
        self._bound.came(len(data))
        self._data += data

    def piece(self) -> bytes:
        """Return the next decoded bytes."""
        data = b""
        if self._engine.can_accept_more_data():
            data, self._data = self._data, b""
            if not data:
                return b""
        try:
            out = self._engine.process(data, output_buffer_limit=PIECE_BYTES)
        except brotli.error:
            raise UpstreamMalformed("the answer's body is not what its coding says") from None
        self._bound.went(len(out))
        return out

    def whole(self) -> bool:
        """Tell whether the compressed stream came to its end.  Nothing at all is nothing compressed."""
        return self._bound.nothing_came or (self._engine.is_finished() and not self._data)
