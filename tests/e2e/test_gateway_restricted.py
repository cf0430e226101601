# SPDX-License-Identifier: Apache-2.0
"""Calls with tokens for one call, calls on somebody's behalf, transaction tokens, and the gateway's own pages."""

import pytest
from msgspec import structs

from smartagent.crypto import b64u, sha256
from smartagent.edge import Reply
from smartagent.gateway import GatewaySettings
from smartagent.kernel import CallRestriction, Decision
from tests.e2e.site import until
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"{}", "Content-Type: application/json")
BODY = b'{"amount": 5}'
CHUNKED = "Transfer-Encoding: chunked\r\n"


def taking(bodies):
    """An upstream that reads each body to its end and remembers it, chunked or not."""

    async def script(request, reader, writer):
        if "content-length" in request.headers:
            bodies.append(await reader.readexactly(int(request.headers["content-length"])))
        else:
            bodies.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(OK)

    return script


def restrict(here, body=BODY):
    caller = here.doors.callers[TOKEN]
    restriction = CallRestriction(digest=b64u(sha256(body)))
    here.doors.callers[TOKEN] = structs.replace(caller, restriction=restriction)


@on_both_loops
async def test_a_token_for_one_body_lets_that_body_pass():
    bodies = []
    async with world(taking(bodies)) as here:
        restrict(here)
        agent = await here.agent()
        assert (await agent.call("/crm/pay", "POST", body=BODY)).status == 200
        chunks = b"5\r\n" + BODY[:5] + b"\r\n8\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"
        agent.ask("/crm/pay", "POST", fields=CHUNKED)
        agent.writer.write(chunks)
        assert (await agent.answer("POST")).status == 200
        assert bodies == [BODY, b"d\r\n" + BODY + b"\r\n0\r\n\r\n"]


@pytest.mark.parametrize("body", [b"", b'{"amount": 6}', BODY + b" "])
@on_both_loops
async def test_another_body_goes_no_further_and_the_refusal_is_recorded(body):
    async with world(always(OK)) as here:
        restrict(here)
        agent = await here.agent()
        answer = await agent.call("/crm/pay", "POST", body=body)
        assert (answer.status, here.origin.requests) == (401, [])
        (refusal,) = here.doors.committed
        assert (refusal.decision, refusal.outcome) == (Decision.DENY, "unauthenticated")


@on_both_loops
async def test_the_digest_of_no_body_lets_a_call_without_one_pass():
    async with world(always(OK)) as here:
        restrict(here, b"")
        agent = await here.agent()
        assert (await agent.call("/crm/a")).status == 200


@on_both_loops
async def test_a_body_that_comes_late_is_awaited_and_one_that_never_ends_is_not_sent():
    async with world(always(OK)) as here:
        restrict(here)
        agent = await here.agent()
        agent.ask("/crm/pay", "POST", fields=f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n")
        assert (await agent.head())[0] == 100
        agent.writer.write(BODY)
        assert (await agent.answer("POST")).status == 200
        left = await here.agent()
        left.ask("/crm/pay", "POST", fields=f"Content-Length: {len(BODY)}\r\n")
        left.writer.write(BODY[:3])
        left.writer.close()

        async def recorded():
            return len(here.doors.committed) == 2

        await until(recorded, what="the refusal's record")
        assert here.doors.committed[-1].decision is Decision.DENY
        assert len(here.origin.requests) == 1


@on_both_loops
async def test_a_body_that_must_be_known_beforehand_is_bounded():
    async with world(always(OK), GatewaySettings(sweep_seconds=0.02, buffer_bytes=1000)) as here:
        restrict(here, b"x" * 5000)
        agent = await here.agent()
        assert (await agent.call("/crm/pay", "POST", body=b"x" * 5000)).status == 413
        assert here.origin.requests == []


@on_both_loops
async def test_a_call_on_somebodys_behalf_is_recorded_as_such():
    async with world(always(OK)) as here:
        here.doors.callers[TOKEN] = structs.replace(here.doors.callers[TOKEN], subject="prs_1")
        agent = await here.agent()
        assert (await agent.call("/crm/a")).status == 200
        assert here.doors.committed[0].detail["for"] == "prs_1"


@on_both_loops
async def test_only_upstreams_of_the_trust_domain_are_told_what_the_call_is_about():
    async with world(always(OK), txn_token=True) as here:
        agent = await here.agent()
        await agent.call("/crm/a", fields="Txn-Token: forged\r\nTxn_Token: forged\r\n")
        (seen,) = here.origin.requests
        assert seen.headers["txn-token"] == "about-req_1-of-agt_1"
        assert b"forged" not in seen.raw
        here.doors.entries["crm"] = structs.replace(here.doors.entries["crm"], txn_token=False)
        await agent.call("/crm/a", fields="Txn-Token: forged\r\n")
        assert "txn-token" not in here.origin.requests[1].headers


@on_both_loops
async def test_the_gateways_own_pages_are_shown_to_anybody():
    async with world(always(OK)) as here:
        path = "/.well-known/oauth-protected-resource"
        here.doors.pages[path] = Reply(200, {"resource": "x"})
        agent = await here.agent()
        assert (await agent.call(path, token="none")).body == b'{"resource":"x"}'
        assert (await agent.call(path, "HEAD", token="none")).status == 200
        assert (await agent.call(path, "POST", token="none")).status == 401
        assert (await agent.call("/.well-known/other", token="none")).status == 401
        assert here.origin.requests == []
