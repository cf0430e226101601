# SPDX-License-Identifier: Apache-2.0
"""Paths as patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.insight.paths import generalised
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
