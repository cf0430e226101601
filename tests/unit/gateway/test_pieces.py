# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer's targets promise, with bytes that are nearly right: in pieces the same as whole, and no secret."""

import gzip
import zlib

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest
from smartagent.gateway.body import LAST_CHUNK, chunk
from smartagent.gateway.head import check_unfinished, parse_request_head
from smartagent.gateway.websocket import frame
from tests.fuzz import targets
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import SECRET

CUTS = st.lists(st.integers(0, 1000), max_size=6)
NAMES = st.sampled_from(
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "X-A", "x_a"]
)
VALUES = st.sampled_from(
    [
        "a",
        "5",
        "0",
        "chunked",
        "close",
        "keep-alive, x",
        "websocket",
        "h2c",
        "100-continue",
        "",
        "5, 5",
        "\xff",
        "a\tb",
    ]
)
GLUE = st.sampled_from([": ", ":", " :", ":\t", ":\r\n "])
ENDS = st.sampled_from(["\r\n"] * 9 + ["\n"])
FIELDS = st.lists(st.tuples(NAMES, GLUE, VALUES, ENDS).map("".join), max_size=5).map("".join)
METHODS = st.sampled_from(["GET", "POST", "HEAD", "CONNECT", "TRACE", "get", "M-SEARCH"])
FORMS = st.sampled_from(["/a", "/", "http://a/b", "a:443", "*", "/a?b=c", "//a", "/a b"])
REQUESTS = st.builds("{} {} HTTP/1.{}\r\n{}".format, METHODS, FORMS, st.sampled_from([0, 1, 2]), FIELDS)
STATUS = st.sampled_from([100, 103, 200, 204, 304, 404, 999])
RESPONSES = st.builds("HTTP/1.{} {} x\r\n{}".format, st.sampled_from([0, 1]), STATUS, FIELDS)
WORDS = st.lists(
    st.one_of(st.just(SECRET), st.just(SECRET[:5]), st.just(SECRET.hex().encode()), st.binary(max_size=9)),
    max_size=8,
).map(b"".join)


@given(REQUESTS, CUTS)
def test_requests_mean_one_thing_or_are_refused(text, cuts):
    targets.request_head(text.encode("latin-1"), cuts)


@given(RESPONSES, CUTS)
def test_responses_mean_one_thing_or_are_refused(text, cuts):
    targets.response_head(text.encode("latin-1"), cuts)


@given(REQUESTS)
def test_a_head_that_is_refused_early_would_be_refused_whole(text):
    raw = text.encode("latin-1")
    try:
        check_unfinished(raw)
    except MalformedRequest:
        with pytest.raises(targets.SmartAgentError):
            parse_request_head(raw)


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=5),
    st.binary(max_size=9),
    st.binary(max_size=3),
    CUTS,
)
def test_chunked_bodies_that_are_right_or_have_a_stranger_in_them(parts, after, stranger, cuts):
    raw = b"".join(map(chunk, parts)) + LAST_CHUNK + after
    at = cuts[0] % len(raw) if cuts else 0
    targets.body(b"\x01" + raw[:at] + stranger + raw[at:], cuts)


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), WORDS, st.booleans()), max_size=6),
    st.binary(max_size=4),
    CUTS,
)
def test_frames_are_the_same_messages_however_cut(parts, stranger, cuts):
    targets.frames(b"".join(frame(kind, data[:125], fin=fin) for kind, data, fin in parts) + stranger, cuts)


@given(st.sampled_from(SEEDS["greeting"]), st.binary(max_size=2), CUTS)
def test_greetings_ask_for_the_same_however_cut(hello, stranger, cuts):
    at = cuts[0] % (len(hello) + 1) if cuts else 0
    targets.greeting(hello[:at] + stranger + hello[at + len(stranger) :], cuts)


@given(st.text("aA0.-:[]/@%_ \x7f\xe9", max_size=12), st.sampled_from(["", ":443", ":0", ":65536", ":+1"]))
def test_places_are_names_and_ports_or_refused(host, port):
    targets.connect(f"{host}{port}".encode("latin-1"), [])


@given(WORDS, CUTS)
@settings(max_examples=300)
def test_scrubbing_in_pieces_is_scrubbing_whole(raw, cuts):
    targets.scrubber(raw, cuts)


PACK = {
    0: lambda data: gzip.compress(data, mtime=0),
    1: zlib.compress,
    2: brotli.compress,
}


@given(st.sampled_from(sorted(PACK)), WORDS, st.binary(max_size=2), CUTS)
def test_decoding_in_pieces_is_decoding_whole(kind, data, stranger, cuts):
    packed = PACK[kind](data)
    at = cuts[0] % len(packed) if cuts else 0
    targets.decoder(bytes((kind,)) + packed[:at] + stranger + packed[at:], cuts)


CODINGS = {b"": bytes, b"gzip": PACK[0], b"deflate": PACK[1], b"br": PACK[2]}


@given(st.sampled_from(sorted(CODINGS)), st.sampled_from(["length", "chunks", "close"]), WORDS, WORDS, CUTS)
@settings(max_examples=300)
def test_answers_are_decoded_and_scrubbed_the_same_however_they_come(coding, framing, data, value, cuts):
    body = CODINGS[coding](data)
    shown = value.translate(None, bytes(range(32)) + b"\x7f")
    lines = [b"HTTP/1.1 200 OK", b"X-A: " + shown, *([b"Content-Encoding: " + coding] if coding else [])]
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
        body = (chunk(body) if body else b"") + LAST_CHUNK
    raw = b"\r\n".join([*lines, b"", body])
    targets.reply(raw, cuts)
    whole = targets._answered(targets.GET, [raw])
    assert whole is not None
    assert whole[1] == targets.scrub(data, targets.VARIANTS)


@pytest.mark.parametrize("target", sorted(targets.TARGETS))
def test_the_fuzzers_seeds_hold(target):
    for seed in SEEDS[target]:
        targets.TARGETS[target](seed, [len(seed) // 2, 1])
