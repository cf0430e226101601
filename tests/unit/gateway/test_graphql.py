# SPDX-License-Identifier: Apache-2.0
"""What a GraphQL request does, and which requests nobody can say it of."""

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.gateway.errors import OperationUnreadable
from smartagent.gateway.graphql import MAX_TEXT_CHARS, Operation, read_operation, read_request

JSON = "application/json"
VIEWER = "query V { viewer { login } }"


def read(body, query="", headers=None, media_type=JSON):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_request(query, headers or {}, media_type, raw)


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("{ viewer { login } }", ("graphql:query", ("viewer",))),
        (VIEWER, ("graphql:query", ("viewer",))),
        ("query { harmless: deleteEverything }", ("graphql:query", ("deleteEverything",))),
        ("mutation { b a b2: b }", ("graphql:mutation", ("a", "b"))),
        ("subscription S { events }", ("graphql:subscription", ("events",))),
        ("{ a ... on Query { b ... { c } } }", ("graphql:query", ("a", "b", "c"))),
        ("{ ...F } fragment F on Query { a ...G } fragment G on Query { b }", ("graphql:query", ("a", "b"))),
        (
            "{ ...F } fragment F on Query { a ...G } fragment G on Query { b ...F }",
            ("graphql:query", ("a", "b")),
        ),
        ("{ a @skip(if: true) b @include(if: false) }", ("graphql:query", ("a", "b"))),
        ("{ __typename a }", ("graphql:query", ("a",))),
        ("{ __schema { types { name } } }", ("graphql:query", ("__schema",))),
        ('# query { other }\n{ a(x: "} mutation { b }") }', ("graphql:query", ("a",))),
        ("query($v: Int = 1) { a(x: $v) { users { b } } }", ("graphql:query", ("a",))),
    ],
)  # fmt: skip
def test_the_fields_at_the_top_are_found_under_their_own_names(text, operation):
    assert read_operation(text) == Operation(*operation)
    assert read({"query": text, "variables": {"v": 1}, "operationName": None}) == Operation(*operation)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{ a } { b }",
        "query A { a } query B { b }",
        "query A { a } mutation B { b }",
        "fragment F on Query { a }",
        "{ ...F }",
        "{ ...F } fragment F on Query { a } fragment F on Query { b }",
        "type Query { a: Int }",
        "{ a } type Query { a: Int }",
        "extend type Query { a: Int }",
        "{" + " a" * 3000 + "}",
        "{ a" * 900 + "}" * 900,
        "[" * 5000,
    ],
)
def test_what_is_not_one_operation_is_refused(text):
    with pytest.raises(OperationUnreadable):
        read_operation(text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"not json",
        b"null",
        b'"query"',
        [{"query": VIEWER}],
        {},
        {"query": None},
        {"query": 1},
        {"query": VIEWER, "id": "x"},
        {"QUERY": "mutation { a }", "query": VIEWER},
        {"documentId": "x"},
        {"query": VIEWER, "extensions": 1},
        {"query": VIEWER, "extensions": {"persistedQuery": {"sha256Hash": "0" * 64}}},
        {"query": VIEWER, "extensions": {"persistedQuery": "x"}},
        {"extensions": {"persistedQuery": {"sha256Hash": "X"}}},
        b'{"query": "{ a }", "query": "mutation { b }"}',
        b'{"query": "{ a }", "qu\\u0065ry": "mutation { b }"}',
        b'{"query": "{ a }", "variables": {"a": 1, "a": 2}}',
        b'{"query": "{ a }", "variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xef\xbb\xbf" + b'{"query": "{ a }"}',
        {"query": "#" + "x" * MAX_TEXT_CHARS + "\n{ a }"},
    ],
)  # fmt: skip
def test_a_body_that_could_be_read_in_two_ways_is_refused(body):
    with pytest.raises(OperationUnreadable):
        read(body)


@pytest.mark.parametrize(
    ("query", "headers", "media_type"),
    [
        ("query=mutation{a}", {}, JSON),
        ("x=1", {}, JSON),
        ("", {}, "application/graphql"),
        ("", {}, "multipart/form-data"),
        ("", {}, ""),
        ("", {"content-encoding": "gzip"}, JSON),
    ],
)
def test_an_operation_is_in_a_json_body_and_nowhere_else(query, headers, media_type):
    with pytest.raises(OperationUnreadable):
        read({"query": VIEWER}, query, headers, media_type)


def test_a_persisted_query_is_its_hash():
    digest = hashlib.sha256(VIEWER.encode()).hexdigest()
    named = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
    assert read(named) == Operation("graphql:persisted", (digest,))
    assert read(named | {"query": VIEWER}) == Operation("graphql:query", ("viewer",))


NAMES = st.sampled_from(["a", "b", "c", "viewer"])
SELECTIONS = st.recursive(
    NAMES.map(lambda name: ({name}, f"x: {name}")),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: (
            set().union(*(each[0] for each in parts)),
            f"... {{ {' '.join(p[1] for p in parts)} }}",
        )
    ),
    max_leaves=12,
)


@given(SELECTIONS)
def test_inline_fragments_hide_nothing(selection):
    fields, text = selection
    assert set(read_operation(f"{{ {text} }}").fields) == fields


@given(st.text(max_size=200))
def test_no_text_however_odd_raises_anything_else(text):
    with contextlib.suppress(OperationUnreadable):
        read_operation(text)
