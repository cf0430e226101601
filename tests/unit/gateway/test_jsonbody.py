# SPDX-License-Identifier: Apache-2.0
"""A credential in a JSON body stands there once, and nothing else of the body changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.gateway.errors import BodyUnfit
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.jsonbody import check_json, with_member
from smartagent.kernel import Secret

KEY = Secret('s€cret "quoted"\n'.encode())
TEXT = KEY.reveal().decode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ("{}", "key", {"key": TEXT}),
        ('{"key": "agent"}', "key", {"key": TEXT}),
        ('{"key": {"a": 1}}', "key", {"key": TEXT}),
        ('{"key": 1, "a": 2, "key": 3}', "key", {"a": 2, "key": TEXT}),
        ('{"KEY": 1, "kEy": 2, "\\u212aey": 3, "a": 2}', "key", {"a": 2, "key": TEXT}),
        ('{"\\u006bey": 1}', "key", {"key": TEXT}),
        ("{}", "auth/key", {"auth": {"key": TEXT}}),
        ('{"auth": {"user": "u", "key": 1}, "Auth": {"key": 2}}', "auth/key", {"auth": {"user": "u", "key": TEXT}}),
        ('{"auth": {"a": 1}, "auth": {"b": 2}}', "auth/key", {"auth": {"b": 2, "key": TEXT}}),
    ],
)  # fmt: skip
def test_the_member_is_ours_and_nothing_competes_with_it(body, path, expected):
    made = with_member(body.encode(), tuple(path.split("/")), KEY)
    assert json.loads(made) == expected
    pairs = []
    json.loads(made, object_pairs_hook=lambda found: pairs.append([name for name, _ in found]))
    assert all(len(names) == len(set(names)) for names in pairs)


def test_numbers_and_texts_beside_it_stay_byte_for_byte():
    kept = b'{"n": 1.0000000000000000000001e+0, "t": "\\u00e9\\/", "l": [ 1 ,2 ], "big": 123456789012345678901234567890}'
    made = with_member(b'{"a":' + kept + b"}", ("key",), KEY)
    assert kept in made


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"text"', b"1", b"null", b"{", b'{"a": tru}', b"{} {}", b"\xff", b"\xef\xbb\xbf{}", b"key=value"],
)  # fmt: skip
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(BodyUnfit):
        with_member(body, ("key",), KEY)


@pytest.mark.parametrize("inner", ["[]", '"text"', "1", "null", "true"])
def test_what_is_no_object_on_the_way_is_refused(inner):
    with pytest.raises(BodyUnfit, match="down to key"):
        with_member(f'{{"auth": {inner}}}'.encode(), ("auth", "key"), KEY)


@given(st.dictionaries(st.text(), JSON))
def test_everything_else_is_kept(body):
    made = json.loads(with_member(json.dumps(body).encode(), ("key",), KEY))
    others = {name: value for name, value in body.items() if name.casefold() != "key"}
    assert made == {**others, "key": TEXT}


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        (b"Content-Type: application/json\r\nContent-Length: 2\r\n", True),
        (b"Content-Type: Application/JSON; charset=utf-8\r\nTransfer-Encoding: chunked\r\n", True),
        (b"Content-Type: application/vnd.api+json\r\nContent-Length: 2\r\nContent-Encoding: identity\r\n", True),
        (b"Content-Type: application/json\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n", False),
        (b"Content-Type: text/json\r\nContent-Length: 2\r\n", False),
        (b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n", False),
        (b"Content-Length: 2\r\n", False),
        (b"Content-Type: application/json\r\n", False),
        (b"Content-Type: application/json\r\nContent-Length: 0\r\n", False),
    ],
)  # fmt: skip
def test_only_a_plain_body_that_is_said_to_be_json_has_a_place(fields, fits):
    head = parse_request_head(b"POST / HTTP/1.1\r\nHost: gw\r\n" + fields)
    if fits:
        check_json(head)
    else:
        with pytest.raises(BodyUnfit):
            check_json(head)
