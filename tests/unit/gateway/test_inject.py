# SPDX-License-Identifier: Apache-2.0
"""The credential stands in its one place, alone."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.gateway.errors import CredentialUnusable
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.inject import inject
from smartagent.gateway.plan import plan_for
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import SECRET, Entry

LOGIN = b"user:" + SECRET


def sent(place, fields=b"", query="", secret=SECRET, method=b"GET", **more):
    plan = plan_for(Entry("crm", "https://api.example:8443/base/", place=place, **more), (Secret(secret),))
    head = parse_request_head(method + b" /crm/a HTTP/1.1\r\nHost: gw\r\n" + fields)
    raw = inject(head, "/a", query, plan)
    line, _, block = raw.partition(b"\r\n")
    pairs = [tuple(field.split(b": ", 1)) for field in block.split(b"\r\n") if field]
    return line, pairs


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("bearer", b"authorization", b"Bearer " + SECRET),
        ("basic", b"authorization", b"Basic " + base64.b64encode(LOGIN)),
        ("header:X-Api-Key", b"x-api-key", SECRET),
        ("header:X_Odd", b"x_odd", SECRET),
        ("cookie:__Host-session", b"cookie", b"__Host-session=" + SECRET),
    ],
)
def test_the_credential_stands_once_in_its_place(place, name, value):
    line, pairs = sent(
        place,
        b"Authorization: Bearer agent\r\nX-Api-Key: a\r\nX_API_KEY: b\r\nX-Odd: c\r\nCookie: agent=1\r\n",
        secret=LOGIN if place == "basic" else SECRET,
    )
    assert line == b"GET /base/a HTTP/1.1"
    assert pairs[0] == (b"host", b"api.example:8443")
    assert [pair for pair in pairs if pair[0] == name] == [(name, value)]
    assert not any(b"agent" in pair[1] for pair in pairs)


@pytest.mark.parametrize(
    "field",
    [
        b"Proxy-Authorization: Basic x", b"Proxy-Anything: x", b"Connection: close, X-Drop", b"X-Drop: 1", b"TE: trailers",
        b"Keep-Alive: 1", b"X-Forwarded-For: 1.2.3.4", b"X_Forwarded_Host: x", b"Forwarded: for=x", b"Via: 1.1 x",
        b"Cookie: a=b", b"Api-Key: x", b"X-Auth-Token: x", b"X-Original-URL: /admin", b"X-HTTP-Method-Override: DELETE",
        b"Upgrade: h2c", b"HTTP2-Settings: x", b"Expect: 100-continue", b"Trailer: x", b"Range: bytes=0-1", b"If-Range: x",
        b"X-Real-IP: x", b"DPoP: x",
    ],
)  # fmt: skip
def test_what_speaks_for_others_or_for_this_hop_is_dropped(field):
    _, pairs = sent("bearer", b"Connection: keep-alive, x-drop\r\n" + field + b"\r\nX-Kept: yes\r\n")
    names = [name for name, _ in pairs]
    assert names == [b"host", b"x-kept", b"accept-encoding", b"authorization"]


def test_a_query_credential_replaces_every_spelling():
    line, pairs = sent("query:api_key", query="a=1&api_key=x&API%5FKEY=y&api-key=z&apikey[]=w;api_key=v&b=2")
    target = line.split()[1]
    assert target.startswith(b"/base/a?a=1&b=2&api_key=s3cr3t%2FValue%2Bof%3D")
    assert target.count(b"=") == 3
    assert not any(SECRET in value for _, value in pairs)


def test_framing_is_ours():
    _, pairs = sent("bearer", b"Content-Length: 7\r\n", method=b"POST")
    assert (b"content-length", b"7") in pairs
    _, pairs = sent("bearer", b"Transfer-Encoding: chunked\r\n", method=b"POST")
    assert (b"transfer-encoding", b"chunked") in pairs


def test_without_scrubbing_codings_and_ranges_pass():
    _, pairs = sent("bearer", b"Accept-Encoding: zstd\r\nRange: bytes=0-1\r\n", scrub=False)
    assert (b"accept-encoding", b"zstd") in pairs
    assert (b"range", b"bytes=0-1") in pairs


@pytest.mark.parametrize(
    ("place", "secret"),
    [
        ("bearer", b"a\r\nX: y"), ("bearer", b"a\n"), ("bearer", b"a\x00"), ("bearer", b""), ("basic", b" "), ("query:k", b""),
        ("header:Host", b"x"), ("header:a b", b"x"), ("header:", b"x"), ("cookie", b"x"), ("bearer:x", b"x"), ("query:a&b", b"x"),
        ("header:transfer-encoding", b"x"), ("cookie:a=b", b"x"), ("cookie:", b"x"), ("cookie:s", b"a; b=c"), ("cookie:s", b'"aaa"'),
    ],
)  # fmt: skip
def test_what_cannot_be_injected_safely_is_refused_without_showing_it(place, secret):
    with pytest.raises(CredentialUnusable) as caught:
        plan_for(Entry("crm", "https://a", place=place), (Secret(secret),))
    assert not secret.strip() or len(secret) < 3 or secret.decode("latin-1") not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a",
        "https://",
        "https://u:p@a",
        "https://a?x=1",
        "https://a#f",
        "a",
        "https://a/\r\nX: y",
        "https://a/ b",
        "https://a:99999",
        "https://ä",
        "https://:1",
    ],
)
def test_a_base_url_must_be_plain(url):
    with pytest.raises(CredentialUnusable):
        plan_for(Entry("crm", url), ())


@given(st.binary(max_size=40))
def test_no_secret_can_end_its_line(secret):
    try:
        line, pairs = sent("bearer", secret=secret)
    except CredentialUnusable:
        return
    assert line == b"GET /base/a HTTP/1.1"
    assert len(pairs) == 3


def test_plans_print_nothing():
    plan = plan_for(Entry("crm", "https://a"), (Secret(SECRET),))
    assert SECRET.decode() not in repr(plan)


def test_what_was_kept_for_one_plan_is_not_taken_for_another():
    first = parse_request_head(b"GET /a HTTP/1.1\r\nHost: gw\r\nX-Odd: agent\r\n")
    bearer = plan_for(Entry("crm", "https://a"), (Secret(SECRET),))
    odd = plan_for(Entry("odd", "https://b", place="header:X-Odd"), (Secret(SECRET),))
    assert b"x-odd: agent\r\n" in inject(first, "/a", "", bearer)
    again = parse_request_head(b"POST /b HTTP/1.1\r\nHost: gw\r\nX-Odd: agent\r\n", first)
    assert again.pairs is first.pairs
    raw = inject(again, "/b", "", odd)
    assert raw.startswith(b"POST /b HTTP/1.1\r\nhost: b\r\n")
    assert raw.count(b"x-odd: ") == 1
    assert b"agent" not in raw
    changed = parse_request_head(b"GET /a HTTP/1.1\r\nHost: gw\r\nX-Odd: other\r\n", again)
    assert b"x-odd: other\r\n" in inject(changed, "/a", "", bearer)
