# SPDX-License-Identifier: Apache-2.0
"""Paths as patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.insight.paths import covers, generalised, within, written
from smartagent.policy import known_pattern

SEGMENT = st.text(alphabet="abz019-_.@%~;*", min_size=1, max_size=24).filter(
    lambda text: text.strip(".") != "" and "%" not in text
)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/orders/7", "/orders/*"),
        ("/v1/orders", "/v1/orders"),
        ("/v1/customers/cus_9s6XKzkNRiz8i3/cards", "/v1/customers/*/cards"),
        ("/users/7d444840-9dc0-11d1-b245-5ffdce74fad2", "/users/*"),
        ("/mail/ada@example.com", "/mail/*"),
        ("/mail/ada%40example.com", "/mail/*"),
        ("/chat/completions", "/chat/completions"),
        ("/repos/house/wiring", "/repos/house/wiring"),
        ("/a;b/c", "/*/c"),
        ("/orders/", "/orders/"),
        ("/", "/"),
        ("/" + "/".join("abcdefghijklmnopqr"), "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/**"),
    ],
)
def test_what_looks_like_an_id_is_a_star(path, pattern):
    assert generalised(path) == pattern


@given(st.lists(SEGMENT, min_size=1, max_size=20))
def test_a_pattern_is_one_and_matches_the_path_it_was_made_of(segments):
    path = "/" + "/".join(segments)

    assert known_pattern(generalised(path)).matches(path)


PATTERN = st.builds(
    lambda segments, end: "/" + "/".join([*segments, *end]),
    st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4),
    st.sampled_from([[], ["**"], [""]]),
)
PATH = st.lists(st.sampled_from(["a", "b", "7"]), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)


@given(PATTERN, PATTERN, PATH)
def test_what_covers_a_pattern_matches_all_that_it_matches(wide, narrow, path):
    if covers(known_pattern(wide), known_pattern(narrow)) and known_pattern(narrow).matches(path):
        assert known_pattern(wide).matches(path)


@given(PATTERN)
def test_a_pattern_covers_itself_and_is_written_as_it_was_read(pattern):
    assert covers(known_pattern(pattern), known_pattern(pattern))
    assert written(known_pattern(pattern)) == pattern


@pytest.mark.parametrize(
    ("wide", "narrow", "is_covered"),
    [
        ("/a/**", "/a", True),
        ("/a/**", "/a/*/b", True),
        ("/a/*", "/a/b", True),
        ("/a/*", "/a/", False),
        ("/a/*", "/a/**", False),
        ("/a/b", "/a/*", False),
        ("/a/*/**", "/a/**", False),
        (r"/a/\*", "/a/*", False),
    ],
)
def test_whether_a_pattern_covers_another(wide, narrow, is_covered):
    assert covers(known_pattern(wide), known_pattern(narrow)) is is_covered


@given(PATTERN, PATH)
def test_a_path_is_generalised_within_the_ceiling_only(ceiling, path):
    if known_pattern(ceiling).matches(path):
        kept = known_pattern(within(ceiling, path))

        assert kept.matches(path)
        assert covers(known_pattern(ceiling), kept)


@pytest.mark.parametrize(
    ("ceiling", "path", "kept"),
    [
        ("/orders/**", "/orders/7/lines", "/orders/*/lines"),
        ("/orders/7", "/orders/7", "/orders/7"),
        ("/*/7/**", "/orders/7/8", "/orders/7/*"),
        ("/**", "/", "/"),
    ],
)
def test_a_literal_of_the_ceiling_stays(ceiling, path, kept):
    assert within(ceiling, path) == kept
