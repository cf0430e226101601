# SPDX-License-Identifier: Apache-2.0
"""A placeholder is honoured in its place, and found wherever else it stands."""

import base64

import pytest

from smartagent.gateway.errors import PlaceholderRefused
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.placeholders import Found, check_placed, found_in, found_in_body
from smartagent.gateway.plan import plan_for
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import SECRET, Entry

OWN = "sak_ph_" + "a2" * 16
LOGIN = base64.b64encode(f"user:{OWN}".encode())
AWS = b"AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def head(fields=b"", target=b"/crm/a"):
    return parse_request_head(b"GET " + target + b" HTTP/1.1\r\nHost: gw\r\n" + fields)


def plan(place, secret=SECRET):
    return plan_for(Entry("crm", "https://api.example", place=place), (Secret(secret),) if secret else ())


@pytest.mark.parametrize(
    ("fields", "target", "where"),
    [
        (b"Authorization: Bearer " + OWN.encode(), b"/crm/a", "authorization"),
        (b"Authorization: Basic " + LOGIN, b"/crm/a", "authorization"),
        (b"authorization: bASIC " + LOGIN, b"/crm/a", "authorization"),
        (b"X-Api-Key: " + OWN.encode(), b"/crm/a", "x-api-key"),
        (b"Cookie: a=b; s=" + OWN.encode(), b"/crm/a", "cookie"),
        (b"X: y", b"/crm/" + OWN.encode(), "/"),
        (b"X: y", b"/crm/a?x=1&key=" + OWN.encode(), "?key"),
        (b"X: y", b"/crm/a?k%65y=" + OWN.encode(), "?key"),
        (b"X: y", b"/crm/a?" + OWN.encode(), f"?{OWN}"),
    ],
)
def test_it_is_found_wherever_it_stands(fields, target, where):
    (found,) = found_in(head(fields + b"\r\n", target))
    assert found.where == where
    assert found.value == OWN


@pytest.mark.parametrize(
    "fields", [b"", b"Authorization: Bearer other\r\n", b"Authorization: Basic !!!\r\n", b"X: sak_p\r\n"]
)
def test_there_is_none_in_most_requests(fields):
    assert list(found_in(head(fields))) == []


def test_every_one_is_found():
    raw = head(b"X-A: " + OWN.encode() + b" " + OWN.encode() + b"\r\nX-B: " + OWN.encode() + b"\r\n")
    assert [each.where for each in found_in(raw)] == ["x-a", "x-a", "x-b"]


def test_it_is_found_in_bodies():
    assert found_in_body(b"nothing") == ()
    assert found_in_body(b'\xff{"k": "' + OWN.encode() + b'"}') == [Found(OWN, "the body")]


@pytest.mark.parametrize(
    ("place", "secret", "where"),
    [
        ("bearer", SECRET, "authorization"),
        ("basic", b"u:p", "authorization"),
        ("header:X-Api-Key", SECRET, "x-api-key"),
        ("header:X-Api-Key", SECRET, "x_api_key"),
        ("query:key", SECRET, "?key"),
        ("cookie:s", SECRET, "cookie"),
        ("json:/a", SECRET, "the body"),
        ("hmac:X-Sig", SECRET, "x-sig"),
        ("aws-sigv4:eu-west-1/s3", AWS, "authorization"),
    ],
)
def test_it_is_honoured_where_the_credential_goes_and_nowhere_else(place, secret, where):
    own = plan(place, secret)
    check_placed([Found(OWN, where)], own, OWN)
    for elsewhere in {"/", "?other", "x-other", "cookie", "authorization", "the body"} - {where}:
        with pytest.raises(PlaceholderRefused, match="belongs in"):
            check_placed([Found(OWN, elsewhere)], own, OWN)


def test_another_s_is_refused_and_so_are_two():
    with pytest.raises(PlaceholderRefused, match="not the placeholder of this upstream"):
        check_placed([Found("sak_ph_other", "authorization")], plan("bearer"), OWN)
    with pytest.raises(PlaceholderRefused, match="once"):
        check_placed([Found(OWN, "authorization")] * 2, plan("bearer"), OWN)


def test_where_no_secret_is_put_in_there_is_no_place_for_one():
    with pytest.raises(PlaceholderRefused, match="takes none"):
        check_placed([Found(OWN, "authorization")], plan("", b""), OWN)
