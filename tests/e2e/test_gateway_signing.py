# SPDX-License-Identifier: Apache-2.0
"""Amazon's own client behind the proxy: it signs with keys that it made up, and the upstream sees the real ones'."""

import asyncio
import hashlib
import io

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from smartagent.kernel import Secret
from tests.e2e.test_forward_proxy import tunneled
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import reply

pytestmark = pytest.mark.e2e
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STS = reply(
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Arn>arn:aws:iam::1:user/real</Arn><UserId>A</UserId><Account>1</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>",
    "Content-Type: text/xml",
)
OK = reply(b"")


def resigned(seen, service, region="eu-west-1"):
    """Return what the request's signature should be, by Amazon's library and the real keys."""
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(KEY_ID, SECRET_KEY), service, region)
    headers = {name.lower(): value for name, value in seen.headers.items()}
    names = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    url = f"https://{headers['host']}{seen.target}"
    request = AWSRequest(seen.method, url, headers={name: headers[name] for name in names if name != "host"})
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request)


def signature_of(seen):
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/")
    return headers["authorization"].rpartition("Signature=")[2]


async def chunks(reader):
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


def script(answer):
    async def serve(request, reader, writer):
        headers = {name.lower(): value for name, value in request.headers.items()}
        request.body = await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("transfer-encoding") == "chunked":
            request.body = await chunks(reader)
        writer.write(answer)

    return serve


def client(rig, service):
    proxy = f"http://agent:{TOKEN}@127.0.0.1:{rig.here.port}"
    return boto3.client(
        service,
        endpoint_url=f"https://{rig.host}",
        region_name="eu-west-1",
        aws_access_key_id="AKIAMADEUPMADEUPMADE",
        aws_secret_access_key="made-up",
        verify=str(rig.ca_file),
        config=Config(
            proxies={"https": proxy}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )


def furnish(rig, service):
    rig.doors.secrets["crm-key"] = (Secret(f"{KEY_ID}:{SECRET_KEY}".encode()),)
    (entry,) = rig.doors.entries.values()
    rig.doors.entries["crm"] = type(entry)("crm", entry.base_url, place=f"aws-sigv4:eu-west-1/{service}")


async def test_a_call_with_a_body_is_signed_with_its_digest(tmp_path):
    async with tunneled(tmp_path, script(STS)) as rig:
        furnish(rig, "sts")
        found = await asyncio.to_thread(client(rig, "sts").get_caller_identity)
        assert found["Arn"] == "arn:aws:iam::1:user/real"
        (seen,) = rig.here.origin.requests
        assert signature_of(seen) == resigned(seen, "sts")
        headers = {name.lower(): value for name, value in seen.headers.items()}
        assert headers["x-amz-content-sha256"] == hashlib.sha256(seen.body).hexdigest()
        assert b"MADEUP" not in seen.raw
        assert SECRET_KEY.encode() not in seen.raw


async def test_an_upload_streams_unsigned_over_tls(tmp_path):
    async with tunneled(tmp_path, script(OK)) as rig:
        furnish(rig, "s3")
        body = io.BytesIO(b"x" * 1_000_000)
        await asyncio.to_thread(client(rig, "s3").put_object, Bucket="orders", Key="a b/ü", Body=body)
        (seen,) = rig.here.origin.requests
        assert signature_of(seen) == resigned(seen, "s3")
        headers = {name.lower(): value for name, value in seen.headers.items()}
        assert "UNSIGNED-PAYLOAD" in headers["x-amz-content-sha256"]
        assert len(seen.body) >= 1_000_000


async def test_a_body_that_must_be_known_and_is_too_long_is_refused(tmp_path):
    async with tunneled(tmp_path, script(STS)) as rig:
        furnish(rig, "lambda")
        agent = await rig.tunnel()
        rig.ask(agent, "/x", method="POST", fields="Content-Length: 400000\r\n")
        agent.writer.write(bytes(400_000))
        assert (await agent.head())[0] == 413
        assert rig.here.origin.requests == []


async def test_a_body_that_the_client_signs_in_pieces_is_refused(tmp_path):
    async with tunneled(tmp_path, script(STS)) as rig:
        furnish(rig, "s3")
        agent = await rig.tunnel()
        rig.ask(agent, "/x", fields="X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n")
        assert (await agent.answer()).status == 502
        assert rig.here.origin.requests == []
