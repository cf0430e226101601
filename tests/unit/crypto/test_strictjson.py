# SPDX-License-Identifier: Apache-2.0
"""JSON that every reader understands alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import MalformedJson, strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_ordinary_json_is_read_as_the_standard_library_reads_it(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    assert strict_json(text.encode(), 1_000_000) == json.loads(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{},",
        b"[1,]",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":{"a":1,"b":2,"a":3}}',
        b'[{"a":1,"a":2}]',
        b'{"":1,"":2}',
        b"NaN",
        b'{"a":NaN}',
        b"Infinity",
        b"[-Infinity]",
        b"1e999",
        b"[-1e400]",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"0x10",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'["\\ud800\\u0041"]',
        b'"\x00"',
        b'"\n"',
        b'"\\x41"',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"nul",
        b"True",
        b"// c\n1",
        b"1 /* c */",
        b"9" * 5000,
    ],
)
def test_what_readers_could_take_differently_is_refused(raw):
    with pytest.raises(MalformedJson):
        strict_json(raw, 10_000)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_bounded(opening, closing):
    assert strict_json(opening * 32 + b"1" + closing * 32, 10_000)
    for depth in (33, 100, 1000):
        with pytest.raises(MalformedJson, match="deeper"):
            strict_json(opening * depth + b"1" + closing * depth, 10_000)


def test_brackets_in_strings_are_not_depth():
    text = json.dumps(["[" * 100, '\\"{' * 50, "{" * 100])

    assert strict_json(text.encode(), 10_000) == json.loads(text)


def test_many_objects_side_by_side_are_not_deep():
    text = json.dumps([{"a": [number]} for number in range(200)])

    assert strict_json(text.encode(), 10_000) == json.loads(text)


def test_a_name_twice_is_refused_however_large_the_document():
    text = json.dumps([{"a": [number]} for number in range(200)])[:-1] + ',{"b":1,"b":1}]'

    with pytest.raises(MalformedJson, match="twice"):
        strict_json(text.encode(), 10_000)


def test_too_many_bytes_are_refused_unread():
    assert strict_json(b"[1]", 3) == [1]
    with pytest.raises(MalformedJson, match="more than 2 bytes"):
        strict_json(b"[1]", 2)


def test_one_name_in_different_objects_is_fine():
    assert strict_json(b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}', 100) == {
        "a": {"a": 1},
        "b": [{"a": 1}, {"a": 2}],
    }


def test_a_whole_pair_of_surrogates_is_one_character():
    assert strict_json(b'"\\ud83d\\ude00"', 100) == "\U0001f600"
