# SPDX-License-Identifier: Apache-2.0
"""Frames, entries and claims as bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Change, Record, Work
from smartagent.storage import wire


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(bodies, size):
    stream = b"".join(wire.frame(body) for body in bodies)
    frames = wire.Frames()
    found = [
        body for start in range(0, len(stream), size) for body in frames.feed(stream[start : start + size])
    ]
    assert [msgspec.msgpack.decode(body) for body in found] == bodies


def test_a_frame_that_claims_too_much_is_no_frame():
    with pytest.raises(wire.FrameTooLong):
        wire.Frames().feed(b"\xff\xff\xff\xff")


@given(st.lists(st.binary(max_size=2000), max_size=10))
def test_a_segment_gives_its_leaves_back(leaves):
    assert wire.split_entries(b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)) == leaves


def test_a_record_too_long_for_the_log_is_refused():
    with pytest.raises(ValueError, match="a record of"):
        wire.entries(Work((Record(event="e", at_ms=1, request="x" * 70_000),)))


@pytest.mark.parametrize("key", ["a\x00b", "\ud800"])
def test_a_change_that_no_database_can_keep_is_refused(key):
    with pytest.raises(ValueError):
        wire.storable(Change("topic", key))


@pytest.mark.parametrize(
    "answer",
    [
        wire.Replied(1, 2, (wire.Refusal(0, claim=1), wire.Refusal(3, write=0, broken="why"))),
        wire.Failed(),
        wire.Changed(3, (("t", "k"),)),
        wire.StartOver(4),
    ],
)
def test_an_answer_is_read_as_it_was_sent(answer):
    assert wire.decode_answer(wire.encode(answer)) == answer
