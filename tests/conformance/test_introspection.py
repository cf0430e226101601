# SPDX-License-Identifier: Apache-2.0
"""Token introspection, and its signed answers, on the wire."""

import jwt
import pytest

from smartagent.edge import MethodNotAllowed
from smartagent.oauth.documents import Abilities, ServerMetadata
from tests.unit.identity.world import ISSUER, START
from tests.unit.oauth.enquiries import (
    ORDERS,
    bearer,
    headers_of,
    mint,
    open_enquiries,
    post,
    protect,
    shown,
    signed,
    signing_client,
)

PATH = "/oauth/introspect"
MEDIA_TYPE = "application/token-introspection+jwt"
INACTIVE = b'{"active":false}'


@pytest.fixture
def orders(world):
    open_enquiries(world)
    protect(world, "clt_orders")
    return signing_client(world)


@pytest.fixture
def token(world, bot):
    return mint(world, bot.id, audience=ORDERS, scope="orders:read", acr="urn:example:key").token


async def signed_answer(world, orders, token):
    reply = await post(world, PATH, signed(orders, token=token), {"accept": MEDIA_TYPE})
    raw = reply.body.decode()
    header = jwt.get_unverified_header(raw)
    key = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())[header["kid"]]
    claims = jwt.decode(
        raw,
        key,
        algorithms=["RS256", "EdDSA"],
        audience="clt_orders",
        issuer=ISSUER,
        options={"verify_iat": False},
    )
    return reply, header, claims


@pytest.mark.requirement("RFC7662-2.1-1", "RFC7662-2.2-1", "RFC7662-2.1-2")
async def test_a_client_asks_with_a_form_and_is_told_in_json(world, orders, token):
    reply = await post(world, PATH, signed(orders, token=token))

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert shown(reply)["active"] is True
    missing = await post(world, PATH, signed(orders))
    assert (missing.status, shown(missing)["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC7662-2.1-2")
async def test_a_caller_may_use_a_token_of_its_own(world, orders, bot, token):
    own = mint(world, bot.id).token

    assert shown(await post(world, PATH, {"token": token}, bearer(own)))["active"] is True


@pytest.mark.requirement("RFC7662-2.1-3")
@pytest.mark.parametrize("hint", ["refresh_token", "nonsense"])
async def test_a_wrong_hint_is_no_matter(world, orders, token, hint):
    reply = await post(world, PATH, signed(orders, token=token, token_type_hint=hint))

    assert shown(reply)["active"] is True


@pytest.mark.requirement("RFC7662-2.2-2", "RFC7662-2.3-2", "RFC7662-4-1")
async def test_of_what_does_not_hold_only_that_is_said(world, orders, bot, token):
    world.clock.at = START + 900
    for dead in (token, "nonsense", token[:-3] + "AAA"):
        reply = await post(world, PATH, signed(orders, token=dead))
        assert (reply.status, reply.body) == (200, INACTIVE)


@pytest.mark.requirement("RFC7662-2.2-3")
async def test_a_token_of_another_resource_is_none_of_the_callers(world, orders, bot):
    other = mint(world, bot.id, audience="https://other.example").token

    assert (await post(world, PATH, signed(orders, token=other))).body == INACTIVE


@pytest.mark.requirement("RFC7662-2.3-1")
async def test_whoever_proves_nothing_is_told_so(world, orders, token):
    for headers in ({}, bearer("nonsense")):
        reply = await post(world, PATH, {"token": token, "client_id": "clt_orders"}, headers)
        assert (reply.status, shown(reply)["error"]) == (401, "invalid_client")
        assert headers_of(reply)["www-authenticate"]


@pytest.mark.requirement("RFC7662-4-2")
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_token_is_asked_about_in_a_url(world, orders, method):
    with pytest.raises(MethodNotAllowed):
        world.router.match(method, PATH)


@pytest.mark.requirement("RFC9701-4-1", "RFC9701-5-1", "RFC9701-5-2", "RFC9701-8.1-1")
async def test_a_signed_answer_is_its_own_kind_of_token(world, orders, token):
    reply, header, claims = await signed_answer(world, orders, token)

    assert (reply.status, reply.media_type) == (200, MEDIA_TYPE)
    assert header["typ"] == "token-introspection+jwt"
    assert claims.keys() == {"iss", "aud", "iat", "token_introspection"}
    assert claims["iat"] == START
    assert claims["token_introspection"]["active"] is True
    assert claims["token_introspection"]["aud"] == ORDERS


@pytest.mark.requirement("RFC9701-5-3")
async def test_a_signed_answer_about_an_inactive_token_says_nothing_else(world, orders):
    _, _, claims = await signed_answer(world, orders, "nonsense")

    assert claims["token_introspection"] == {"active": False}


@pytest.mark.requirement("RFC9701-6-1")
@pytest.mark.parametrize(("chosen", "alg"), [({}, "RS256"), ({"id_token_alg": "EdDSA"}, "EdDSA")])
async def test_the_client_chooses_how_the_answer_is_signed(world, orders, token, chosen, alg):
    client = signing_client(world, **chosen)

    _, header, _ = await signed_answer(world, client, token)
    assert header["alg"] == alg


@pytest.mark.requirement("RFC9701-7-1")
def test_the_algorithms_of_signed_answers_are_announced():
    document = ServerMetadata(Abilities(ISSUER, "https://gw.example", frozenset(), ())).document().body

    assert document["introspection_signing_alg_values_supported"] == ["RS256", "ES256", "EdDSA"]
