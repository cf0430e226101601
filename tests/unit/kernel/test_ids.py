# SPDX-License-Identifier: Apache-2.0
"""Ids say what they name, sort by when they were made, and cannot be guessed."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import IdPrefix, Ids, made_at_ms, parse_id
from smartagent.kernel.ids import MalformedId


class SetClock:
    def __init__(self, now):
        self.instant = now

    def now(self):
        return self.instant

    def monotonic(self):
        return self.instant


def as_uuid(identifier):
    value = 0
    for letter in identifier.partition("_")[2]:
        value = value << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return value


def test_an_id_carries_its_kind_and_its_millisecond():
    made = Ids(SetClock(1_700_000_000.123), os.urandom).new(IdPrefix.AGENT)
    assert made.startswith("agt_")
    assert len(made) == 30
    assert as_uuid(made) >> 80 == 1_700_000_000_123


@given(st.integers(0, 0xFFFF_FFFF_FFFF))
def test_an_id_gives_back_the_millisecond_it_was_made_in(ms):
    class Clock:
        def now(self):
            return (ms + 0.5) / 1000

    assert abs(made_at_ms(Ids(Clock(), os.urandom).new(IdPrefix.ACCESS_TOKEN)) - ms) <= ms * 1e-15


def test_an_id_is_a_version_7_uuid_of_the_rfc_variant():
    value = as_uuid(Ids(SetClock(1.0), os.urandom).new(IdPrefix.SESSION))
    assert value >> 76 & 0xF == 7
    assert value >> 62 & 0b11 == 0b10
    assert value >> 128 == 0


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_later_ids_sort_after_earlier_ones(one, other):
    early, late = sorted((one, other))
    if int(early * 1000) < int(late * 1000):
        first = Ids(SetClock(early), os.urandom).new(IdPrefix.KEY)
        assert first < Ids(SetClock(late), os.urandom).new(IdPrefix.KEY)


def test_no_two_ids_of_one_millisecond_are_alike():
    ids = Ids(SetClock(5.0), os.urandom)
    assert len({ids.new(IdPrefix.REQUEST) for _ in range(2000)}) == 2000


def test_each_id_takes_ten_fresh_bytes_and_never_the_same_twice():
    served = []

    def entropy(size):
        served.append(size)
        return bytes(range(250))

    ids = Ids(SetClock(0.0), entropy)
    made = [as_uuid(ids.new(IdPrefix.KEY)) for _ in range(26)]
    assert served == [250, 250]
    assert len(set(made[:25])) == 25
    first = int.from_bytes(bytes(range(10))) & 0x3FF_FFFF_FFFF_FFFF_FFFF
    assert made[0] >> 64 & 0xFFF == first >> 62 & 0xFFF
    assert made[0] & 0x3FFF_FFFF_FFFF_FFFF == first & 0x3FFF_FFFF_FFFF_FFFF


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "agt_",
        "agt",
        "ses_" + "0" * 26,
        "agt_" + "0" * 25,
        "agt_" + "0" * 27,
        "agt_" + "u" * 26,
        "agt_" + "A" * 26,
    ],
)
def test_what_is_no_agent_id_is_refused_and_not_repeated(raw):
    with pytest.raises(MalformedId) as refusal:
        parse_id(raw, IdPrefix.AGENT)
    assert str(refusal.value) == "expected an id that begins with agt_"


def test_a_made_id_is_read_back():
    made = Ids(SetClock(1.0), os.urandom).new(IdPrefix.AGENT)
    assert parse_id(made, IdPrefix.AGENT) == made
