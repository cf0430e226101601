# SPDX-License-Identifier: Apache-2.0
"""What holds for any bytes at all: only declared errors, and the same in pieces as whole.

Each target takes bytes and where to cut them.  libFuzzer finds the bytes in `run.py`, Hypothesis in
tests/unit/gateway/test_pieces.py.
"""

import asyncio
import contextlib
import re
import zlib
from itertools import pairwise

import brotli
from h2.exceptions import ProtocolError

from smartagent.edge import MalformedRequest
from smartagent.gateway import socks
from smartagent.gateway.body import ChunkedReader, reader_for
from smartagent.gateway.decode import PIECE_BYTES, decoder_for
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.forward import place_of, plain_place, token_of
from smartagent.gateway.head import (
    CHUNKED,
    UNTIL_CLOSE,
    check_unfinished,
    parse_request_head,
    parse_response_head,
)
from smartagent.gateway.http2_agent import Http2Connection
from smartagent.gateway.http2_fields import request_head as http2_request_head
from smartagent.gateway.http2_frames import PREFACE, FrameGuard
from smartagent.gateway.reply import ReplyStream
from smartagent.gateway.scrub import Scrubber, scrub
from smartagent.gateway.settings import GatewaySettings
from smartagent.gateway.variants import Variants
from smartagent.gateway.websocket import Frames
from smartagent.kernel import Secret, SmartAgentError
from tests.unit.gateway.test_websocket import read as messages_of

SECRET = b"abcabd-ab"
VARIANTS = Variants([Secret(SECRET)])
START = b"GET /a HTTP/1.1\r\nHost: a\r\n"
GET = parse_request_head(START)
HEAD = parse_request_head(b"HEAD /a HTTP/1.1\r\nHost: a\r\n")
OLD = parse_request_head(b"GET /a HTTP/1.0\r\n")
_NAME = re.compile(r"[^\x00-\x20:\x7f-\xff]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


def pieces(raw, cuts):
    """Return `raw` cut at `cuts`."""
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    return [raw[begin:end] for begin, end in pairwise(edges)]


def request_head(raw, cuts):
    try:
        head = parse_request_head(raw)
    except SmartAgentError:
        return
    # What came before on the connection changes nothing, and neither does being the same again.
    for known in (GET, OLD, head):
        again = parse_request_head(raw, known)
        assert (again.pairs, again.fields, again.body) == (head.pairs, head.fields, head.body)
        assert (again.method, again.target, again.keep_alive) == (head.method, head.target, head.keep_alive)
    assert head.body >= CHUNKED
    assert not ("content-length" in head.fields and "transfer-encoding" in head.fields)
    assert not re.search(r"[\x00-\x20\x7f-\xff]", head.method + head.target)
    for name, value in head.pairs:
        assert _NAME.fullmatch(name)
        assert not re.search(r"[\r\n\0]", value)
    for cut in cuts:
        check_unfinished(raw[: cut % (len(raw) + 1)])


def response_head(raw, cuts):
    for method in ("GET", "HEAD"):
        try:
            head = parse_response_head(raw, method)
        except UpstreamMalformed:
            continue
        assert head.body >= UNTIL_CLOSE
        assert 100 <= head.status <= 999
        assert not any(re.search(r"[\r\n\0]", line) for line in head.lines)
        assert not (head.keep_alive and head.body == UNTIL_CLOSE)


def _fed(reader, parts):
    out = b""
    for number, part in enumerate(parts):
        out += reader.feed(part)
        if reader.done:
            return out, reader.rest + b"".join(parts[number + 1 :])
    return out, None


def body(raw, cuts):
    kind = CHUNKED if not raw[:1] or raw[0] & 1 else raw[0] + 2
    found = []
    for parts in ([raw[1:]], pieces(raw[1:], cuts), [raw[at : at + 1] for at in range(1, len(raw))]):
        try:
            found.append(_fed(reader_for(kind), parts))
        except MalformedRequest:
            found.append("malformed")
    assert found[0] == found[1] == found[2]


def frames(raw, cuts):
    found = []
    for parts in ([raw], pieces(raw, cuts)):
        reader, out = Frames(VARIANTS), b""
        try:
            for part in parts:
                out += reader.feed(part)
            found.append(messages_of(out)[0])
        except UpstreamMalformed:
            found.append(None)
    assert found[0] == found[1]
    assert not any(SECRET in payload for _, payload in found[0] or ())


def greeting(raw, cuts):
    found = []
    for parts in ([raw], pieces(raw, cuts)):
        hello, said, left = socks.Greeting(), b"", b""
        try:
            for part in parts:
                answer, left = hello.feed(left + part)
                said += answer
            target = hello.head.target if hello.head is not None else None
            found.append((said, target, left))
        except socks.Refused as refused:
            found.append((refused.answer,))
            continue
        if hello.head is not None:
            _asked_for(hello.head)
    assert found[0] == found[1]


def connect(raw, cuts):
    text = raw.decode("latin-1")
    for head in (
        f"CONNECT {text} HTTP/1.1\r\nHost: {text}\r\n",
        f"GET http://{text}/x HTTP/1.1\r\nHost: {text}\r\n",
    ):
        try:
            parsed = parse_request_head(head.encode("latin-1"))
        except SmartAgentError:
            continue
        _asked_for(parsed)


def _asked_for(head):
    with contextlib.suppress(SmartAgentError):
        token_of(head)
    try:
        place = place_of(head) if head.method == "CONNECT" else plain_place(head.authority)
    except SmartAgentError:
        return
    assert _HOST.fullmatch(place.host)
    assert 0 < place.port < 65_536


def scrubber(raw, cuts):
    one = Scrubber(VARIANTS)
    out = b"".join(one.feed(part) for part in pieces(raw, cuts)) + one.finish()
    assert out == scrub(raw, VARIANTS)
    assert SECRET not in out
    assert len(out) == len(raw)
    # The plain form against the plainest way to say it.
    plain = bytearray(raw)
    at = raw.find(SECRET)
    while at >= 0:
        plain[at : at + len(SECRET)] = b"*" * len(SECRET)
        at = raw.find(SECRET, at + 1)
    assert all(ours in (theirs, ord("*")) for ours, theirs in zip(out, plain, strict=True))


_CODINGS = ("gzip", "deflate", "br")


def _decoded(coding, parts):
    decoder, out = decoder_for(coding), b""
    for part in parts:
        decoder.feed(part)
        while piece := decoder.piece():
            assert len(piece) <= 4 * PIECE_BYTES
            out += piece
    return out, decoder.whole()


def decoder(raw, cuts):
    coding = _CODINGS[(raw[0] if raw else 0) % 3]
    found = []
    for parts in ([raw[1:]], pieces(raw[1:], cuts)):
        try:
            found.append(_decoded(coding, parts))
        except UpstreamMalformed:
            found.append((None, False))
    assert found[0] == found[1]
    if found[0][1] and raw[1:]:
        assert found[0][0] == _plainly(coding, raw[1:])


def _plainly(coding, raw):
    if coding == "br":
        return brotli.decompress(raw)
    if coding == "deflate":
        framed = raw[0] & 15 == 8 and int.from_bytes(raw[:2]) % 31 == 0
        return zlib.decompress(raw, zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
    out = b""
    while raw:
        member = zlib.decompressobj(31)
        out, raw = out + member.decompress(raw), member.unused_data
    return out


def _answered(request, parts):
    """Return what the agent gets: its head, and its body without framing; None where it is cut."""
    stream, out = ReplyStream(request, VARIANTS, 4096), b""
    try:
        for part in parts:
            out += stream.feed(part, request_done=True)
            while stream.waiting and not stream.over:
                out += stream.more()
            if stream.over:
                break
        rest = b"" if stream.over else stream.end()
        while rest is not None and stream.waiting and not stream.over:
            rest += stream.more()
    except UpstreamMalformed:
        return None
    if rest is None or not stream.over:
        return None
    head, _, raw = (out + rest).partition(b"\r\n\r\n")
    if b"\r\ntransfer-encoding: chunked" not in head:
        return head, raw
    reader = ChunkedReader()
    sent = reader.feed(raw)
    assert reader.done
    assert reader.rest == b""
    return head, sent


def reply(raw, cuts):
    for request in (GET, HEAD, OLD):
        whole = _answered(request, [raw])
        assert whole == _answered(request, pieces(raw, cuts))
        if whole is not None:
            assert SECRET not in whole[0]
            assert SECRET not in whole[1]
            assert whole[0].count(b"HTTP/1.1 ") >= 1


def _fields(raw):
    return [tuple((field + b"\0").split(b"\0")[:2]) for field in raw.split(b"\n")]


def http2_fields(raw, cuts):
    try:
        head = http2_request_head(_fields(raw), ended=bool(len(cuts) % 2))
    except SmartAgentError:
        return
    # What is made of them, HTTP/1.1 reads as one head, with one host and nothing of another hop.
    assert head.old
    assert _NAME.fullmatch(head.method)
    assert head.target.startswith("/")
    assert not re.search(r"[\x00-\x20\x7f-\xff]", head.target)
    assert [name for name, _ in head.pairs].count("host") == 1
    assert not {"connection", "upgrade"} & head.fields.keys()
    for name, value in head.pairs:
        assert _NAME.fullmatch(name)
        assert not re.search(r"[\r\n\0]", value)


def http2_frames(raw, cuts):
    found = []
    for parts in ([raw], pieces(raw, cuts)):
        guard, out = FrameGuard(1000, preface=False), b""
        try:
            for part in parts:
                out += guard.feed(part, 0.0)
            found.append((out, guard.last_id, guard.in_head))
        except ProtocolError:
            found.append(None)
    assert found[0] == found[1]


class _Link(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.sent = b""
        self.closing = False

    def write(self, data):
        self.sent += data

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def pause_reading(self):
        pass

    resume_reading = pause_reading

    def set_write_buffer_limits(self, high=None, low=None):
        pass


class _House:
    """Refuses every request, as soon as it has come."""

    settings = GatewaySettings()
    tick = 0.0
    draining = False

    def __init__(self):
        self.asked = []

    def start(self, exchange):
        self.asked.append(exchange)
        exchange.fail(MalformedRequest("fuzzed"))
        return LOOP.create_future()

    def explain(self, error, exchange, *, close):
        return b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno"

    def explain_broken(self, error):
        return self.explain(error, None, close=True)

    def ended(self, exchange, outcome):
        pass

    def lost(self, connection):
        pass


async def _spoken_to(parts):
    house, link = _House(), _Link()
    connection = Http2Connection(house, None, "")
    connection.connection_made(link)
    for part in parts:
        if link.closing:
            break
        connection.data_received(part)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    connection.sweep(1000.0)
    connection.connection_lost(None)
    assert all(exchange.is_over for exchange in house.asked)


def http2(raw, cuts):
    """An agent that speaks HTTP/2 as it likes.  Whatever it says, nothing breaks, and no call is left open."""
    broken = []
    LOOP.set_exception_handler(lambda _, context: broken.append(context))
    LOOP.run_until_complete(_spoken_to(pieces(PREFACE + raw, cuts)))
    assert broken == []


LOOP = asyncio.new_event_loop()

TARGETS = {
    each.__name__: each
    for each in (
        *(request_head, response_head, body, frames, greeting, connect, scrubber, decoder, reply),
        *(http2_fields, http2_frames, http2),
    )
}
