# SPDX-License-Identifier: Apache-2.0
"""Bodies into types, strictly."""

from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest, parse_form, parse_json
from smartagent.kernel import Kind, SmartAgentError


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    size: int = 0


class Ask(msgspec.Struct):
    name: str
    ttl_seconds: int = 60
    inner: Inner | None = None


def test_a_body_becomes_the_shape_asked_for():
    assert parse_json(b'{"name":"a","inner":{"size":2}}', Ask) == Ask("a", 60, Inner(2))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "send a JSON body"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `name`"),
        (b'{"name":1}', "$.name"),
        (b'{"name":"a","ttl_seconds":"60"}', "$.ttl_seconds"),
        (b'{"name":"a","ttl_seconds":1.5}', "$.ttl_seconds"),
        (b'{"name":"a","ttl_seconds":true}', "$.ttl_seconds"),
        (b'{"name":"a","ttl":1}', "unknown member 'ttl'; known: name, ttl_seconds, inner"),
        (b'{"name":"a","inner":{"x":1}}', "$.inner"),
        (b'{"name":"a","name":"b"}', "twice"),
        (b'{"name":', "JSON"),
        (b'{"name":NaN}', "JSON"),
        (b'\xff{"name":"a"}', "JSON"),
        (b'{"name":"\\ud800"}', "JSON"),
    ],
)
def test_a_body_of_another_shape_is_refused_and_the_error_names_the_member(body, words):
    with pytest.raises(SmartAgentError) as refused:
        parse_json(body, Ask)

    assert refused.value.kind is Kind.INVALID
    assert words in str(refused.value)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_json_parser_fail_otherwise(body):
    try:
        parse_json(body, Ask)
    except SmartAgentError as error:
        assert error.kind is Kind.INVALID  # noqa: PT017 -- any bytes may also be well formed


def test_a_form_becomes_names_and_values():
    body = (
        b"grant_type=client_credentials&scope=orders%3Aread+orders%3Alist&empty=&resource=https%3A%2F%2Fa%2F"
    )

    assert parse_form(body) == {
        "grant_type": "client_credentials",
        "scope": "orders:read orders:list",
        "resource": "https://a/",
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"a=1&a=2", "more than once"),
        (b"a=1&%61=2", "more than once"),
        (b"a=&a=", "more than once"),
        (b"a=%zz", "percent escape"),
        (b"a=%4", "percent escape"),
        (b"a=%", "percent escape"),
        (b"a=%ff", "UTF-8"),
        (b"a=\xc3\xa9", "ASCII"),
        (b"=1", "name"),
        (b"&", "name"),
        (b"n" * 65 + b"=1", "name"),
        (b"&".join(b"a%d=1" % n for n in range(65)), "64 fields"),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(body, words):
    with pytest.raises(MalformedRequest) as refused:
        parse_form(body)

    assert words in str(refused.value)


def test_an_empty_form_has_no_fields():
    assert parse_form(b"") == {}


@given(st.dictionaries(st.text(min_size=1, max_size=16), st.text(min_size=1), max_size=20))
def test_what_an_ordinary_client_encodes_is_what_is_read(fields):
    fields = {name.encode("utf-8", "replace").decode(): value for name, value in fields.items()}

    assert parse_form(urlencode(fields).encode()) == fields
