# SPDX-License-Identifier: Apache-2.0
"""npm's `openid-client`: what a certified client makes of the authority."""

from functools import partial

import pytest

from tests.interop.authority import (
    REDIRECT,
    RESOURCE,
    SCOPES,
    private_jwk,
    public_jwk,
    signing_keys,
    unverified,
)

pytestmark = [
    pytest.mark.needs("node"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("openid_client"),
    pytest.mark.xdist_group("openid-client"),
]
OPENID = "openid profile offline_access"
KEYS = signing_keys()
INVALID_GRANT = {"code": "OAUTH_RESPONSE_BODY_ERROR", "error": "invalid_grant", "status": 400}


def told(refusal):
    return {name: value for name, value in refusal.items() if value is not None}


def wanted(client, **more):
    return {"clientId": client, "redirectUri": REDIRECT, "scope": OPENID, **more}


def signing(key):
    """How a client registers that signs with `key`."""
    return {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public_jwk(key)]}}


async def test_a_public_client_signs_a_person_in_and_stays_signed_in(authority):
    client = await authority.client()
    answer = await authority.node("code", authority.person().visit, **wanted(client))
    assert answer["iss"] == authority.issuer
    assert answer["claims"]["aud"] == client
    assert answer["claims"]["sub"] == answer["userinfo"]["sub"] == authority.operator.id
    assert answer["tokens"]["token_type"] == "bearer"
    assert answer["again"]["refresh_token"] != answer["tokens"]["refresh_token"]
    # A refresh token that is used twice was stolen: the whole family dies, and so does a replayed code's.
    for name in ("reused", "family", "replayed"):
        assert told(answer[name]) == INVALID_GRANT, name


async def test_a_token_is_for_the_resource_that_was_asked_for(authority):
    client = await authority.client()
    question = wanted(client, scope="openid offline_access orders:read", resource=RESOURCE)
    answer = await authority.node("code", authority.person().visit, **question)
    assert (answer["access"]["aud"], answer["access"]["client_id"]) == (RESOURCE, client)
    assert answer["access"]["sub"] == authority.operator.id
    assert "orders:read" in answer["access"]["scope"].split()


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_an_id_token_is_signed_as_the_client_registered(authority, alg):
    client = await authority.client(id_token_signed_response_alg=alg)
    answer = await authority.node("code", authority.person().visit, **wanted(client, idTokenAlg=alg))
    assert answer["claims"]["iss"] == authority.issuer


@pytest.mark.parametrize("alg", KEYS)
async def test_a_pushed_request_and_its_tokens_are_bound_to_one_key(authority, alg):
    client = await authority.client(**signing(KEYS[alg]))
    answer = await authority.node(
        "par",
        authority.person().visit,
        **wanted(client, jwk=private_jwk(KEYS[alg]), alg=alg, dpopAlg=alg),
    )
    assert answer["parameters"] == ["client_id", "request_uri"]
    for tokens in (answer["tokens"], answer["again"]):
        assert tokens["token_type"] == "dpop"
        assert unverified(tokens["access_token"])["cnf"] == {"jkt": answer["jkt"]}
    assert answer["stolen"]["code"] == "OAUTH_WWW_AUTHENTICATE_CHALLENGE"
    assert answer["userinfo"]["sub"] == authority.operator.id


@pytest.mark.parametrize("alg", KEYS)
async def test_a_client_acts_for_itself_with_any_kind_of_key(authority, alg):
    client = await authority.client(
        grant_types=["client_credentials"], redirect_uris=[], **signing(KEYS[alg])
    )
    question = {"clientId": client, "jwk": private_jwk(KEYS[alg]), "alg": alg, "resource": RESOURCE}
    answer = await authority.node("credentials", **question, dpopAlgs=list(KEYS))
    assert answer["bearer"]["scope"] == " ".join(SCOPES)
    for bound in answer["dpop"].values():
        assert (bound["type"], bound["cnf"]) == ("dpop", {"jkt": bound["jkt"]})


async def test_an_agent_is_a_client_that_may_ask_about_its_token_and_revoke_it(authority):
    agent, key = await authority.agent()
    question = {"clientId": agent, "jwk": private_jwk(key), "alg": "Ed25519"}
    answer = await authority.node("credentials", **question)
    assert answer["introspected"]["active"] is True
    assert answer["introspected"]["client_id"] == agent
    token = answer["bearer"]["access_token"]
    await authority.node("revoke", **question, token=token)
    assert await authority.node("introspect", **question, token=token) == {"active": False}


async def test_a_device_waits_until_a_person_has_compared_its_code(authority):
    client = await authority.client(
        grant_types=["urn:ietf:params:oauth:grant-type:device_code"], redirect_uris=[]
    )
    answer = await authority.node(
        "device", authority.person().visit, **wanted(client, scope="orders:read", resource=RESOURCE)
    )
    assert answer["tokens"]["scope"] == "orders:read"
    assert unverified(answer["tokens"]["access_token"])["sub"] == authority.operator.id


async def test_an_agent_asks_a_person_in_the_background(authority):
    client = await authority.client(
        grant_types=["urn:openid:params:grant-type:ciba"], redirect_uris=[], **signing(KEYS["ES256"])
    )
    answer = await authority.node(
        "ciba",
        authority.person().visit,
        **wanted(
            client, scope="openid orders:read", resource=RESOURCE, jwk=private_jwk(KEYS["ES256"]), alg="ES256"
        ),
        loginHint=authority.operator.id,
        bindingMessage="Order 4711",
    )
    assert answer["access"]["sub"] == authority.operator.id


async def test_a_client_registers_itself_and_asks_like_any_other(authority):
    metadata = {
        "client_name": "Found on the way",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    }
    answer = await authority.node("register", authority.person().visit, **wanted("", metadata=metadata))
    assert answer["client"]["client_id"].startswith("clt_")
    assert unverified(answer["tokens"]["access_token"])["client_id"] == answer["client"]["client_id"]


async def test_refusals_reach_the_client_with_the_codes_of_the_rfcs(authority):
    client = await authority.client()
    answer = await authority.node("refusals", authority.person().visit, **wanted(client))
    answer = {name: told(refusal) for name, refusal in answer.items()}
    assert answer["wrongVerifier"] == answer["unknownToken"] == INVALID_GRANT
    assert answer["unsupported"] == INVALID_GRANT | {"error": "unsupported_grant_type"}
    assert answer["unknownClient"] == INVALID_GRANT | {"error": "invalid_client", "status": 401}


async def test_a_person_who_says_no_sends_the_client_back_with_access_denied(authority):
    client = await authority.client()
    visit = partial(authority.person().visit, allow=False)
    answer = await authority.node("denied", visit, **wanted(client))
    assert (answer["code"], answer["error"]) == ("OAUTH_AUTHORIZATION_RESPONSE_ERROR", "access_denied")
