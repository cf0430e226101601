# SPDX-License-Identifier: Apache-2.0
"""What pages are made of: times, words, bars and trees; and that nothing foreign is more than text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from smartagent.console import drawing, words
from smartagent.console.frame import query
from smartagent.console.model import Leasable, Reach, Rule, Upstream
from smartagent.console.rendering import finalized, short, when
from tests.unit.identity.memory import START, FakeClock

MS = int(START) * 1000


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        (MS, "just now"),
        (MS + 10_000, "in a moment"),
        (MS - 60_000, "1 min ago"),
        (MS - 3_600_000 * 5, "5 h ago"),
        (MS - 86_400_000, "1 day ago"),
        (MS + 86_400_000 * 30, "in 30 days"),
        ("2027-01-15T08:00:00Z", "just now"),
    ],
)
def test_an_instant_is_said_as_people_say_it_and_exactly(instant, said):
    shown = when(FakeClock(), instant)
    assert f">{said}</time>" in shown
    assert "UTC" in shown


def test_an_instant_that_never_was_is_never():
    assert "never" in when(FakeClock(), "")


@given(st.text())
def test_nothing_invisible_gets_through(text):
    shown = finalized(text)
    assert len(short(text)) <= 240
    assert not any(letter in shown for letter in "\u202e\u200b\u0000\u2028\ufeff")


def test_markup_of_our_own_stays_as_it_is():
    assert finalized(Markup("<b>")) == Markup("<b>")
    assert finalized(7) == 7


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=50))
def test_bars_stand_on_the_ground_within_the_chart(pairs):
    bars = drawing.stacked([low for low, _ in pairs], [up for _, up in pairs], width=720.0, height=120.0)
    assert len(bars) == len(pairs)
    for bar in bars:
        assert 0 <= bar.x <= 720
        assert bar.y + bar.height == pytest.approx(120, abs=0.1)
        assert bar.upper_y >= -0.1


def reach(name, delegates=(), **more):
    return Reach(f"agt_{name}", name, "reader", "active", delegates=list(delegates), **more)


def test_a_tree_goes_from_whom_an_agent_acts_for_to_whom_it_delegates():
    tree = drawing.tree_of(reach("a", [reach("b", [reach("c")]), reach("d")], acts_for=["opr_1"]))
    at = {box.id: (box.x, box.y) for box in tree.boxes}
    assert at["opr_1"][0] < at["agt_a"][0] < at["agt_b"][0] < at["agt_c"][0]
    assert at["agt_b"][1] != at["agt_d"][1]
    assert len(tree.lines) == 4
    assert all(box.x + drawing.BOX_WIDTH <= tree.width for box in tree.boxes)
    assert all(box.y + drawing.BOX_HEIGHT <= tree.height for box in tree.boxes)
    assert not tree.cut


def test_a_tree_that_is_too_big_is_cut_and_says_so():
    tree = drawing.tree_of(reach("a", [reach(f"b{number}") for number in range(100)]))
    assert tree.cut
    assert len(tree.boxes) <= drawing.MOST_BOXES


@pytest.mark.parametrize(
    ("methods", "paths", "said"),
    [
        (["GET", "HEAD"], ["/**"], "Read everything at shop"),
        ([], [], "Read and change everything at shop"),
        (["POST"], ["/a"], "Send POST to /a at shop"),
        (["GET"], [f"/{letter}" for letter in "abcdef"], "Read /a, /b, /c, /d and 2 more at shop"),
    ],
)
def test_a_rule_is_said_in_plain_words(methods, paths, said):
    assert words.sentence_of(Rule("r", "", methods, paths), "shop") == said


def test_everything_that_an_agent_may_is_a_sentence():
    given_ = reach(
        "a",
        upstreams=[Upstream("shop", "https://x", "k", [Rule("r", "", ["GET"], ["/x"], ask="ops")])],
        leases=[Leasable("db", "pg", "postgresql", 900), Leasable("s3", "aws", "aws", 7200)],
    )
    assert words.reach_in_words(given_) == [
        "Read /x at shop, once ops approves",
        "Lease db (postgresql at pg) for up to 15 minutes",
        "Lease s3 (aws at aws) for up to 2 hours",
    ]


@pytest.mark.parametrize(
    ("id_", "shown"),
    [
        ("agt_01m7z7jfhvf92ayp5qdt0x6yv1", "agt_…5qdt0x6yv1"),
        ("sealing-key/1", "sealing-key/1"),
        ("x" * 40, "x" * 10 + "…"),
        ("", ""),
    ],
)
def test_an_id_is_abbreviated_to_what_tells_it_apart(id_, shown):
    assert words.abbreviated(id_) == shown


def test_a_query_holds_what_is_not_empty_and_nothing_breaks_out_of_it():
    assert query(a="", b="x&c=d", e="ä/?#") == "?b=x%26c%3Dd&e=%C3%A4%2F%3F%23"
    assert query(a="") == ""
    assert words.tone_of("active") == "good"
    assert words.tone_of("anything") == "off"
