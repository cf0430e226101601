# SPDX-License-Identifier: Apache-2.0
"""Introspection: who may ask about which token, and what they are told."""

import jwt
import pytest

from smartagent.kernel import Work
from smartagent.tokens import RevocationKind, revocation_of
from tests.unit.identity.world import GATEWAY, ISSUER, START
from tests.unit.oauth.enquiries import (
    ORDERS,
    acting,
    bearer,
    headers_of,
    mint,
    open_enquiries,
    post,
    protect,
    public_client,
    shown,
    signed,
    signing_client,
)

NOW = int(START)
PATH = "/oauth/introspect"
JWT = "application/token-introspection+jwt"


@pytest.fixture(autouse=True)
def _open(world):
    open_enquiries(world)


@pytest.fixture
def orders(world):
    """A resource server, and a client of its own to ask by."""
    protect(world, "clt_orders")
    return signing_client(world)


def for_orders(world, bot, **changes):
    changes = {"audience": ORDERS, "scope": "orders:read", "role": "order-reader", **changes}
    return mint(world, bot.id, **changes)


async def test_an_introspector_is_told_what_a_token_says(world, bot, orders):
    issued = for_orders(world, bot, acr="urn:example:key", auth_time=NOW - 5, amr=("hwk",))

    reply = await post(world, PATH, signed(orders, token=issued.token, token_type_hint="access_token"))

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert headers_of(reply) == {"cache-control": ["no-store"], "pragma": ["no-cache"]}
    assert shown(reply) == {
        "active": True,
        "iss": ISSUER,
        "sub": bot.id,
        "aud": ORDERS,
        "exp": NOW + 900,
        "iat": NOW,
        "jti": issued.claims.jti,
        "client_id": bot.id,
        "token_type": "Bearer",
        "scope": "orders:read",
        "role": "order-reader",
        "sid": issued.claims.sid,
        "acr": "urn:example:key",
        "auth_time": NOW - 5,
        "amr": ["hwk"],
    }


async def test_what_binds_a_token_is_told_with_it(world, ada, bot, orders):
    details = ({"type": "smartagent_call", "method": "GET", "path": "/x"},)
    issued = mint(
        world,
        ada.id,
        client_id=bot.id,
        audience=ORDERS,
        jkt="thumb",
        act=acting(bot.id),
        authorization_details=details,
        lineage=("dlg_1",),
    )

    told = shown(await post(world, PATH, signed(orders, token=issued.token)))

    assert told["token_type"] == "DPoP"
    assert told["cnf"] == {"jkt": "thumb"}
    assert told["act"] == {"sub": bot.id}
    assert told["authorization_details"] == list(details)
    assert not {"lin", "audit_url", "may_act", "status"} & told.keys()


async def test_who_holds_a_token_may_ask_about_it(world, bot):
    issued = mint(world, bot.id)

    assert shown(await post(world, PATH, signed(bot, token=issued.token)))["active"] is True
    assert shown(await post(world, PATH, {"token": issued.token}, bearer(issued.token)))["active"] is True


async def test_a_resource_asks_with_a_token_of_its_own_and_signs_nothing(world, ada, bot):
    server = await world.agent(ada)
    protect(world, server.id)
    issued, own = for_orders(world, bot), mint(world, server.id)

    for _ in range(2):
        told = shown(await post(world, PATH, {"token": issued.token}, bearer(own.token)))
        assert (told["active"], told["jti"]) == (True, issued.claims.jti)


async def expired(world, bot):
    token = for_orders(world, bot, life_seconds=60).token
    world.clock.at += 60
    return token


async def revoked(world, bot):
    issued = for_orders(world, bot)
    writes, changes = revocation_of(RevocationKind.TOKEN, issued.claims.jti, now=world.clock.now())
    await world.store.commit(Work((), (), writes, changes))
    return issued.token


async def of_an_agent_that_is_gone(world, bot):
    return mint(world, "agt_00000000000000000000000000", audience=ORDERS).token


async def for_another_audience(world, bot):
    return for_orders(world, bot, audience="https://other.example").token


async def for_the_gateway(world, bot):
    return for_orders(world, bot, audience=GATEWAY).token


async def tampered_with(world, bot):
    token = for_orders(world, bot).token
    return token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")


async def nonsense(world, bot):
    return "nonsense"


async def too_long(world, bot):
    return "a" * 9000


OTHERS = [
    expired,
    revoked,
    of_an_agent_that_is_gone,
    for_another_audience,
    for_the_gateway,
    tampered_with,
    nonsense,
    too_long,
]


@pytest.mark.parametrize("other", OTHERS)
async def test_of_any_other_token_the_answer_is_the_same_and_the_log_knows_why(world, bot, orders, other):
    token = await other(world, bot)

    reply = await post(world, PATH, signed(orders, token=token))

    assert (reply.status, reply.body) == (200, b'{"active":false}')
    record = world.store.records[-1]
    assert (record.event, record.caller) == ("token.introspected", "clt_orders")
    assert record.detail["active"] == 0
    assert record.detail["why"]
    assert token not in record.encode().decode()


async def test_every_question_is_recorded_with_whom_and_what_it_was_about(world, bot, orders):
    issued = for_orders(world, bot)

    await post(world, PATH, signed(orders, token=issued.token))

    record = world.store.records[-1]
    assert (record.event, record.caller, record.subject) == ("token.introspected", "clt_orders", bot.id)
    assert record.detail == {"active": 1, "about": issued.claims.jti, "aud": ORDERS}


async def test_a_question_without_a_token_is_an_invalid_request(world, orders):
    reply = await post(world, PATH, signed(orders))

    assert reply.status == 400
    assert shown(reply)["error"] == "invalid_request"


async def test_whoever_proves_nothing_is_an_invalid_client(world, bot):
    token = mint(world, bot.id).token
    for fields, headers in (
        ({"token": token}, {}),
        ({"token": token, "client_id": public_client(world).id}, {}),
        ({"token": token}, {"authorization": "Basic YTpi"}),
        ({"token": token}, bearer("nonsense")),
        ({"token": token}, bearer(mint(world, bot.id, audience=ORDERS).token)),
    ):
        reply = await post(world, PATH, fields, headers)
        assert (reply.status, shown(reply)["error"]) == (401, "invalid_client")
        assert headers_of(reply)["www-authenticate"]


async def test_two_ways_to_authenticate_are_one_too_many(world, bot, orders):
    issued = mint(world, bot.id)

    reply = await post(world, PATH, signed(orders, token=issued.token), bearer(issued.token))

    assert (reply.status, shown(reply)["error"]) == (400, "invalid_request")


async def test_a_bound_token_of_the_caller_needs_its_proof(world, bot):
    own = mint(world, bot.id, jkt="thumb")

    reply = await post(world, PATH, {"token": own.token}, bearer(own.token))

    assert (reply.status, shown(reply)["error"]) == (401, "invalid_client")


@pytest.fixture
async def _rsa(world):
    await world.tokens.rings.tend(world.store)


@pytest.mark.usefixtures("_rsa")
async def test_a_signed_answer_holds_what_is_told_within(world, bot, orders):
    issued = for_orders(world, bot)

    reply = await post(world, PATH, signed(orders, token=issued.token), {"accept": JWT})

    assert (reply.status, reply.media_type) == (200, JWT)
    token = reply.body.decode()
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "RS256")
    key = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())[header["kid"]]
    options = {"verify_iat": False}
    claims = jwt.decode(
        token, key, algorithms=["RS256"], audience="clt_orders", issuer=ISSUER, options=options
    )
    assert claims.keys() == {"iss", "aud", "iat", "token_introspection"}
    assert claims["iat"] == NOW
    plain = shown(await post(world, PATH, signed(orders, token=issued.token)))
    assert claims["token_introspection"] == plain


@pytest.mark.usefixtures("_rsa")
@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
async def test_a_client_is_answered_with_the_algorithm_it_chose(world, bot, algorithm):
    protect(world, "clt_orders")
    orders = signing_client(world, id_token_alg=algorithm)

    reply = await post(world, PATH, signed(orders, token="nonsense"), {"accept": f"text/html, {JWT};q=0.5"})

    token = reply.body.decode()
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["token_introspection"] == {"active": False}


@pytest.mark.usefixtures("_rsa")
async def test_a_signed_answer_is_for_whoever_asked_by_token(world, bot):
    own = mint(world, bot.id)

    reply = await post(world, PATH, {"token": own.token}, {**bearer(own.token), "accept": JWT})

    assert jwt.decode(reply.body.decode(), options={"verify_signature": False})["aud"] == bot.id


@pytest.mark.parametrize("accept", ["application/json", "*/*", f"{JWT};q=0", f"{JWT}x", ""])
async def test_json_is_what_is_given_unless_the_signed_form_is_asked_for(world, bot, orders, accept):
    reply = await post(world, PATH, signed(orders, token="nonsense"), {"accept": accept})

    assert (reply.media_type, reply.body) == ("application/json", b'{"active":false}')


async def test_a_caller_that_was_revoked_is_told_nothing(world, ada, bot):
    issued = mint(world, bot.id)
    await ada.call(
        "POST", "/v1/revocations", {"kind": "token", "id": issued.claims.jti, "reason": "lost laptop"}
    )

    reply = await post(world, PATH, {"token": issued.token}, bearer(issued.token))

    assert reply.status == 401
