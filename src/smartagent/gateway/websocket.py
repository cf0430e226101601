# SPDX-License-Identifier: Apache-2.0
"""WebSockets: the handshake's checks, and an upstream's frames on their way to the agent, scrubbed.

What the agent sends passes as it is, and is read for what may not leave.  What the upstream sends is read frame by frame, because a secret may be split
over the fragments of a message: whole messages keep their frames, fragmented ones are framed anew as far as they may
leave.  Extensions are never negotiated, so what is in a frame is what was said.

Spec: RFC 6455 sections 4.2.2, 5.2, 5.4 and 5.5.
"""

import base64
import hashlib
import re
from typing import Final

from smartagent.edge import MalformedRequest
from smartagent.gateway.errors import UpgradeUnsupported, UpstreamMalformed
from smartagent.gateway.scrub import Scrubber, scrub
from smartagent.gateway.variants import Variants

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")
_VERSION: Final = "13"
_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_CONTINUATION: Final = 0
_DATA: Final = frozenset({1, 2})
_CONTROL: Final = frozenset({8, 9, 10})
_MAX_CONTROL: Final = 125
_SHORT: Final = 126
_LONG: Final = 127
_KEY_BYTES: Final = 4


def check_handshake(fields: dict[str, str]) -> bool:
    """Say whether a head asks for a WebSocket.

    Raises:
        UpgradeUnsupported: It asks for another protocol.
        MalformedRequest: It asks for a WebSocket, but not as it is done.
    """
    wanted = fields.get("upgrade", "").strip().lower()
    # Clients that would like HTTP/2 say so on every first request and live with being ignored (RFC 9110 section 7.8).
    if wanted in {"", "h2c"}:
        return False
    if wanted != "websocket":
        raise UpgradeUnsupported("this gateway forwards HTTP and WebSockets only")
    asks = "upgrade" in {token.strip() for token in fields.get("connection", "").lower().split(",")}
    if not asks or fields.get("sec-websocket-version") != _VERSION:
        raise MalformedRequest("a WebSocket is asked for with Connection: Upgrade and version 13")
    if not _KEY.fullmatch(fields.get("sec-websocket-key", "")):
        raise MalformedRequest("Sec-WebSocket-Key is 16 bytes in base64")
    if "content-length" in fields or "transfer-encoding" in fields:
        raise MalformedRequest("a WebSocket is asked for without a body")
    return True


def check_accepted(asked: dict[str, str], answered: dict[str, str], lines: list[str]) -> None:
    """Make sure that an upstream has switched as it was asked to.

    Raises:
        UpstreamMalformed: It has not, or has agreed to what was not asked for.
    """
    said = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    digest = hashlib.sha1(asked["sec-websocket-key"].encode() + _GUID, usedforsecurity=False).digest()
    accepted = said.get("sec-websocket-accept", "") == base64.b64encode(digest).decode()
    if not accepted or answered.get("upgrade", "").strip().lower() != "websocket":
        raise UpstreamMalformed("the upstream did not accept the WebSocket as it is done")
    if "sec-websocket-extensions" in said:
        raise UpstreamMalformed("the upstream agreed to extensions that nobody asked for")


class Frames:
    """Scrubs what an upstream sends."""

    __slots__ = ("_control", "_fin", "_fragmented", "_head", "_left", "_opcode", "_scrubber", "_variants")

    def __init__(self, variants: Variants) -> None:
        self._variants = variants
        self._head = b""
        self._left = -1
        """Bytes of the frame's payload that are still to come; -1: its head is."""
        self._control: bytes | None = None
        """A control frame's payload so far, while there is one."""
        self._fin = False
        self._fragmented = False
        self._opcode = 0
        self._scrubber = Scrubber(variants)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what goes to the agent.

        Raises:
            UpstreamMalformed: They are not frames as a server sends them.
        """
        out = []
        while True:
            if self._left < 0:
                data = self._take_head(data)
                if self._left < 0:
                    break
                if self._control is None and not self._fragmented:
                    out.append(self._head)
            taken, data = data[: self._left], data[self._left :]
            if self._left and not taken:
                break
            self._left -= len(taken)
            out.append(self._payload(taken))
            if self._left == 0:
                self._left, self._head = -1, b""
        return b"".join(out)

    def _take_head(self, data: bytes) -> bytes:
        head = self._head + data
        if len(head) < 2:  # noqa: PLR2004 -- flags and length
            self._head = head
            return b""
        length, size = head[1] & ~_MASKED, 2
        more = {_SHORT: 2, _LONG: 8}.get(length, 0)
        if more:
            size += more
            if len(head) < size:
                self._head = head
                return b""
            length = int.from_bytes(head[2:size])
        self._begin(head[0], length, masked=bool(head[1] & _MASKED))
        self._head, self._left = head[:size], length
        return head[size:]

    def _begin(self, flags: int, length: int, *, masked: bool) -> None:
        opcode, fin = flags & 0x0F, bool(flags & _FIN)
        if flags & _RESERVED or masked or length >= 1 << 63:
            raise UpstreamMalformed("a frame is not one that a server sends")
        if opcode in _CONTROL:
            if not fin or length > _MAX_CONTROL:
                raise UpstreamMalformed("a control frame is whole and short")
            self._control = b""
            return
        if (opcode in _DATA) == self._fragmented or opcode not in _DATA | {_CONTINUATION}:
            raise UpstreamMalformed("a message's fragments are out of order")
        self._fin = fin
        if opcode != _CONTINUATION:
            self._opcode, self._fragmented = opcode, not fin
            self._scrubber = Scrubber(self._variants)

    def _payload(self, taken: bytes) -> bytes:
        ends = self._left == 0
        if self._control is not None:
            return self._of_control(taken, ends=ends)
        if not self._fragmented:
            return self._scrubber.finish(taken) if ends else self._scrubber.feed(taken)
        last = ends and self._fin
        piece = self._scrubber.finish(taken) if last else self._scrubber.feed(taken)
        if not piece and not last:
            return b""
        framed = frame(self._opcode, piece, fin=last)
        self._opcode = _CONTINUATION
        self._fragmented = not last
        return framed

    def _of_control(self, taken: bytes, *, ends: bool) -> bytes:
        self._control = (self._control or b"") + taken
        if not ends:
            return b""
        payload, self._control = self._control, None
        return self._head + scrub(payload, self._variants)


class Spoken:
    """Reads what an agent sends: its frames go on as they are, and what they say comes out without its masks."""

    __slots__ = ("_control", "_head", "_key", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        """Bytes of the frame's payload that are still to come; 0: a head is."""
        self._key = b""
        self._control: bytes | None = None

    def feed(self, data: bytes) -> tuple[bytes, list[bytes]]:
        """Take the next bytes; return what they say in messages, and in control frames that are whole.

        Raises:
            MalformedRequest: They are not frames as a client sends them (RFC 6455 section 5.1).
        """
        said, controls = [], []
        while data:
            if not self._left:
                data = self._take_head(data)
            taken, data = data[: self._left], data[self._left :]
            self._left -= len(taken)
            if self._control is None:
                said.append(self._unmasked(taken))
            else:
                self._control += self._unmasked(taken)
                if not self._left:
                    controls.append(self._control)
                    self._control = None
        return b"".join(said), controls

    def _take_head(self, data: bytes) -> bytes:
        head = self._head + data
        self._head = b""
        more = {_SHORT: 2, _LONG: 8}.get(head[1] & ~_MASKED, 0) if len(head) > 1 else 0
        size = 2 + more + _KEY_BYTES
        if len(head) < size:
            self._head = head
            return b""
        if head[0] & _RESERVED or not head[1] & _MASKED:
            raise MalformedRequest("a client's frames are masked, and have no extensions")
        self._left = int.from_bytes(head[2 : 2 + more]) if more else head[1] & ~_MASKED
        self._key = head[2 + more : size]
        if head[0] & 0x0F in _CONTROL:
            if self._left > _MAX_CONTROL:
                raise MalformedRequest("a control frame is short")
            self._control = b"" if self._left else None
        return head[size:]

    def _unmasked(self, masked: bytes) -> bytes:
        if not masked:
            return b""
        size, key = len(masked), self._key
        mask = (key * (size // _KEY_BYTES + 1))[:size]
        turned = size % _KEY_BYTES
        self._key = key[turned:] + key[:turned]
        return (int.from_bytes(masked) ^ int.from_bytes(mask)).to_bytes(size)


def frame(opcode: int, payload: bytes, *, fin: bool) -> bytes:
    """Return a frame as a server sends it."""
    flags = (_FIN if fin else 0) | opcode
    size = len(payload)
    if size < _SHORT:
        return bytes((flags, size)) + payload
    if size < 1 << 16:
        return bytes((flags, _SHORT)) + size.to_bytes(2) + payload
    return bytes((flags, _LONG)) + size.to_bytes(8) + payload
