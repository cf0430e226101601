# SPDX-License-Identifier: Apache-2.0
"""Where a secret may stand, and which secrets fit there."""

import pytest

from smartagent.kernel import Secret
from smartagent.vault import MalformedSecret, MalformedUpstream, Place, PlaceKind, check_fits, parse_place

AWS = b"AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("raw", "kind", "name"),
    [
        ("bearer", PlaceKind.BEARER, ""),
        ("basic", PlaceKind.BASIC, ""),
        ("header:X-Api-Key", PlaceKind.HEADER, "X-Api-Key"),
        ("header:Authorization", PlaceKind.HEADER, "Authorization"),
        ("query:api_key", PlaceKind.QUERY, "api_key"),
        ("cookie:__Host-s", PlaceKind.COOKIE, "__Host-s"),
        ("json:/api_key", PlaceKind.JSON, "/api_key"),
        ("json:/auth/v1.0/$key", PlaceKind.JSON, "/auth/v1.0/$key"),
        ("hmac:X-Sig", PlaceKind.HMAC, "X-Sig"),
        ("hmac:X-Sig:sha256={hex}:{body}", PlaceKind.HMAC, "X-Sig:sha256={hex}:{body}"),
        ("hmac:S,T:v0={base64}:v0:{timestamp}:{body}", PlaceKind.HMAC, "S,T:v0={base64}:v0:{timestamp}:{body}"),
        ("hmac:S:t={timestamp},v1={hex}", PlaceKind.HMAC, "S:t={timestamp},v1={hex}"),
        ("aws-sigv4:eu-west-1/s3", PlaceKind.AWS_SIGV4, "eu-west-1/s3"),
        ("aws-sigv4:aws-global/iam", PlaceKind.AWS_SIGV4, "aws-global/iam"),
        ("client-certificate", PlaceKind.CLIENT_CERTIFICATE, ""),
        ("jwt", PlaceKind.JWT, ""),
        ("jwt:https://api.example/v1", PlaceKind.JWT, "https://api.example/v1"),
    ],
)  # fmt: skip
def test_a_place_is_its_kind_and_a_name(raw, kind, name):
    assert parse_place(raw) == Place(kind, name)


@pytest.mark.parametrize(
    "raw",
    [
        "", "Bearer", "bearer:", "bearer:x", "basic:", "header", "header:", "header:a b", "header:a\r\nb", "header:é",
        "query", "query:", "query:a=b", "query:a&b", "query:a\n", "cookie:", "cookie:a=b", "cookie:a;b", "body:x", "path:1",
        "json", "json:", "json:/", "json:a", "json:/a/", "json:/a//b", "json:/a b", "json:" + "/a" * 9,
        "hmac", "hmac:", "hmac:a b", "hmac:A,B,C", "hmac:A:", "hmac:A:x", "hmac:A:{hex}{hex}", "hmac:A:{hex}:", "hmac:A:{hex}:{key}",
        "hmac:A:{hex}:{body", "hmac:A:{hex}:a\nb", "hmac:A:{hex}\r\nX: y", "hmac:A:é{hex}", "hmac:A:{hex}:" + "a" * 600,
        "aws-sigv4:", "aws-sigv4:eu-west-1", "aws-sigv4:EU/s3", "aws-sigv4:eu-west-1/S3", "client-certificate:", "jwt:", "jwt:a b",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused(raw):
    with pytest.raises(MalformedUpstream, match=r"^place: bearer, basic"):
        parse_place(raw)


@pytest.mark.parametrize(
    "name",
    [
        "Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Cookie", "Origin", "Referer", "X-Forwarded-For",
        "Proxy-Authorization", "Sec-Fetch-Site", "User-Agent",
    ],
)  # fmt: skip
def test_fields_with_another_use_are_no_places(name):
    for place in (f"header:{name}", f"hmac:{name}", f"hmac:X-Sig,{name}"):
        with pytest.raises(MalformedUpstream, match="has another use"):
            parse_place(place)


@pytest.mark.parametrize(
    ("value", "place", "fits"),
    [
        (b"key", "bearer", True),
        (b"key\n", "bearer", False),
        (b"key\r", "header:X-Key", False),
        (b" key", "bearer", False),
        (b"key ", "bearer", False),
        (b"a\0b", "bearer", False),
        (b"", "bearer", False),
        (b"a b\tc", "header:X-Key", True),
        (b"\xff\x80", "bearer", True),
        (b"user:pass", "basic", True),
        (b"userpass", "basic", False),
        (b"user:pass\n", "basic", False),
        (b"a-b=c", "cookie:s", True),
        (b"a-b; c=d", "cookie:s", False),
        (b"a-b c", "cookie:s", False),
        (b'"a-b"', "cookie:s", False),
        (b"anything\n\0", "query:key", True),
        (b"anything\n\0", "", True),
        (b'any "text"\n', "json:/key", True),
        (b"\xff", "json:/key", False),
        (b"any bytes \xff\n", "hmac:X-Sig", True),
        (b"", "hmac:X-Sig", False),
        (AWS, "aws-sigv4:eu-west-1/s3", True),
        (AWS + b":session-token-of-some-length", "aws-sigv4:eu-west-1/s3", True),
        (b"AKIA:short", "aws-sigv4:eu-west-1/s3", False),
        (b"a secret", "jwt", False),
        (b"-----BEGIN NOTHING-----", "client-certificate", False),
    ],
)
def test_a_secret_fits_where_it_can_be_sent_as_it_is(value, place, fits):
    if fits:
        check_fits(Secret(value), place)
    else:
        with pytest.raises(MalformedSecret) as caught:
            check_fits(Secret(value), place)
        shown = value.decode("latin-1").strip()
        assert len(shown) < 4 or shown not in str(caught.value).replace("key", "").replace("a secret ", "")
