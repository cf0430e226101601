# SPDX-License-Identifier: Apache-2.0
"""What notices say, and when they are tried again."""

from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Ids
from smartagent.notices import NoticeKind
from smartagent.notices.rules import (
    LONGEST_PAUSE_SECONDS,
    MAX_LINE_CHARS,
    MAX_LINES,
    MAX_TITLE_CHARS,
    cleaned,
    cleaned_lines,
    parse_kinds,
    pause,
)
from smartagent.notices.telling import Teller
from tests.unit.identity.memory import FakeClock, FakeEntropy


def test_what_does_not_print_is_shown_as_what_it_is():
    assert cleaned("pay \u202e30\u2066 €\r\nBcc: eve\x1b[2J", 120) == (
        "pay [U+202E]30[U+2066] €[U+000D][U+000A]Bcc: eve[U+001B][2J"
    )


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=400), st.integers(10, 120))
def test_whatever_comes_in_one_short_line_comes_out(text, most):
    clean = cleaned(text, most)
    assert len(clean) <= most
    assert clean.isprintable()
    clean.encode("utf-8")
    if text.isprintable() and len(text) <= most:
        assert clean == text


def test_a_notice_has_so_many_lines():
    assert cleaned_lines(["a"] * MAX_LINES) == ("a",) * MAX_LINES
    assert cleaned_lines(["a"] * 99) == (*("a",) * (MAX_LINES - 1), "...")
    assert len(cleaned_lines(["x" * 9999])[0]) == MAX_LINE_CHARS


def test_a_title_that_is_too_long_is_cut_visibly():
    notice = Teller(FakeClock(), Ids(FakeClock(), FakeEntropy()), "https://a").notice(
        NoticeKind.ALARMS, "x", "t" * 500, (), "/x"
    )
    assert len(notice.title) == MAX_TITLE_CHARS
    assert notice.title.endswith("t...")


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_pause_doubles_and_ends_and_is_never_the_same_for_all(attempts, chance):
    found = pause(attempts, chance)
    assert 0.5 <= found <= LONGEST_PAUSE_SECONDS
    assert found == min(2.0 ** min(attempts, 30), LONGEST_PAUSE_SECONDS) * (1 + chance) / 2


def test_kinds_have_one_order_and_stand_once():
    assert parse_kinds(["reviews", "approvals", "reviews"]) == (NoticeKind.APPROVALS, NoticeKind.REVIEWS)
    assert parse_kinds([]) == ()
