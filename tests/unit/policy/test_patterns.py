# SPDX-License-Identifier: Apache-2.0
"""What a path pattern means: plain Python, `Pattern.matches` and Cedar say the same of every path."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smartagent.policy import Role
from smartagent.policy.cedar import Partition, Question, parse_policies
from smartagent.policy.compile import compile_role
from smartagent.policy.model import Allow
from smartagent.policy.patterns import parse_pattern

SEGMENTS = st.sampled_from(
    ["a", "b", "orders", "a.b", "x%2Fy", "~", "é", "a*b", '"', "\\", "*", "**", ".", ".."]
)
LITERALS = st.sampled_from(["a", "b", "orders", "a.b", "x%2Fy", "~", r"\*", r"a\*b", "*", "*"])
PATHS = st.one_of(
    st.lists(st.one_of(SEGMENTS, st.just("")), min_size=1, max_size=6).map(
        lambda parts: "/" + "/".join(parts)
    ),
    st.text(alphabet='/ab*.%\\"\n\0é', max_size=12),
)


@st.composite
def patterns(draw):
    parts = draw(st.lists(LITERALS, max_size=4))
    end = draw(st.sampled_from(["", "**", "stop", "slash"]))
    if end == "**":
        return "/" + "/".join([*parts, "**"])
    if end == "slash":
        return "/" + "/".join([*parts, ""])
    return "/" + "/".join(parts)


def naively(pattern, path):
    """As one would explain it to a person, with no cleverness at all."""
    if not path.startswith("/"):
        return False
    wanted, found = pattern.split("/"), path.split("/")
    while wanted:
        want = wanted.pop(0)
        if want == "**":
            return True
        if not found:
            return False
        have = found.pop(0)
        if want == "*":
            if not have:
                return False
        elif want.replace("\\*", "*") != have:
            return False
    return not found


def cedar_says(pattern, path):
    role = Role("r", allow=(Allow("s", "u", ("GET",), (pattern,)),))
    partition = Partition("r", parse_policies(compile_role(role), "role/r", by_hand=False))
    finding = partition.ask(Question("agt_1", "r", "u", "GET", path, frozenset({"s"})))
    assert not finding.errors
    return finding.allowed


@given(patterns(), PATHS)
@example("/a/*/b/**", "/a/x/y/b/c")
@example("/a/*/b", "/a//b")
@example("/a/*", "/a/")
@example("/a/*/**", "/a/")
@example("/a/*/**", "/a/x")
@example("/**", "/")
@example("/**", "")
@example("/orders/**", "/orders")
@example("/orders/**", "/orders/")
@example("/orders/**", "/ordersx")
@example("/", "/")
@example("/*", "/a/b")
@example("/a/*/", "/a//")
@example("/*/*", "//")
@example(r"/a\*b", "/axb")
def test_cedar_decides_what_the_pattern_means(pattern, path):
    meant = naively(pattern, path)

    assert parse_pattern(pattern).matches(path) is meant
    assert cedar_says(pattern, path) is meant


@given(st.lists(SEGMENTS, min_size=1, max_size=5))
def test_a_star_takes_any_segment_and_never_one_more(parts):
    path = "/" + "/".join(parts)
    pattern = "/*" * len(parts)

    assert cedar_says(pattern, path)
    assert not cedar_says(pattern, path + "/x")
    assert not cedar_says(pattern, path + "/")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("orders", "begins with a slash"),
        ("", "begins with a slash"),
        ("/a/**/b", "only at the end"),
        ("/a**", "a segment is"),
        ("/a*", "a segment is"),
        ("/a/../b", "dot segments"),
        ("/a/%2e%2E/b", "dot segments"),
        ("/./a", "dot segments"),
        ("/a//b", "empty segment"),
        ("//", "empty segment"),
        ("//**", "empty segment"),
        ("/a?b=c", "a segment is"),
        ("/a#b", "a segment is"),
        ("/a%2", "a segment is"),
        ("/a%zz", "a segment is"),
        ("/a b", "a segment is"),
        ("/a\nb", "a segment is"),
        ("/a\n", "a segment is"),
        ('/a"b', "a segment is"),
        ("/a\\b", "a segment is"),
        ("/é", "a segment is"),
        ("/" + "a/" * 16, "at most 16 segments"),
        ("/" + "a" * 512, "at most 512"),
    ],
)
def test_a_pattern_that_is_none_or_could_match_nothing_is_refused(raw, why):
    with pytest.raises(ValueError, match=why):
        parse_pattern(raw)
