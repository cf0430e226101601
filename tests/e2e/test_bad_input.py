# SPDX-License-Identifier: Apache-2.0
"""Bytes that no honest client sends: a clear refusal, nothing lost, nothing smuggled."""

import asyncio
import contextlib

import pytest

from smartagent.crypto import SigningKey, b64u, sign_compact, system_entropy
from tests.e2e.site import call, furnish, post_form, token_form

pytestmark = pytest.mark.xdist_group("bad-input")

SMUGGLED = b"GET /shop/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def request(head, body=b"", line=b"POST /shop/x HTTP/1.1"):
    return line + b"\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n" + head + b"\r\n" + body


BROKEN = {
    "length and chunked": request(
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED
    ),
    "chunked and length": request(
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + SMUGGLED
    ),
    "two lengths": request(b"Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED),
    "a list of lengths": request(b"Content-Length: 0, 44\r\n", SMUGGLED),
    "a signed length": request(b"Content-Length: +0\r\n", SMUGGLED),
    "a length in hex": request(b"Content-Length: 0x2c\r\n", SMUGGLED),
    "a negative length": request(b"Content-Length: -1\r\n", SMUGGLED),
    "chunked twice": request(
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED
    ),
    "chunked by another name": request(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    "chunked behind a tab": request(b"Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n", SMUGGLED),
    "a blank before the colon": request(b"Content-Length : 44\r\n", SMUGGLED),
    "a folded header": request(b"X-A: 1\r\n Content-Length: 44\r\n", SMUGGLED),
    "a bare line feed": request(b"X-A: 1\nContent-Length: 44\r\n", SMUGGLED),
    "a bare carriage return": request(b"X-A: 1\rContent-Length: 44\r\n", SMUGGLED),
    "a NUL": request(b"X-A: a\x00b\r\n"),
    "a name with a blank": request(b"X A: 1\r\n"),
    "no host": b"GET /shop/x HTTP/1.1\r\nAuthorization: Bearer TOKEN\r\n\r\n",
    "two hosts": request(b"Host: y\r\n"),
    "two proofs": request(b"Authorization: Bearer other\r\n"),
    "another version": request(b"", line=b"GET /shop/x HTTP/3.0"),
    "no version": b"GET /shop/x\r\n\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a bad chunk size": request(b"Transfer-Encoding: chunked\r\n", b"zz\r\n"),
    "an endless chunk size": request(
        b"Transfer-Encoding: chunked\r\n", b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"
    ),
    "a chunk that is too long": request(
        b"Transfer-Encoding: chunked\r\n", b"2\r\nabcd\r\n0\r\n\r\n" + SMUGGLED
    ),
    "a thousand headers": request(b"".join(b"X-%d: 1\r\n" % n for n in range(1000))),
    "a huge header": request(b"X-A: " + b"a" * 200_000 + b"\r\n"),
    "a huge target": request(b"", line=b"GET /" + b"a" * 100_000 + b" HTTP/1.1"),
    "a trace": request(b"", line=b"TRACE /shop/x HTTP/1.1"),
    "a tunnel": b"CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\nAuthorization: Bearer TOKEN\r\n\r\n",
    "dots": request(b"", line=b"GET /shop/a/../../v1/secrets HTTP/1.1"),
    "encoded dots": request(b"", line=b"GET /shop/%2e%2e/x HTTP/1.1"),
    "an encoded slash": request(b"", line=b"GET /shop/a%2fb HTTP/1.1"),
    "double encoding": request(b"", line=b"GET /shop/a%252fb HTTP/1.1"),
    "an encoded NUL": request(b"", line=b"GET /shop/a%00b HTTP/1.1"),
    "a backslash": request(b"", line=b"GET /shop\\x HTTP/1.1"),
    "another authority": request(b"", line=b"GET http://evil.example/shop/x HTTP/1.1"),
}


async def exchange(port, raw):
    """Send `raw` and return all that comes back until the other side closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(raw)
        async with asyncio.timeout(1.5):
            while piece := await reader.read(65_536):
                answer += piece
    except (TimeoutError, OSError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return answer


@pytest.fixture
async def site(sites, shop, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, site.holder = await site.agent(operator)
    closing(agent)
    site.token = await agent.token()
    site.operator_client = operator
    return site


async def test_nothing_is_smuggled_through_the_gateway(site, shop):
    raws = {name: raw.replace(b"TOKEN", site.token.encode()) for name, raw in BROKEN.items()}
    answers = await asyncio.gather(*(exchange(site.gateway_port, raw) for raw in raws.values()))
    for name, answer in zip(raws, answers, strict=True):
        status = answer[9:12]
        assert status[:1] in {b"4", b""} or status in {b"501", b"505"}, (name, answer[:200])
        assert answer.count(b"HTTP/1.1 ") <= 1, (name, answer)
    assert not any("smuggled" in head or b"smuggled" in body for head, body in shop.seen)
    assert (await call(site.gateway, site.token))[0] == 200


async def test_the_authority_refuses_the_same_and_goes_on(site):
    answers = await asyncio.gather(*(exchange(site.port, raw) for raw in BROKEN.values()))
    for name, answer in zip(BROKEN, answers, strict=True):
        assert answer[9:10] in {b"4", b""} or answer[9:12] in {b"501", b"505"}, (name, answer[:200])
        # What follows a broken request on its connection is never taken for a request of its own.
        assert answer.count(b"HTTP/1.1 2") == 0, (name, answer)
    assert await site.ready()


JSON = {
    "nothing": b"",
    "no object": b"[]",
    "a name twice": b'{"agent":"agt_1","agent":"agt_2","purpose":"session"}',
    "not a number": b'{"agent":NaN,"purpose":"session"}',
    "the wrong type": b'{"agent":5,"purpose":"session"}',
    "an unknown member": b'{"agent":"agt_1","purpose":"session","admin":true}',
    "half a pair": b'{"agent":"\\ud800","purpose":"session"}',
    "no UTF-8": b'{"agent":"\xff","purpose":"session"}',
    "deep": b"[" * 5000 + b"]" * 5000,
    "cut": b'{"agent":"agt_1"',
    "two values": b'{"agent":"a","purpose":"session"} {}',
    "too long": b'{"agent":"' + b"a" * 200_000 + b'"}',
}


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/xml", ""])
async def test_a_body_that_is_not_understood_is_refused_with_a_reason(site, media_type):
    for name, body in JSON.items():
        head = f"POST /v1/challenges HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        answer = await exchange(site.port, head.encode() + body)
        assert answer[9:12] in {b"400", b"401", b"413", b"415"}, (name, answer[:300])
        assert b"urn:smartagent:error:" in answer, (name, answer)


async def test_a_token_request_that_is_not_well_formed_gets_an_oauth_error(site):
    good = token_form(site.holder, site.issuer)
    stranger = SigningKey.generate(system_entropy)
    forged = sign_compact({"alg": "EdDSA"}, b"{}", stranger)
    unsigned = ".".join([b64u(b'{"alg":"none"}'), good["client_assertion"].split(".")[1], ""])
    for change, expected in (
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_assertion": "x"}, "invalid_client"),
        ({"client_assertion": forged}, "invalid_client"),
        ({"client_assertion": unsigned}, "invalid_client"),
        ({"client_assertion": "a." * 40_000}, "invalid_request"),
        ({"client_assertion_type": "urn:x"}, "invalid_client"),
        ({"scope": "read admin"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
    ):
        status, body = await post_form(site.url, {**token_form(site.holder, site.issuer), **change})
        assert 400 <= status < 500, (change, body)
        assert body["error"] == expected, (change, body)
    assert (await post_form(site.url, token_form(site.holder, site.issuer)))[0] == 200
