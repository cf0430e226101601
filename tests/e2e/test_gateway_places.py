# SPDX-License-Identifier: Apache-2.0
"""Credentials in bodies, as signatures over them, and as tokens of the house's own, over real sockets."""

import hashlib
import hmac
import json

import pytest
from msgspec import structs

from smartagent.gateway import GatewaySettings
from smartagent.kernel import Caller, CallerKind, Decision
from tests.unit.gateway.fakes import SECRET
from tests.unit.gateway.origin import on_both_loops, reply, world

pytestmark = pytest.mark.e2e
JSON = "Content-Type: application/json\r\n"
PLACE = "json:/auth/key"


async def echo(request, reader, writer):
    """Answer with the body as it came, of either framing, and remember it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if headers.get("transfer-encoding") == "chunked":
        request.body = b""
        while size := int(await reader.readline(), 16):
            request.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    else:
        request.body = await reader.readexactly(int(headers.get("content-length", 0)))
    writer.write(reply(request.body))


@on_both_loops
async def test_the_member_of_a_body_is_the_secret_and_does_not_come_back():
    async with world(echo, place=PLACE) as here:
        agent = await here.agent()
        body = b'{"auth": {"user": "u", "key": "made-up"}, "n": 1.50}'
        for _ in range(2):
            answer = await agent.call(method="POST", fields=JSON, body=body)
            assert answer.status == 200
            assert SECRET not in answer.raw
        first, second = here.origin.requests
        assert json.loads(first.body) == {"auth": {"user": "u", "key": SECRET.decode()}, "n": 1.5}
        assert b"1.50" in first.body
        assert first.body == second.body
        assert {"authorization", "transfer-encoding"} & set(first.headers) == set()


@on_both_loops
async def test_a_body_in_chunks_goes_on_with_its_length():
    async with world(echo, place=PLACE) as here:
        agent = await here.agent()
        agent.ask(method="POST", fields=JSON + "Transfer-Encoding: chunked\r\n")
        for piece in (b'{"a"', b": 1}"):
            agent.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        agent.writer.write(b"0\r\n\r\n")
        assert (await agent.answer()).status == 200
        (seen,) = here.origin.requests
        assert json.loads(seen.body) == {"a": 1, "auth": {"key": SECRET.decode()}}
        assert int(seen.headers["content-length"]) == len(seen.body)


@on_both_loops
async def test_a_client_that_waits_for_continue_is_told_to():
    async with world(echo, place=PLACE) as here:
        agent = await here.agent()
        agent.ask(method="POST", fields=JSON + "Expect: 100-continue\r\nContent-Length: 2\r\n")
        assert (await agent.head())[0] == 100
        agent.writer.write(b"{}")
        assert (await agent.answer()).status == 200


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (JSON, b"[]"),
        (JSON, b'{"auth": "text"}'),
        ("Content-Type: text/plain\r\n", b"{}"),
        (JSON + "Content-Encoding: gzip\r\n", b"{}"),
        (JSON, b""),
    ],
)
@on_both_loops
async def test_a_body_without_a_place_is_refused_and_nothing_leaves(fields, body):
    async with world(echo, place=PLACE) as here:
        agent = await here.agent()
        answer = await agent.call(method="POST", fields=fields, body=body)
        assert answer.status == 400
        assert json.loads(answer.body)["type"].endswith("body-unfit")
        assert here.origin.connections == 0
        assert [each.decision for each in here.doors.committed] == [Decision.DENY]
        assert (await agent.call(method="POST", fields=JSON, body=b"{}")).status == 200


@on_both_loops
async def test_a_body_that_is_too_long_to_be_held_is_refused():
    async with world(echo, GatewaySettings(sweep_seconds=0.02, buffer_bytes=1000), place=PLACE) as here:
        agent = await here.agent()
        body = json.dumps({"a": "x" * 2000}).encode()
        assert (await agent.call(method="POST", fields=JSON, body=body)).status == 413
        assert here.origin.connections == 0


@on_both_loops
async def test_a_signature_covers_the_body_that_the_upstream_gets():
    place = "hmac:X-Signature,X-Time:sha256={hex}:{timestamp}.{method}.{target}.{body}"
    async with world(echo, place=place) as here:
        agent = await here.agent()
        answer = await agent.call("/crm/a?x=1", "POST", fields="X-Signature: made-up\r\n", body=b"\xffbody")
        assert answer.status == 200
        (seen,) = here.origin.requests
        told = f"{int(here.doors.clock)}.POST./a?x=1.".encode() + b"\xffbody"
        made = hmac.new(SECRET, told, hashlib.sha256).hexdigest()
        assert seen.headers["x-signature"] == f"sha256={made}"
        assert seen.headers["x-time"] == str(int(here.doors.clock))
        assert seen.body == b"\xffbody"
        assert b"made-up" not in seen.raw


@on_both_loops
async def test_what_is_not_signed_streams():
    async with world(
        echo, GatewaySettings(sweep_seconds=0.02, buffer_bytes=1000), place="hmac:X-Sig:{hex}:{path}"
    ) as here:
        agent = await here.agent()
        answer = await agent.call(method="POST", body=bytes(50_000))
        assert len(answer.body) == 50_000
        made = hmac.new(SECRET, b"/a", hashlib.sha256).hexdigest()
        assert here.origin.requests[0].headers["x-sig"] == made


@pytest.mark.parametrize(
    ("place", "audience"), [("jwt", ""), ("jwt:https://crm.example", "https://crm.example")]
)
@on_both_loops
async def test_a_token_of_the_house_says_to_the_upstream_who_calls_and_does_not_come_back(place, audience):
    async def tell(request, reader, writer):
        writer.write(reply(request.headers["authorization"].encode()))

    async with world(tell, secret="", place=place) as here:
        here.doors.callers["other"] = Caller("agt_2", CallerKind.AGENT, "reader", "ses_2", "aat_2")
        agent = await here.agent()
        answers = [await agent.call(), await agent.call(token="other"), await agent.call()]
        wanted = audience or here.doors.entries["crm"].base_url
        names = ["agt_1-aat_1", "agt_2-aat_2", "agt_1-aat_1"]
        tokens = [f"house-token-of-{name}-for-{wanted}" for name in names]
        assert [seen.headers["authorization"] for seen in here.origin.requests] == [
            f"Bearer {each}" for each in tokens
        ]
        assert all(token.encode() not in answer.raw for token, answer in zip(tokens, answers, strict=True))


@on_both_loops
async def test_an_entry_that_changes_its_place_is_called_in_the_new_way_at_once():
    async with world(echo, place="bearer") as here:
        agent = await here.agent()
        await agent.call()
        here.doors.entries["crm"] = structs.replace(here.doors.entries["crm"], place="header:X-Key")
        await agent.call()
        first, second = here.origin.requests
        assert "authorization" in first.headers
        assert second.headers["x-key"] == SECRET.decode()
        assert "authorization" not in second.headers
