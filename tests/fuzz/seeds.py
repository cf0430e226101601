# SPDX-License-Identifier: Apache-2.0
"""Where fuzzing begins: for each target bytes that it takes, and some that it almost takes."""

import gzip
import zlib

import brotli
from h2.config import H2Configuration
from h2.connection import H2Connection

from smartagent.gateway.http2_frames import PREFACE
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


def _http2():
    """Return what a client says after the preface, and its fields as the targets take them."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    fields = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/a"), ("x-a", "b")]
    client.send_headers(1, fields)
    client.send_data(1, b"hello", end_stream=True)
    client.ping(bytes(8))
    client.reset_stream(1)
    client.close_connection()
    said = client.data_to_send().removeprefix(PREFACE)
    return said, b"\n".join(f"{name}\0{value}".encode() for name, value in fields)


_SAID, _FIELDS_2 = _http2()

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
    "http2_fields": [_FIELDS_2, _FIELDS_2 + b"\nte\0trailers\ncontent-length\0" + b"5", _FIELDS_2 + b"\nhost\0a"],
    "http2_frames": [_SAID, _SAID[:60], bytes((0, 0, 8, 7, 0, 0, 0, 0, 0)) + bytes(8)],
    "http2": [_SAID, _SAID[:60], _SAID[9:]],
    "reply": [
        _OK + b"Content-Length: %d\r\n\r\n" % len(_TEXT) + _TEXT,
        _OK + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNKED,
        _OK + b"X: " + _TEXT + b"\r\n\r\n" + _TEXT,
        b"HTTP/1.1 103 Early\r\n\r\n" + _OK + b"Content-Length: 0\r\n\r\n",
        *(_OK + b"Content-Encoding: %b\r\n\r\n" % name + packed for name, packed in zip((b"gzip", b"deflate", b"br"), _PACKED, strict=True)),
    ],
}  # fmt: skip
