# SPDX-License-Identifier: Apache-2.0
"""Identity assertions on the wire, both roles: draft-ietf-oauth-identity-assertion-authz-grant-04."""

import json

import pytest

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.crypto import SigningKey
from smartagent.delegation.model import EXCHANGE_GRANT, ID_JAG, ID_TOKEN, JWT_BEARER_GRANT
from smartagent.kernel import Algorithm
from tests.unit.delegation.world import (
    CHAT,
    CORP,
    ISSUER,
    NOW,
    ClientActor,
    Corp,
    DelegatingWorld,
    dpop,
    header_of,
    said,
)

ASKED = {"requested_token_type": ID_JAG, "audience": CHAT, "subject_token_type": ID_TOKEN}


@pytest.fixture
async def world():
    world = await DelegatingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
def chat(world):
    """A client that the other authorization server calls c-17."""
    grants = (EXCHANGE_GRANT, JWT_BEARER_GRANT)
    client = Client(
        "clt_chat", ClientKind.REGISTERED, auth_method=AuthMethod.PRIVATE_KEY_JWT, grant_types=grants
    )
    return ClientActor(world, client)


@pytest.fixture
async def corp(world, ada):
    """The enterprise's own identity provider."""
    corp = Corp(world)
    await world.trust(ada, corp.key)
    return corp


def id_token(world, person, client, **changes):
    claims = {"iss": ISSUER, "sub": person, "aud": client, "iat": NOW, "exp": NOW + 600, "amr": ["hwk"]}
    return world.tokens.rings.sign(Algorithm.EDDSA, "JWT", json.dumps(claims | changes).encode())


async def error_of(reply):
    status, answer = await reply
    assert status == 400, answer
    return answer["error"]


@pytest.mark.requirement("IDJAG-4.3-1")
@pytest.mark.parametrize("audience", ["https://other.example", f"{CHAT}/", ISSUER, f"{CHAT}/oauth/token"])
async def test_the_audience_is_an_issuer_that_is_allowed(world, ada, chat, audience):
    more = {**ASKED, "audience": audience}
    assert await error_of(world.exchange(chat, id_token(world, ada.id, chat.id), **more)) == "invalid_target"


@pytest.mark.requirement("IDJAG-4.3-2", "IDJAG-4.3-3")
@pytest.mark.parametrize("changes", [{"aud": "clt_other"}, {"exp": NOW}, {"iss": CORP}])
async def test_the_id_token_is_this_clients_and_holds(world, ada, chat, changes):
    token = id_token(world, ada.id, chat.id, **changes)
    assert await error_of(world.exchange(chat, token, **ASKED)) == "invalid_request"


@pytest.mark.requirement("IDJAG-4.3-4", "IDJAG-3-1", "IDJAG-3-2", "IDJAG-3-3", "IDJAG-6-1")
async def test_an_assertion_says_who_for_whom_and_where(world, ada, chat):
    more = {"scope": "chat.read", "resource": f"{CHAT}/api"}
    token = id_token(world, ada.id, chat.id)
    answer = await world.exchanged(chat, token, dpop(world, chat.key), **ASKED, **more)
    assert (answer["issued_token_type"], answer["token_type"]) == (ID_JAG, "N_A")
    assert "refresh_token" not in answer
    assert header_of(answer["access_token"]).typ == "oauth-id-jag+jwt"
    claims = said(answer["access_token"])
    assert {"iss", "sub", "aud", "client_id", "jti", "exp", "iat"} <= set(claims)
    assert (claims["iss"], claims["sub"], claims["aud"], claims["client_id"]) == (
        ISSUER,
        ada.id,
        CHAT,
        "c-17",
    )
    assert (claims["scope"], claims["resource"], claims["amr"]) == ("chat.read", f"{CHAT}/api", ["hwk"])
    assert claims["cnf"] == {"jkt": chat.key.public.thumbprint}
    assert claims["exp"] - claims["iat"] <= 300


@pytest.mark.requirement("IDJAG-8.1-1")
async def test_a_public_client_neither_gets_nor_redeems_one(world, ada, corp):
    grants = (EXCHANGE_GRANT, JWT_BEARER_GRANT)
    world.clients.known["clt_p"] = Client("clt_p", ClientKind.REGISTERED, grant_types=grants)
    asked = {"grant_type": EXCHANGE_GRANT, "subject_token": id_token(world, ada.id, "clt_p"), **ASKED}
    sent = {"grant_type": JWT_BEARER_GRANT, "assertion": corp.assertion("clt_p")}
    for form in (asked, sent):
        assert await error_of(world.form({**form, "client_id": "clt_p"})) == "unauthorized_client"


@pytest.mark.requirement("IDJAG-4.4-1")
@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "", "txntoken+jwt", "oauth-id-jag"])
async def test_an_assertion_of_another_type_is_refused(world, bot, corp, typ):
    assert await error_of(world.redeem(bot, corp.assertion(bot.id, typ=typ))) == "invalid_grant"


@pytest.mark.requirement("IDJAG-4.4-2")
@pytest.mark.parametrize("aud", [CHAT, f"{ISSUER}/oauth/token", f"{ISSUER}/", [CHAT, ISSUER]])
async def test_an_assertion_for_somebody_else_is_refused(world, bot, corp, aud):
    assert await error_of(world.redeem(bot, corp.assertion(bot.id, aud=aud))) == "invalid_grant"


@pytest.mark.requirement("IDJAG-4.4-3")
async def test_an_assertion_for_another_client_is_refused(world, ada, bot, corp):
    other = await world.agent(ada)
    assert await error_of(world.redeem(other, corp.assertion(bot.id))) == "invalid_grant"


@pytest.mark.requirement("IDJAG-4.4-4")
async def test_the_assertions_scope_bounds_what_is_granted(world, bot, corp):
    status, answer = await world.redeem(bot, corp.assertion(bot.id, scope="orders:read openid"))
    assert (status, answer["scope"]) == (200, "orders:read")
    more = {"scope": "orders:write"}
    assert await error_of(world.redeem(bot, corp.assertion(bot.id), **more)) == "invalid_scope"


@pytest.mark.requirement("IDJAG-4.4-5")
async def test_a_bound_assertion_needs_that_keys_proof(world, bot, corp):
    bound = {"cnf": {"jkt": bot.key.public.thumbprint}}
    stranger = dpop(world, SigningKey.generate(world.entropy))
    assert await error_of(world.redeem(bot, corp.assertion(bot.id, **bound))) == "invalid_grant"
    assert await error_of(world.redeem(bot, corp.assertion(bot.id, **bound), stranger)) == "invalid_grant"
    status, answer = await world.redeem(bot, corp.assertion(bot.id, **bound), dpop(world, bot.key, "p2"))
    assert (status, answer["token_type"]) == (200, "DPoP")


@pytest.mark.requirement("IDJAG-8.3-1")
async def test_the_houses_own_assertion_is_never_redeemed(world, ada, chat, corp):
    """Given to the client for another server, and tried here."""
    own = (await world.exchanged(chat, id_token(world, ada.id, chat.id), **ASKED))["access_token"]
    assert await error_of(world.redeem(chat, own)) == "invalid_grant"


@pytest.mark.requirement("RFC7521-5.2-1")
async def test_an_assertion_is_good_once_and_in_time(world, bot, corp):
    assertion = corp.assertion(bot.id)
    assert (await world.redeem(bot, assertion))[0] == 200
    assert await error_of(world.redeem(bot, assertion)) == "invalid_grant"
    assert await error_of(world.redeem(bot, corp.assertion(bot.id, exp=NOW))) == "invalid_grant"


@pytest.mark.requirement("RFC7523-2.1-1")
async def test_a_request_brings_one_assertion(world, bot, corp):
    assert await error_of(world.redeem(bot, None)) == "invalid_request"
    two = f"{corp.assertion(bot.id)} {corp.assertion(bot.id)}"
    assert await error_of(world.redeem(bot, two)) == "invalid_grant"
