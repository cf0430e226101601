# SPDX-License-Identifier: Apache-2.0
"""Signatures are those that Amazon's own library makes, and the keys are in none of what leaves."""

import hashlib

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from smartagent.gateway.errors import CredentialUnusable
from smartagent.gateway.head import parse_request_head
from smartagent.gateway.inject import inject
from smartagent.gateway.plan import plan_for
from smartagent.gateway.signing import Covered, Outgoing
from smartagent.gateway.sigv4 import aws_signer
from smartagent.kernel import Secret
from tests.unit.gateway.fakes import Entry

KEY_ID, SECRET_KEY, TOKEN = (
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "FwoGZXIvYXdzEXAMPLETOKEN==",
)
NOW, STAMP = 1_795_258_800, "20261121T110000Z"
KEYS = Secret(f"{KEY_ID}:{SECRET_KEY}".encode())
WITH_TOKEN = Secret(f"{KEY_ID}:{SECRET_KEY}:{TOKEN}".encode())


def amazons(method, url, place, fields, digest, token=""):
    """Sign as botocore does."""
    region, _, service = place.partition("/")
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    auth = kind(Credentials(KEY_ID, SECRET_KEY, token or None), service, region)
    request = AWSRequest(method=method, url=url, headers=dict(fields))
    request.context["timestamp"] = STAMP
    request.headers["X-Amz-Date"] = STAMP
    request.headers["X-Amz-Content-SHA256"] = digest
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    names = auth.signed_headers(auth.headers_to_sign(request))
    scope = f"{STAMP[:8]}/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders={names}, Signature={signature}"


@pytest.mark.parametrize("token", ["", TOKEN])
@pytest.mark.parametrize(
    ("method", "place", "target", "fields"),
    [
        ("GET", "eu-central-1/sts", "/?Action=GetCallerIdentity&Version=2011-06-15", []),
        ("POST", "us-east-1/dynamodb", "/", [("x-amz-target", "DynamoDB_20120810.ListTables")]),
        ("GET", "eu-west-1/s3", "/bucket/a%20b/c%2Bd?list-type=2&prefix=x%2Fy", []),
        ("PUT", "eu-west-1/s3", "/bucket/%C3%BC", [("x-amz-meta-note", "  two   spaces ")]),
        ("GET", "eu-west-1/lambda", "/2015-03-31/functions/a%3Ab/invocations", []),
        ("GET", "eu-west-1/execute-api", "/stage/x?b=2&a=1&a=0&flag", []),
        ("DELETE", "us-gov-west-1/sqs", "/123/queue/", []),
    ],
)
def test_signatures_are_amazons(method, place, target, fields, token):
    path, _, query = target.partition("?")
    digest = hashlib.sha256(b"body").hexdigest()
    host = "service.example"
    signer = aws_signer(place, WITH_TOKEN if token else KEYS)
    asked = Outgoing(method, path, query, [("host", host), *fields])
    made = dict(signer.sign(asked, Covered(digest), NOW))
    expected = amazons(method, f"https://{host}{target}", place, fields, digest, token)
    assert made["authorization"] == expected
    assert made["x-amz-date"] == STAMP
    assert made.get("x-amz-security-token", "") == token


def sent(fields=b"", secret=KEYS, method=b"PUT", place="aws-sigv4:eu-west-1/s3"):
    plan = plan_for(Entry("aws", "https://s3.example", place=place), (secret,))
    raw = method + b" /aws/bucket/key HTTP/1.1\r\nHost: gw\r\nContent-Length: 4\r\n" + fields
    return plan, inject(
        parse_request_head(raw), "/bucket/key", "", plan, "", (Covered("UNSIGNED-PAYLOAD"), NOW)
    )


def test_what_the_client_signed_is_taken_out_and_signed_anew():
    made_up = (
        b"Authorization: AWS4-HMAC-SHA256 Credential=AGENT\r\nX-Amz-Date: 1\r\nX-Amz-Content-Sha256: x\r\n"
    )
    _, raw = sent(made_up + b"X-Amz-Security-Token: agent\r\nX-Amz-Acl: private\r\n")
    fields = [line.partition(b": ") for line in raw.split(b"\r\n")[1:-2]]
    names = [name for name, _, _ in fields]
    assert all(names.count(name) == 1 for name in (b"authorization", b"x-amz-date", b"x-amz-content-sha256"))
    values = {name: value for name, _, value in fields}
    assert b"AGENT" not in raw
    assert b"x-amz-security-token" not in values
    assert b"SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date," in values[b"authorization"]
    assert SECRET_KEY.encode() not in raw


def test_answers_are_searched_for_the_keys_and_not_for_the_id():
    plan, _ = sent(secret=WITH_TOKEN)
    needles = set(plan.variants.needles)
    assert {SECRET_KEY.encode(), TOKEN.encode()} <= needles
    assert KEY_ID.encode() not in needles


def test_a_secret_of_another_kind_that_the_keys_replaced_is_searched_for_as_it_is():
    entry = Entry("aws", "https://s3.example", place="aws-sigv4:eu-west-1/s3")
    plan = plan_for(entry, (KEYS, Secret(b"an-older-bearer-key")))
    assert {SECRET_KEY.encode(), b"an-older-bearer-key"} <= set(plan.variants.needles)


@pytest.mark.parametrize("secret", [b"no colon", b"short:key", KEY_ID.encode() + b":a blank in the secret"])
def test_what_are_no_keys_is_refused(secret):
    with pytest.raises(CredentialUnusable):
        plan_for(Entry("aws", "https://s3.example", place="aws-sigv4:eu-west-1/s3"), (Secret(secret),))
