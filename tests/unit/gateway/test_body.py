# SPDX-License-Identifier: Apache-2.0
"""Where a body ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest
from smartagent.gateway.body import LAST_CHUNK, ChunkedReader, CloseReader, LengthReader, chunk
from tests.unit.gateway.corpus import BAD_CHUNKS

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


def fed(reader, raw, cuts):
    out = b""
    edges = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    for begin, end in pairwise(edges):
        out += reader.feed(raw[begin:end])
        if reader.done:
            return out, reader.rest + raw[end:]
    return out, b""


@given(PIECES, st.binary(max_size=20), st.lists(st.integers(0, 500), max_size=8))
def test_chunks_give_the_same_body_wherever_they_are_torn(pieces, after, cuts):
    raw = b"".join(chunk(piece) for piece in pieces) + LAST_CHUNK
    reader = ChunkedReader()
    assert fed(reader, raw + after, cuts) == (b"".join(pieces), after)
    assert reader.ended()


@given(PIECES, st.binary(max_size=20), st.lists(st.integers(0, 500), max_size=8))
def test_a_length_ends_the_body(pieces, after, cuts):
    body = b"".join(pieces)
    reader = LengthReader(len(body))
    if body:
        assert fed(reader, body + after, cuts) == (body, after)
    assert reader.done


@pytest.mark.parametrize("raw", BAD_CHUNKS)
def test_wrong_chunks_are_refused_whole_and_byte_by_byte(raw):
    with pytest.raises(MalformedRequest):
        ChunkedReader().feed(raw)
    reader = ChunkedReader()
    with pytest.raises(MalformedRequest):
        for byte in raw:
            reader.feed(bytes((byte,)))


def test_trailers_and_extensions_are_read_and_dropped():
    reader = ChunkedReader()
    assert reader.feed(b'5;a="b"\r\nhello\r\n0\r\nX-T: secret\r\n\r\nGET') == b"hello"
    assert (reader.done, reader.rest) == (True, b"GET")


def test_extensions_have_a_bound_over_all_chunks():
    reader = ChunkedReader()
    with pytest.raises(MalformedRequest):
        reader.feed((b"1;" + b"x" * 200 + b"\r\na\r\n") * 200)


def test_only_the_connection_ends_a_body_without_length():
    reader = CloseReader()
    assert reader.feed(b"abc") == b"abc"
    assert not reader.done
    assert reader.ended()
