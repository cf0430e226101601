# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames, looked at by their nine bytes before anything is made of them.

The library keeps streams and windows.  It would also hold a frame of 16 MiB until all of it is there, and answer resets
and pings as fast as they come.  So a peer's haste is bounded here, before the library works or remembers.

GOAWAY is kept from the library, for which it is the end: what has begun may still end well (RFC 9113 section 6.8).

Spec: RFC 9113 sections 4.1, 6 and 10.5.
"""

import asyncio
import ssl
from typing import Final

from h2.exceptions import DenialOfServiceError, FrameDataMissingError, FrameTooLargeError

HTTP_2: Final = "h2"
"""Its name in TLS (RFC 7301)."""
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME_BYTES: Final = 16_384
RESETS: Final = (100.0, 30.0)
"""How many streams a peer may reset at once, and how many in a second after that."""
CONTROLS: Final = (10_000.0, 2000.0)
"""The same for frames that move nothing: PING, PRIORITY, empty DATA, CONTINUATION.  Some peers measure the way with a
PING for each turn of it, so there may be many."""
SETTINGS: Final = (50.0, 10.0)
"""The same for SETTINGS, each of at most `_MAX_SETTINGS_BYTES`: the library remembers every one, known or not."""
_MAX_SETTINGS_BYTES: Final = 6 * 32
_FRAME_HEAD: Final = 9
_GOAWAY_BYTES: Final = 8
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PUSH_PROMISE, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = (
    0,
    1,
    3,
    4,
    5,
    7,
    8,
    9,
)
_END_STREAM: Final = 0x1
_END_HEADERS: Final = 0x4
_STREAM_ID: Final = 0x7FFF_FFFF


def speaks_http2(transport: asyncio.BaseTransport) -> bool:
    """Tell whether both sides of a TLS connection agreed on HTTP/2."""
    connection: object = transport.get_extra_info("ssl_object")
    return isinstance(connection, ssl.SSLObject) and connection.selected_alpn_protocol() == HTTP_2


class Allowance:
    """So much at once, and so much in a second."""

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, most: float, per_second: float) -> None:
        self._most = self._left = most
        self._per_second = per_second
        self._at = 0.0

    def spend(self, now: float) -> None:
        """Take one; `now` in seconds, on any clock that does not go back.

        Raises:
            DenialOfServiceError: There is none left.
        """
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            raise DenialOfServiceError("more than is needed of what costs only the other side")
        self._left -= 1


class FrameGuard:
    """Looks at a peer's frames as they come.

    Args:
        max_head_bytes: Of one head, packed, with all its continuations.
        preface: The peer is a client, who says `PREFACE` first.
    """

    def __init__(self, max_head_bytes: int, *, preface: bool) -> None:
        self._max_head_bytes = max_head_bytes
        self._passing = len(PREFACE) if preface else 0
        """How many bytes of the present frame are still to come."""
        self._head = b""
        self._goaway: bytearray | None = None
        self._in_head_bytes = 0
        self._resets = Allowance(*RESETS)
        self._controls = Allowance(*CONTROLS)
        self._settings = Allowance(*SETTINGS)
        self._ends_head = False
        self.last_id: int | None = None
        """The last stream that a peer who goes away will look at."""

    @property
    def in_head(self) -> bool:
        """Whether a head began and has not ended."""
        return self._in_head_bytes > 0

    def feed(self, data: bytes, now: float) -> bytes:
        """Take bytes; return those that are for the library.

        Raises:
            ProtocolError: Something is too long, or comes too often.
        """
        passed: list[bytes] = []
        position = 0
        while position < len(data):
            if self._passing:
                end = min(len(data), position + self._passing)
                self._pass(data[position:end], passed)
                position = end
                continue
            end = position + _FRAME_HEAD - len(self._head)
            self._head += data[position:end]
            position = end
            if len(self._head) == _FRAME_HEAD:
                head, self._head = self._head, b""
                self._begin(head, now, passed)
        return b"".join(passed)

    def reset(self, now: float) -> None:
        """Count a stream that ended because the peer broke a rule.

        Raises:
            DenialOfServiceError: There were too many.
        """
        self._resets.spend(now)

    def _begin(self, head: bytes, now: float, passed: list[bytes]) -> None:
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        if length > MAX_FRAME_BYTES:
            raise FrameTooLargeError(f"a frame has at most {MAX_FRAME_BYTES} bytes")
        self._passing = length
        if kind in {_HEADERS, _CONTINUATION, _PUSH_PROMISE}:
            self._count_head(kind, flags, length, now)
        elif kind == _GOAWAY:
            if length < _GOAWAY_BYTES or int.from_bytes(head[5:]):
                raise FrameDataMissingError("GOAWAY says which stream is the last, and is of none itself")
            self._controls.spend(now)
            self._goaway = bytearray()
            return
        elif kind != _WINDOW_UPDATE and not (kind == _DATA and (length or flags & _END_STREAM)):
            self._count_idle(kind, length, now)
        passed.append(head)

    def _count_idle(self, kind: int, length: int, now: float) -> None:
        if kind == _RST_STREAM:
            self._resets.spend(now)
        elif kind == _SETTINGS:
            self._settings.spend(now)
            if length > _MAX_SETTINGS_BYTES:
                raise DenialOfServiceError("more settings than there are")
        else:
            self._controls.spend(now)

    def _count_head(self, kind: int, flags: int, length: int, now: float) -> None:
        if kind == _CONTINUATION:
            self._controls.spend(now)
        # One more than it has, so that an empty frame begins a head too.
        self._in_head_bytes += length + 1
        if self._in_head_bytes > self._max_head_bytes:
            raise DenialOfServiceError(f"a head has at most {self._max_head_bytes} bytes")
        self._ends_head = bool(flags & _END_HEADERS)
        if self._ends_head and not length:
            self._in_head_bytes = 0

    def _pass(self, data: bytes, passed: list[bytes]) -> None:
        self._passing -= len(data)
        if self._goaway is not None:
            self._goaway += data
            if not self._passing:
                self.last_id = int.from_bytes(self._goaway[:4]) & _STREAM_ID
                self._goaway = None
            return
        passed.append(data)
        if not self._passing and self._ends_head:
            self._in_head_bytes, self._ends_head = 0, False
