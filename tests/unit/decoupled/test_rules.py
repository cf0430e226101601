# SPDX-License-Identifier: Apache-2.0
"""The rules: codes, messages, polls and buckets."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.consent import visible
from smartagent.decoupled.codes import make_code, make_user_code
from smartagent.decoupled.errors import GuessedTooOften, InvalidBindingMessage
from smartagent.decoupled.guessing import Guesses
from smartagent.decoupled.model import Channel, ConsentRequest, State
from smartagent.decoupled.rules import (
    ALPHABET,
    Limit,
    Poll,
    is_open,
    judge_poll,
    letters_of,
    life_of,
    parse_binding_message,
    parse_user_code,
    shown_code,
)
from tests.unit.identity.world import FakeClock, FakeEntropy

ASKED = ConsentRequest(
    id="gnt_1",
    channel=Channel.DEVICE,
    state=State.PENDING,
    client_id="clt_1",
    client_name="Printer",
    code_hash=b"h",
    user_code_mac=b"m",
    person="",
    scope="orders:read",
    resource="",
    binding_message="",
    jkt="",
    client_ip="10.0.0.1",
    created_at=1000,
    expires_at=1600,
    interval_seconds=5,
)


def with_(**changes):
    return msgspec.structs.replace(ASKED, **changes)


def test_the_alphabet_is_twenty_consonants():
    assert len(ALPHABET) == len(set(ALPHABET)) == 20
    assert not set(ALPHABET) & set("AEIOUY")


def test_every_letter_is_as_likely_as_any_other():
    letters = letters_of(bytes(range(256)))
    assert len(letters) == 240
    assert {letters.count(letter) for letter in ALPHABET} == {12}


def test_a_code_is_made_also_when_chance_has_many_bytes_that_make_none():
    sizes = []

    def chance(size_bytes):
        sizes.append(size_bytes)
        return bytes([255] * (size_bytes - 3) + [0, 1, 19])

    assert make_user_code(chance) == "BCZBCZBC"
    assert len(sizes) == 3


def test_codes_differ_and_do_not_show_themselves():
    entropy = FakeEntropy()
    made = make_code("sdc_", entropy)
    assert made.code != make_code("sdc_", entropy).code
    assert made.code not in repr(made)


@given(st.text(ALPHABET, min_size=8, max_size=8))
def test_a_code_as_shown_is_read_as_it_was_made(code):
    for typed in (shown_code(code), code.lower(), " ".join(code), f"{code[:2]}.{code[2:]}"):
        assert parse_user_code(typed) == code


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_code_or_nothing(typed):
    code = parse_user_code(typed)
    assert code == "" or (len(code) == 8 and set(code) <= set(ALPHABET))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "BCDFGHJ",
        "BCDFGHJKL",
        "BCDFGHJA",
        "BCDFGHJ1",
        "B" * 41,
        "\uff22\uff23\uff24\uff26\uff27\uff28\uff2a\uff2b",
    ],
)
def test_what_is_no_code_is_read_as_none(typed):
    assert parse_user_code(typed) == ""


@given(st.text(max_size=120))
def test_a_message_that_is_taken_hides_nothing(raw):
    try:
        message = parse_binding_message(raw)
    except InvalidBindingMessage:
        return
    assert message == raw == visible(raw)
    assert 1 <= len(raw) <= 100


def test_a_message_of_a_hundred_characters_is_taken():
    assert parse_binding_message("ü" * 100)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Ada", "Ada"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb", "a[U+200B]b"),
        ("a\x00b", "a[U+0000]b"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("line\u2028line", "line[U+2028]line"),
        ("日本", "日本"),
    ],
)
def test_what_is_invisible_is_written_out(raw, shown):
    assert visible(raw) == shown


@pytest.mark.parametrize(("asked", "life"), [(1, 30), (30, 30), (299, 299), (600, 600), (601, 600)])
def test_a_life_is_brought_into_its_range(asked, life):
    assert life_of(asked) == life


@pytest.mark.parametrize(
    ("changes", "now", "verdict"),
    [
        ({}, 1000, Poll.WAIT),
        ({}, 1599, Poll.WAIT),
        ({}, 1600, Poll.EXPIRED),
        ({"polled_at": 1000}, 1003, Poll.TOO_EARLY),
        ({"polled_at": 1000}, 1004, Poll.WAIT),
        ({"polled_at": 1000, "interval_seconds": 10}, 1008, Poll.TOO_EARLY),
        ({"polled_at": 1000, "interval_seconds": 10}, 1009, Poll.WAIT),
        ({"polled_at": 1599}, 1600, Poll.EXPIRED),
        ({"state": State.ALLOWED, "polled_at": 1000}, 1000, Poll.GOOD),
        ({"state": State.ALLOWED}, 1599, Poll.GOOD),
        ({"state": State.ALLOWED}, 1600, Poll.EXPIRED),
        ({"state": State.DENIED}, 1000, Poll.DENIED),
        ({"state": State.DENIED}, 9999, Poll.DENIED),
        ({"state": State.REDEEMED}, 1000, Poll.USED),
        ({"state": State.ENDED}, 1000, Poll.USED),
    ],
)
def test_a_poll_comes_to_what_the_request_is(changes, now, verdict):
    assert judge_poll(with_(**changes), now=now) is verdict


@pytest.mark.parametrize("state", [s for s in State if s is not State.PENDING])
def test_only_a_pending_request_is_open(state):
    assert is_open(ASKED, now=1599.9)
    assert not is_open(ASKED, now=1600)
    assert not is_open(with_(state=state), now=1000)


def test_a_bucket_holds_what_it_holds_and_fills_again():
    clock = FakeClock()
    guesses = Guesses(clock, Limit(2, 10))
    guesses.take("a")
    guesses.take("a")
    for _ in range(3):
        with pytest.raises(GuessedTooOften) as refused:
            guesses.take("a")
        assert refused.value.retry_after_seconds == 10
    guesses.take("b")
    clock.at += 9.5
    with pytest.raises(GuessedTooOften) as refused:
        guesses.take("a")
    assert refused.value.retry_after_seconds == 1
    # Asking again did not make the wait any longer.
    clock.at += 0.5
    guesses.take("a")


def test_what_is_given_back_can_be_taken_again_and_no_more():
    guesses = Guesses(FakeClock(), Limit(1, 10))
    guesses.give_back("a")
    for _ in range(5):
        guesses.take("a")
        guesses.give_back("a")
    guesses.take("a")
    with pytest.raises(GuessedTooOften):
        guesses.take("a")


def test_the_memory_for_guesses_is_bounded():
    guesses = Guesses(FakeClock(), Limit(1, 10))
    for n in range(10_050):
        guesses.take(str(n))
    assert len(guesses._buckets) == 10_000
    with pytest.raises(GuessedTooOften):
        guesses.take("10049")
