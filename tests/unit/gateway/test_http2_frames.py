# SPDX-License-Identifier: Apache-2.0
"""How much, and how fast, a peer may send in HTTP/2 before anything is made of it."""

import pytest
from h2.errors import ErrorCodes
from h2.exceptions import DenialOfServiceError, FrameDataMissingError, FrameTooLargeError

from smartagent.gateway.http2_frames import PREFACE, Allowance, FrameGuard

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, GOAWAY, WINDOW, MORE = 0, 1, 2, 3, 4, 6, 7, 8, 9


def frame(kind, payload=b"", flags=0, stream=1):
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def guard(**more):
    return FrameGuard(more.pop("max_head_bytes", 1000), preface=False)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_everything_but_goaway_passes_whole_in_whatever_pieces_it_comes(size):
    kept = [
        PREFACE, frame(SETTINGS, stream=0), frame(HEADERS, b"abc", 4), frame(DATA, bytes(100)),
        frame(WINDOW, bytes(4)), frame(HEADERS, b"", 0), frame(MORE, b"x", 4), frame(200, b"unheard of"),
    ]  # fmt: skip
    said = b"".join((*kept[:3], frame(GOAWAY, bytes(3) + b"\x05" + bytes(6), stream=0), *kept[3:]))
    looking = FrameGuard(1000, preface=True)
    passed = b"".join(looking.feed(said[at : at + size], 0.0) for at in range(0, len(said), size))
    assert passed == b"".join(kept)
    assert looking.last_id == 5
    assert not looking.in_head


def test_a_frame_that_is_too_long_is_refused_by_its_first_bytes():
    with pytest.raises(FrameTooLargeError):
        guard().feed(frame(DATA, bytes(16_385))[:9], 0.0)


def test_settings_are_few():
    guard().feed(frame(SETTINGS, bytes(6 * 32), stream=0), 0.0)
    with pytest.raises(DenialOfServiceError):
        guard().feed(frame(SETTINGS, bytes(6 * 33), stream=0), 0.0)


def test_a_head_is_bounded_over_its_continuations():
    looking = guard()
    looking.feed(frame(HEADERS, bytes(500)), 0.0)
    assert looking.in_head
    with pytest.raises(DenialOfServiceError):
        looking.feed(frame(MORE, bytes(500)), 0.0)


def test_a_head_of_empty_continuations_ends_too():
    looking = guard()
    looking.feed(frame(HEADERS), 0.0)
    with pytest.raises(DenialOfServiceError):
        looking.feed(frame(MORE) * 1001, 0.0)


def test_one_head_does_not_count_for_the_next():
    looking = guard()
    for _ in range(10):
        looking.feed(frame(HEADERS, bytes(500)) + frame(MORE, bytes(400), 4), 0.0)
        assert not looking.in_head
    looking.feed(frame(HEADERS, bytes(500)) + frame(MORE, b"", 4), 0.0)
    assert not looking.in_head


@pytest.mark.parametrize(
    ("said", "most"),
    [
        (frame(RESET, bytes(4)), 100),
        (frame(PING, bytes(8), stream=0), 10_000),
        (frame(SETTINGS, stream=0), 50),
        (frame(PRIORITY, bytes(5)), 10_000),
        (frame(DATA), 10_000),
        (frame(99), 10_000),
    ],
)
def test_what_costs_only_the_other_side_may_come_so_often_and_again_after_a_while(said, most):
    looking = guard()
    looking.feed(said * most, 10.0)
    looking.feed(said * 10, 11.0)
    with pytest.raises(DenialOfServiceError) as flood:
        looking.feed(said * most, 11.0)
    assert flood.value.error_code == ErrorCodes.ENHANCE_YOUR_CALM


def test_what_moves_something_may_come_as_often_as_it_likes():
    guard().feed((frame(DATA, b"x") + frame(DATA, b"", 1) + frame(WINDOW, bytes(4))) * 5000, 0.0)


@pytest.mark.parametrize("said", [frame(GOAWAY, bytes(7), stream=0), frame(GOAWAY, bytes(8), stream=1)])
def test_a_goaway_that_is_none_is_refused(said):
    with pytest.raises(FrameDataMissingError):
        guard().feed(said, 0.0)


def test_an_allowance_fills_up_to_its_most_and_no_further():
    allowance = Allowance(2, 1)
    for now in (0.0, 0.0, 1.0, 100.0, 100.0):
        allowance.spend(now)
    with pytest.raises(DenialOfServiceError):
        allowance.spend(100.5)
