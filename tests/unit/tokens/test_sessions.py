# SPDX-License-Identifier: Apache-2.0
"""The nonce handshake."""

import asyncio

import jwt
import pytest

from smartagent.crypto import b64u, operator_message, session_message, sha256
from tests.unit.identity.world import GATEWAY, ISSUER, challenge


def last(world):
    return world.store.records[-1]


async def test_a_signed_nonce_opens_a_session(world, bot):
    view = await bot.session()
    claims = jwt.decode(view["access_token"], options={"verify_signature": False})
    assert view["token_type"] == "Bearer"
    assert (view["expires_in"], view["expires_at"]) == (900, "2027-01-15T08:15:00Z")
    assert (view["jti"], view["session_id"]) == (claims["jti"], claims["sid"])
    assert view["audit_url"] == f"{ISSUER}/v1/audit/{view['jti']}"
    assert claims["aud"] == GATEWAY
    assert "cnf" not in claims


async def test_the_session_is_recorded_with_its_challenge(world, bot):
    body = await bot.session_body(scope="orders:read", audience="https://api.example")
    issued = last(world)
    await world.call("POST", "/v1/sessions", body)
    record = last(world)
    assert record.event == "token.issued"
    assert (
        record.detail["challenge"] == issued.detail["challenge"] == sha256(body["nonce"].encode()).hex()[:16]
    )
    assert record.detail["scope"] == "orders:read"
    assert record.detail["aud"] == "https://api.example"
    assert record.caller == record.subject == bot.id


async def test_a_nonce_works_once_also_on_two_nodes_at_once(world, bot):
    other = await world.another_node("two").start()
    body = await bot.session_body()
    answers = await asyncio.gather(*(node.call("POST", "/v1/sessions", body) for node in (world, other) * 3))
    assert sorted(status for status, _ in answers) == [201, 401, 401, 401, 401, 401]
    assert last(world).reason == "the nonce was used"
    assert last(world).caller == bot.id


async def test_a_refused_request_uses_its_nonce_up(world, bot):
    body = await bot.session_body()
    status, view = await world.call("POST", "/v1/sessions", body | {"scope": "orders:delete"})
    assert (status, view["type"]) == (400, "urn:smartagent:error:scope-not-granted")
    assert (await world.call("POST", "/v1/sessions", body))[0] == 401


async def test_a_clock_set_back_revives_no_used_nonce(world, bot):
    body = await bot.session_body()
    assert (await world.call("POST", "/v1/sessions", body))[0] == 201
    world.clock.at -= 3600
    world.store.forget_claims()
    assert (await world.call("POST", "/v1/sessions", body))[0] == 401


async def test_a_nonce_lives_a_minute(world, bot):
    body = await bot.session_body()
    world.clock.at += 60
    assert (await world.call("POST", "/v1/sessions", body))[0] == 401
    assert last(world).reason == "the nonce has expired"


async def test_a_nonce_is_for_one_agent_and_one_purpose(world, ada, bot):
    other = await world.agent(ada)
    nonce = await challenge(world, agent=bot.id)
    signature = b64u(other.key.sign(session_message(ISSUER, other.id, nonce)))
    body = {"agent": other.id, "nonce": nonce, "signature": signature}
    assert (await world.call("POST", "/v1/sessions", body))[0] == 401
    signature = b64u(ada.key.sign(operator_message(ISSUER, ada.id, nonce)))
    body = {"operator": ada.id, "nonce": nonce, "signature": signature}
    assert (await world.call("POST", "/v1/operator-sessions", body))[0] == 401


async def test_the_signature_is_the_agents_over_this_house_and_purpose(world, ada, bot):
    other = await world.agent(ada)
    nonce = await challenge(world, agent=bot.id)
    for key, message in (
        (other.key, session_message(ISSUER, bot.id, nonce)),
        (bot.key, session_message("https://other.example", bot.id, nonce)),
        (bot.key, operator_message(ISSUER, bot.id, nonce)),
        (bot.key, nonce.encode()),
    ):
        body = {"agent": bot.id, "nonce": nonce, "signature": b64u(key.sign(message))}
        status, view = await world.call("POST", "/v1/sessions", body)
        assert (status, view["type"]) == (401, "urn:smartagent:error:unauthenticated")
        assert last(world).reason == "the signature does not hold"
    # None of them used the nonce up: whoever cannot sign cannot burn it.
    body = {
        "agent": bot.id,
        "nonce": nonce,
        "signature": b64u(bot.key.sign(session_message(ISSUER, bot.id, nonce))),
    }
    assert (await world.call("POST", "/v1/sessions", body))[0] == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scope": "orders:delete"}, "scope-not-granted"),
        ({"audience": "https://evil.example"}, "audience-not-granted"),
        ({"extra": "x"}, "malformed-request"),
        ({"signature": 1}, "malformed-request"),
    ],
)
async def test_what_is_not_granted_or_not_understood_is_refused(world, bot, change, code):
    status, view = await world.call("POST", "/v1/sessions", await bot.session_body() | change)
    assert (status, view["type"]) == (400, f"urn:smartagent:error:{code}")


async def test_unknown_agents_and_operators_are_nobody(world, bot):
    body = await bot.session_body()
    assert (await world.call("POST", "/v1/sessions", body | {"agent": "agt_nobody"}))[0] == 401
    body = {"operator": "opr_nobody", "nonce": body["nonce"], "signature": body["signature"]}
    assert (await world.call("POST", "/v1/operator-sessions", body))[0] == 401


async def test_an_operators_token_is_bound_to_their_key_and_short(world, ada):
    view = await ada.login()
    claims = jwt.decode(view["access_token"], options={"verify_signature": False})
    assert (view["token_type"], view["expires_in"]) == ("DPoP", 900)
    assert claims["cnf"] == {"jkt": ada.key.public.thumbprint}
    assert (claims["aud"], claims["sub"], claims["role"]) == (ISSUER, ada.id, "operator")
    assert (last(world).event, last(world).subject) == ("token.issued", ada.id)
