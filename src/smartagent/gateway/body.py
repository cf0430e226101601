# SPDX-License-Identifier: Apache-2.0
"""Where a body ends: by length, by chunks, or with the connection.

A reader takes bytes as they come and returns the payload among them.  When it is `done`, `rest` holds
what came after the body.  Trailers are checked, and not passed on, which RFC 9110 section 6.5.1 allows: they
could carry a credential past everything that looked at the head.  gRPC alone gets those of its answers.

Spec: RFC 9112 sections 6 and 7.1.
"""

import re
from typing import Final, Protocol

from smartagent.edge import MalformedRequest
from smartagent.gateway.head import CHUNKED, UNTIL_CLOSE, are_fields

_MAX_SIZE_LINE: Final = 256
_MAX_TRAILERS: Final = 8192
_MAX_EXTENSIONS: Final = 16_384
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,13})((?:;[\t\x20-\x7e]*)?)")


class BodyReader(Protocol):
    """Finds the end of a body."""

    done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Return the payload in `data`.

        Raises:
            MalformedRequest: The framing is wrong; nothing after it can be believed.
        """
        ...

    def ended(self) -> bool:
        """Tell whether the body is whole when the connection ends now."""
        ...


def reader_for(body: int) -> BodyReader:
    """Return the reader for a head's `body`."""
    if body == CHUNKED:
        return ChunkedReader()
    if body == UNTIL_CLOSE:
        return CloseReader()
    return LengthReader(body)


def chunk(payload: bytes) -> bytes:
    """Frame `payload`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)


LAST_CHUNK: Final = b"0\r\n\r\n"


class LengthReader:
    """A body of known length."""

    __slots__ = ("_left", "done", "rest")

    def __init__(self, length_bytes: int) -> None:
        self._left = length_bytes
        self.done = length_bytes == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return what of `data` belongs to the body."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done = True
        if left:
            self.rest = data[self._left :]
            data = data[: self._left]
        self._left = 0
        return data

    def ended(self) -> bool:
        """Return whether all of it came."""
        return self.done


class CloseReader:
    """A body that ends with the connection."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return `data`: all of it belongs to the body."""
        return data

    def ended(self) -> bool:
        """Return True: there is no other end."""
        self.done = True
        return True


class ChunkedReader:
    """A body in chunks.

    ::

        size line -> data -> CR LF -> size line -> ... -> 0 -> trailers -> done
    """

    __slots__ = ("_buffer", "_extensions", "_left", "_trailing", "done", "rest", "trailers")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        """Bytes of the current chunk that are still to come, with its CR LF; 0 between chunks."""
        self._trailing = False
        self._extensions = 0
        self.done = False
        self.rest = b""
        self.trailers = b""
        """The field lines behind the last chunk."""

    def feed(self, data: bytes) -> bytes:
        """Return the chunks' data in `data`."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        payload: list[bytes] = []
        position = 0
        while position < len(data) and not self.done:
            if self._trailing:
                position = self._trailers(data, position)
            elif self._left:
                position = self._data(data, position, payload)
            else:
                position = self._size_line(data, position)
        if self.done:
            self.rest = data[position:]
        return payload[0] if len(payload) == 1 else b"".join(payload)

    def ended(self) -> bool:
        """Return whether the last chunk came."""
        return self.done

    def _size_line(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position, position + _MAX_SIZE_LINE)
        if end < 0:
            if len(data) - position >= _MAX_SIZE_LINE:
                raise MalformedRequest("a chunk's size line is too long")
            self._buffer = data[position:]
            return len(data)
        match = _SIZE.fullmatch(data, position, end - 1)
        if match is None or data[end - 1] != 0x0D:  # noqa: PLR2004 -- CR
            raise MalformedRequest("a chunk's size is malformed")
        self._extensions += len(match[2])
        if self._extensions > _MAX_EXTENSIONS:
            raise MalformedRequest("too many chunk extensions")
        size = int(match[1], 16)
        self._left = size + 2 if size else 0
        self._trailing = not size
        return end + 1

    def _data(self, data: bytes, position: int, payload: list[bytes]) -> int:
        available = len(data) - position
        if available >= self._left:
            end = position + self._left
            if data[end - 2 : end] != b"\r\n":
                raise MalformedRequest("a chunk does not end where its size says")
            if self._left > 2:  # noqa: PLR2004 -- more than the CR LF
                payload.append(data[position : end - 2])
            self._left = 0
            return end
        # Keep the CR LF out of the payload, also when it is torn apart.
        taken = min(available, self._left - 2)
        if taken > 0:
            payload.append(data[position : position + taken])
            self._left -= taken
            return position + taken
        self._buffer = data[position:]
        return len(data)

    def _trailers(self, data: bytes, position: int) -> int:
        if data.startswith(b"\r\n", position):
            self.done = True
            return position + 2
        end = data.find(b"\r\n\r\n", position)
        if end < 0:
            if len(data) - position > _MAX_TRAILERS or data[position] == 0x0A:  # noqa: PLR2004 -- LF
                raise MalformedRequest("the trailers are malformed or too long")
            self._buffer = data[position:]
            return len(data)
        if end - position > _MAX_TRAILERS or not are_fields(data[position : end + 2]):
            raise MalformedRequest("the trailers are malformed or too long")
        self.done = True
        self.trailers = data[position : end + 2]
        return end + 4
