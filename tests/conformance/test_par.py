# SPDX-License-Identifier: Apache-2.0
"""Pushed authorization requests, as RFC 9126 has them."""

from urllib.parse import urlencode

import pytest

from smartagent.crypto import SigningKey, system_entropy
from tests.unit.consent.house import CLIENT, answer_of, handle_of

PREFIX = "urn:ietf:params:oauth:request_uri:"


async def push(house, headers=None, **changes):
    return await house.form("/oauth/par", house.asked(**changes), headers)


async def bring(house, request_uri, cookie="", client_id=CLIENT):
    query = urlencode({"client_id": client_id, "request_uri": request_uri})
    return await house.page("GET", f"/oauth/authorize?{query}", cookie)


async def redeemed(house, cookie, reply, headers=None):
    fields = {"request": handle_of(reply), "decision": "allow"}
    decided = await house.page("POST", "/oauth/consent", cookie, fields)
    return await house.redeem(answer_of(decided)["code"], headers)


@pytest.mark.requirement("RFC9126-2.2-1")
async def test_a_pushed_request_is_answered_with_a_reference(house, cookie):
    fields = urlencode(house.asked()).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = await house.world.send(house.world.inbound("POST", "/oauth/par", fields, headers))
    assert (reply.status, reply.body.expires_in) == (201, 60)
    assert reply.body.request_uri.startswith(PREFIX)
    assert ("cache-control", "no-store") in reply.headers
    status, _ = await redeemed(house, cookie, await bring(house, reply.body.request_uri, cookie))
    assert status == 200


@pytest.mark.requirement("RFC9126-2.1-1")
async def test_whoever_is_unknown_pushes_nothing_and_nobody_pushes_a_reference(house):
    status, view = await push(house, client_id="clt_" + "9" * 26)
    assert (status, view["error"]) == (401, "invalid_client")
    status, view = await push(house, request_uri=PREFIX + "x")
    assert (status, view["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC9126-2.3-1")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "orders:delete"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_what_would_be_refused_later_is_refused_at_once(house, changes, code):
    status, view = await push(house, **changes)
    assert (status, view["error"]) == (400, code)


@pytest.mark.requirement("RFC9126-4-1")
async def test_a_reference_is_its_clients_works_once_and_for_a_minute(house, cookie):
    house.client("clt_" + "1" * 26)
    _, view = await push(house)
    assert (await bring(house, view["request_uri"], cookie, "clt_" + "1" * 26)).status == 400
    assert (await bring(house, view["request_uri"], cookie)).status == 303
    assert (await bring(house, view["request_uri"], cookie)).status == 400
    _, view = await push(house)
    house.later(60)
    assert (await bring(house, view["request_uri"], cookie)).status == 400


@pytest.mark.requirement("RFC9126-4-1")
async def test_what_stands_beside_a_reference_changes_nothing(house, cookie):
    _, view = await push(house)
    query = urlencode({"client_id": CLIENT, "request_uri": view["request_uri"], "scope": "orders:write"})
    reply = await house.page("GET", f"/oauth/authorize?{query}", cookie)
    status, answer = await redeemed(house, cookie, reply)
    assert (status, answer["scope"]) == (200, "orders:read")


@pytest.mark.requirement("RFC9449-10.1-1")
async def test_a_proof_that_is_pushed_binds_the_code(house, cookie):
    key = SigningKey.generate(system_entropy)
    status, view = await push(house, house.proof(key, "/oauth/par"))
    assert status == 201
    reply = await bring(house, view["request_uri"], cookie)
    assert (await redeemed(house, cookie, reply))[1]["error"] == "invalid_grant"
    _, view = await push(house, house.proof(key, "/oauth/par"))
    reply = await bring(house, view["request_uri"], cookie)
    assert (await redeemed(house, cookie, reply, house.proof(key)))[0] == 200
    status, view = await push(house, house.proof(key, "/oauth/par"), dpop_jkt="A" * 43)
    assert (status, view["error"]) == (400, "invalid_request")
