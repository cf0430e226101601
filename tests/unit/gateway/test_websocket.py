# SPDX-License-Identifier: Apache-2.0
"""Frames from an upstream, however they are cut and fragmented: the messages stay, the secret does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest
from smartagent.gateway import UpgradeUnsupported, UpstreamMalformed
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.variants import Variants
from smartagent.gateway.websocket import Frames, check_accepted, check_handshake, frame
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import SECRET

VARIANTS = Variants((Secret(SECRET),))
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ASKED = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


def read(raw):
    """Read frames; return messages as (opcode, payload), control frames among them, and what is left."""
    messages, parts, first = [], [], 0
    while len(raw) >= 2:
        size, at = raw[1], 2
        if size == 126:
            size, at = int.from_bytes(raw[2:4]), 4
        elif size == 127:
            size, at = int.from_bytes(raw[2:10]), 10
        if len(raw) < at + size:
            break
        flags, payload, raw = raw[0], raw[at : at + size], raw[at + size :]
        opcode = flags & 15
        if opcode >= 8:
            messages.append((opcode, payload))
            continue
        first = opcode or first
        parts.append(payload)
        if flags & 0x80:
            messages.append((first, b"".join(parts)))
            parts = []
    return messages, raw


WORDS = st.one_of(st.just(SECRET), st.binary(max_size=20), st.just(SECRET[:7]), st.just(b"x" * 200))
MESSAGE = st.tuples(st.sampled_from([1, 2]), st.lists(WORDS, max_size=4).map(b"".join), st.integers(1, 5))
CONTROL = st.tuples(st.sampled_from([8, 9, 10]), st.binary(max_size=100) | st.just(SECRET), st.just(0))


@given(st.lists(MESSAGE | CONTROL, max_size=6), st.data())
def test_messages_stay_as_they_are_but_for_the_secret(messages, data):
    raw, expected = b"", []
    for opcode, payload, fragments in messages:
        expected.append((opcode, payload.replace(SECRET, b"*" * len(SECRET))))
        if not fragments:
            raw += frame(opcode, payload, fin=True)
            continue
        size = -(-len(payload) // fragments) or 1
        cut = [payload[at : at + size] for at in range(0, max(len(payload), 1), size)]
        for number, piece in enumerate(cut):
            raw += frame(opcode if number == 0 else 0, piece, fin=number == len(cut) - 1)
    frames, out = Frames(VARIANTS), b""
    while raw:
        size = data.draw(st.integers(1, max(1, len(raw))))
        out += frames.feed(raw[:size])
        raw = raw[size:]
    came, rest = read(out)
    assert rest == b""
    assert SECRET not in out
    # A shorter run may be masked too where it is another form of the secret; lengths are always true.
    assert [(opcode, len(payload)) for opcode, payload in came] == [
        (opcode, len(payload)) for opcode, payload in expected
    ]
    assert came == expected


def test_the_end_of_a_message_leaves_at_once_although_more_could_be_a_secret():
    frames = Frames(VARIANTS)
    text = b"ends in " + SECRET[:5]
    assert frames.feed(frame(1, text, fin=True)) == frame(1, text, fin=True)


def test_a_secret_over_fragments_with_a_ping_between_is_found():
    frames = Frames(VARIANTS)
    raw = (
        frame(1, b"a" + SECRET[:9], fin=False)
        + frame(9, b"", fin=True)
        + frame(0, SECRET[9:] + b"b", fin=True)
    )
    messages, _ = read(frames.feed(raw))
    assert sorted(messages) == [(1, b"a" + b"*" * len(SECRET) + b"b"), (9, b"")]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xc1\x00",
        b"\x81\x80",
        b"\x83\x00",
        b"\x80\x00",
        b"\x09\x00",
        b"\x89\x7e\x00\xff",
        b"\x82\x7f" + b"\xff" * 8,
        b"\x01\x00\x81\x00",
    ],
    ids=[
        "reserved",
        "masked",
        "unknown",
        "a continuation of nothing",
        "a cut ping",
        "a long ping",
        "huge",
        "nested",
    ],
)
def test_what_no_server_sends_is_refused(raw):
    with pytest.raises(UpstreamMalformed):
        Frames(VARIANTS).feed(raw)


def test_a_handshake_is_told_from_other_upgrades():
    assert check_handshake(ASKED)
    assert not check_handshake({})
    assert not check_handshake({"upgrade": "h2c"})
    with pytest.raises(UpgradeUnsupported):
        check_handshake(ASKED | {"upgrade": "tls/1.0"})


@pytest.mark.parametrize(
    "change",
    [
        {"connection": "keep-alive"},
        {"sec-websocket-version": "8"},
        {"sec-websocket-key": "short"},
        {"sec-websocket-key": KEY[:-1]},
        {"content-length": "0"},
        {"transfer-encoding": "chunked"},
    ],
)
def test_a_handshake_that_is_none_is_refused(change):
    with pytest.raises(MalformedRequest):
        check_handshake(ASKED | change)


def test_only_get_asks_for_a_websocket():
    fields = b"".join(f"{name}: {value}\r\n".encode() for name, value in ASKED.items())
    assert parse_request_head(b"GET /a HTTP/1.1\r\nHost: a\r\n" + fields).websocket
    for line in (b"POST /a HTTP/1.1", b"GET /a HTTP/1.0"):
        with pytest.raises(MalformedRequest):
            parse_request_head(line + b"\r\nHost: a\r\n" + fields)


@pytest.mark.parametrize(
    ("answered", "lines"),
    [
        ({"upgrade": "websocket"}, ["Sec-WebSocket-Accept: wrong"]),
        ({"upgrade": "websocket"}, []),
        ({"upgrade": "h2c"}, [f"Sec-WebSocket-Accept: {ACCEPT}"]),
        (
            {"upgrade": "websocket"},
            [f"Sec-WebSocket-Accept: {ACCEPT}", "Sec-WebSocket-Extensions: permessage-deflate"],
        ),
    ],
)
def test_an_upstream_that_switches_to_something_else_is_refused(answered, lines):
    check_accepted(ASKED, {"upgrade": "WebSocket"}, [f"sec-websocket-accept: {ACCEPT}"])
    with pytest.raises(UpstreamMalformed):
        check_accepted(ASKED, answered, lines)
