# SPDX-License-Identifier: Apache-2.0
"""No result shows the credential, wherever it stands and however it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.kernel import Secret
from smartagent.mcp.scrubbing import scrubbed, scrubbed_object, scrubbed_text, variants_of
from tests.e2e.mcpserver import SECRET, forms_of

VARIANTS = variants_of([Secret(SECRET.encode()), Secret(b"the-one-before")])
FORMS = [*forms_of(SECRET.encode()), "the-one-before", json.dumps({"a": SECRET})]
WRAPPED = st.recursive(
    st.sampled_from(FORMS) | st.text(max_size=5) | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(WRAPPED)
def test_it_stands_nowhere_in_what_is_handed_on(value):
    clean = json.dumps(scrubbed(value, VARIANTS), ensure_ascii=False)
    for form in (SECRET, "the-one-before", *FORMS):
        assert form not in clean
    assert SECRET[:-1] not in clean


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists)
)
def test_what_does_not_show_it_stays_as_it_is(value):
    assert scrubbed(value, VARIANTS) == value


@pytest.mark.parametrize("form", FORMS)
def test_names_of_members_are_searched_too(form):
    assert "***" in next(iter(scrubbed_object({form: 1}, VARIANTS)))


def test_a_number_that_is_the_secret_becomes_text():
    variants = variants_of([Secret(b"48151623")])
    assert scrubbed({"n": 48151623, "m": 7, "t": True}, variants) == {"n": "********", "m": 7, "t": True}
    assert scrubbed([1.48151623], variants) == ["1.********"]


def test_what_is_nested_without_end_is_cut_off():
    value = SECRET
    for _ in range(200):
        value = [value]
    assert SECRET not in json.dumps(scrubbed(value, VARIANTS))


@pytest.mark.parametrize("text", ["\ud800", "\ud800" + SECRET, SECRET + "\udfff"])
def test_halves_of_characters_are_replaced(text):
    clean = scrubbed_text(text, VARIANTS)
    assert clean.encode()
    assert SECRET not in clean
