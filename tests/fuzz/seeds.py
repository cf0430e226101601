# SPDX-License-Identifier: Apache-2.0
"""Where fuzzing begins: for each target bytes that it takes, and some that it almost takes."""

import gzip
import zlib

import brotli

from smartagent.gateway.websocket import frame
from tests.fuzz.targets import SECRET, START
from tests.unit.gateway.corpus import BAD_CHUNKS, SMUGGLING

_FIELDS = (
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close, x\r\nX-A: 1\r\nx-a: 2\r\n",
    b"Expect: 100-continue\r\nContent-Length: 1\r\n",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
)
_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"
_TEXT = b"before " + SECRET + b" after " + SECRET.hex().encode() + SECRET[:5]
_PACKED = (gzip.compress(_TEXT, mtime=0), zlib.compress(_TEXT), brotli.compress(_TEXT))
_HELLO = b"\x05\x01\x02\x01\x01a\x05token\x05\x01\x00\x03\x0bapi.example\x01\xbb"

SEEDS = {
    "request_head": [START, *(START + each for each in _FIELDS), *(raw.partition(b"\r\n\r\n")[0] + b"\r\n" for raw in SMUGGLING)],
    "response_head": [_OK, *(_OK + each for each in _FIELDS), b"HTTP/1.0 304 x\r\nSet-Cookie: a\r\n"],
    "body": [b"\x01" + each for each in (_CHUNKED, *BAD_CHUNKS)] + [b"\x02hello"],
    "frames": [
        frame(1, _TEXT, fin=True) + frame(9, b"", fin=True),
        frame(1, _TEXT[:9], fin=False) + frame(10, b"x", fin=True) + frame(0, _TEXT[9:], fin=True),
        frame(2, bytes(300), fin=True),
    ],
    "greeting": [_HELLO, b"\x05\x02\x00\x01", _HELLO.replace(b"\x03\x0b", b"\x01\x04")],
    "connect": [b"api.example:443", b"[::1]:443", b"127.0.0.1:80", b"a..b:1", b"A-b.c"],
    "scrubber": [_TEXT, SECRET * 3, SECRET[:7] + SECRET, SECRET.hex().encode()],
    "decoder": [bytes((number,)) + packed for number, packed in enumerate(_PACKED)],
    "reply": [
        _OK + b"Content-Length: %d\r\n\r\n" % len(_TEXT) + _TEXT,
        _OK + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKED,
        _OK + b"X: " + _TEXT + b"\r\n\r\n" + _TEXT,
        b"HTTP/1.1 103 Early\r\n\r\n" + _OK + b"Content-Length: 0\r\n\r\n",
        *(_OK + b"Content-Encoding: %b\r\n\r\n" % name + packed for name, packed in zip((b"gzip", b"deflate", b"br"), _PACKED, strict=True)),
    ],
}  # fmt: skip
