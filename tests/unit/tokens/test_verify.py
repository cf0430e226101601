# SPDX-License-Identifier: Apache-2.0
"""Access tokens at our own door: bearer for agents, DPoP for operators."""

import json

import pytest

from smartagent.crypto import JwsSigner, SigningKey
from smartagent.edge import AuthenticationFailed
from tests.unit.identity.world import GATEWAY, ISSUER, START

NOW = int(START)


def last(world):
    return world.store.records[-1]


async def test_an_agents_gateway_token_is_good_at_the_gateway_and_at_the_house(world, bot):
    view = await bot.session(scope="orders:read")
    inbound = world.inbound("GET", "/x", None, {"authorization": f"Bearer {view['access_token']}"})
    for prove in (world.tokens.access.by_gateway_token, world.tokens.access.by_access_token):
        for _ in range(2):
            caller = await prove(inbound)
            assert (caller.principal, caller.session, caller.jti) == (bot.id, view["session_id"], view["jti"])
            assert (caller.role, caller.scopes, caller.client_ip) == (
                "order-reader",
                {"orders:read"},
                "10.0.0.1",
            )
            assert caller.expires_at == NOW + 900
            assert caller.claims == ()


async def test_a_token_for_another_audience_is_good_at_neither(world, bot):
    token = (await bot.session(audience="https://api.example"))["access_token"]
    inbound = world.inbound("GET", "/x", None, {"authorization": f"Bearer {token}"})
    for prove in (world.tokens.access.by_gateway_token, world.tokens.access.by_access_token):
        with pytest.raises(AuthenticationFailed) as caught:
            await prove(inbound)
        assert caught.value.reason == "the token is for another audience"


async def test_an_operators_token_is_not_good_at_the_gateway(world, ada):
    await ada.login()
    headers = ada.headers("GET", "/x")
    with pytest.raises(AuthenticationFailed) as caught:
        await world.tokens.access.by_gateway_token(world.inbound("GET", "/x", None, headers))
    assert caught.value.reason == "the token is for another audience"


async def test_a_remembered_token_still_expires(world, bot):
    token = (await bot.session())["access_token"]
    world.tokens.access.verified(token)
    world.clock.at += 899.9
    world.tokens.access.verified(token)
    world.clock.at += 0.1
    with pytest.raises(AuthenticationFailed) as caught:
        world.tokens.access.verified(token)
    assert caught.value.reason == "the token has expired"


async def test_memory_of_tokens_is_bounded(world, bot):
    token = (await bot.session())["access_token"]
    access = world.tokens.access
    remembered = access.verified(token)
    access._remembered = {str(n): remembered for n in range(8192)}
    access.verified(token)
    assert len(access._remembered) == 8192
    assert "0" not in access._remembered


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic eDp5",
        "bearer x.y.z",
        "Bearer {t}, Bearer {t}",
        "{t}",
        "Bearer  {t}",
        "Token {t}",
        "DPoP {t}",
    ],
)
async def test_what_is_no_bearer_token_is_nobodys(world, bot, header):
    token = (await bot.session())["access_token"]
    status, view = await world.call(
        "GET", "/v1/agents", None, {"authorization": header.replace("{t}", token)}
    )
    assert (status, view["type"]) == (401, "urn:smartagent:error:unauthenticated")


async def test_the_scheme_is_spelt_in_any_case(world, bot):
    token = (await bot.session())["access_token"]
    assert (await world.call("GET", "/v1/agents", None, {"authorization": f"bEARER {token}"}))[0] == 403


def forge(world, bot, *, key=None, kid=None, typ="at+jwt", **changes):
    ring = world.tokens.ring
    claims = {
        "iss": ISSUER,
        "sub": bot.id,
        "aud": GATEWAY,
        "exp": NOW + 900,
        "iat": NOW,
        "jti": "aat_x",
        "client_id": bot.id,
        "scope": "orders:read",
        "role": "order-reader",
        "sid": "ses_x",
        "audit_url": "",
    }
    body = {name: value for name, value in (claims | changes).items() if value is not None}
    if key is None:
        own = ring.active.signer._key
        return JwsSigner(own, kid or ring.active.kid, typ).sign(json.dumps(body).encode())
    return JwsSigner(key, kid or ring.active.kid, typ).sign(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"typ": "JWT"}, "no access token"),
        ({"typ": ""}, "no access token"),
        ({"kid": "unknown"}, "key is unknown"),
        ({"key": SigningKey.generate(lambda n: b"e" * n)}, "signature"),
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"exp": NOW}, "expired"),
        ({"exp": None}, "claims"),
        ({"exp": "x"}, "claims"),
        ({"aud": [GATEWAY]}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": "agt_nobody"}, "revoked"),
        ({"sub": "opr_nobody"}, "revoked"),
        ({"sub": "opr_nobody", "client_id": "opr_nobody", "role": "operator"}, "bound"),
        ({"sub": "who_nobody"}, "nobody's"),
        ({"act": {"sub": "agt_nobody"}}, "no agent"),
        ({"sub": "opr_nobody", "cnf": {"jkt": "x"}}, "revoked"),
        ({"cnf": {"jkt": "x"}}, "bound to a key"),
        ({"cnf": {}}, "claims"),
    ],
)
async def test_tokens_that_are_not_ours_are_refused(world, bot, changes, reason):
    headers = {"authorization": f"Bearer {forge(world, bot, **changes)}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert reason in last(world).reason


async def test_our_own_forgery_helper_makes_good_tokens(world, bot):
    headers = {"authorization": f"Bearer {forge(world, bot, typ='application/at+jwt')}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 403


async def test_a_proof_works_once(world, ada):
    await ada.login()
    headers = ada.headers("GET", "/v1/agents")
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 200
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert last(world).reason == "the DPoP proof was used"
    world.clock.at -= 30
    world.store.forget_claims()
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401


async def test_a_bound_token_is_worth_nothing_as_a_bearer(world, ada):
    token = (await ada.login())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert "bound to a key" in last(world).reason
    headers |= {"dpop": ada.headers("GET", "/v1/agents")["dpop"]}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"htu": "HTTPS://AUTH.EXAMPLE:443/v1/agents"},
        {"htu": f"{ISSUER}/v1/agents?limit=1#x"},
        {"iat": NOW - 60},
        {"iat": NOW + 60},
        {"iat": NOW + 0.5},
        {"header": {"alg": "Ed25519"}},
    ],
)
async def test_proofs_as_clients_make_them_are_taken(world, ada, changes):
    await ada.login()
    headers = ada.headers("GET", "/v1/agents", **changes)
    assert (await world.call("GET", "/v1/agents?limit=1", None, headers))[0] == 200


EVE = SigningKey.generate(lambda n: b"e" * n)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"htm": "POST"}, "another method"),
        ({"htm": "get"}, "another method"),
        ({"htu": f"{ISSUER}/v1/operators"}, "another target"),
        ({"htu": "http://auth.example/v1/agents"}, "another target"),
        ({"htu": "https://auth.example:444/v1/agents"}, "another target"),
        ({"htu": "https://internal:8700/v1/agents"}, "another target"),
        ({"htu": "/v1/agents"}, "malformed"),
        ({"htu": "https://u@auth.example/v1/agents"}, "malformed"),
        ({"htu": "https://[/v1/agents"}, "malformed"),
        ({"htu": "https://auth.example:x/v1/agents"}, "malformed"),
        ({"iat": NOW - 61}, "stale"),
        ({"iat": NOW + 61}, "stale"),
        ({"iat": "now"}, "claims"),
        ({"iat": 1e300}, "stale"),
        ({"ath": "x"}, "another token"),
        ({"ath": ""}, "another token"),
        ({"ath": "é"}, "another token"),
        ({"jti": ""}, "jti"),
        ({"jti": "j" * 256}, "jti"),
        ({"jti": None}, "claims"),
        ({"header": {"typ": "jwt"}}, "not dpop+jwt"),
        ({"header": {"jwk": None}}, "malformed"),
        ({"header": {"jwk": EVE.public.jwk()}, "signed_by": EVE}, "another key"),
        ({"signed_by": EVE}, "signature"),
        ({"header": {"jwk": {**EVE.public.jwk(), "d": "x"}}}, "malformed"),
        ({"header": {"alg": "HS256"}}, "malformed"),
    ],
)
async def test_proofs_that_prove_nothing_are_refused(world, ada, changes, reason):
    await ada.login()
    headers = ada.headers("GET", "/v1/agents", **changes)
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert reason in last(world).reason


async def test_a_proof_comes_in_exactly_one_header(world, ada):
    await ada.login()
    headers = ada.headers("GET", "/v1/agents")
    for proof in ("", f"{headers['dpop']}, {headers['dpop']}", "x"):
        assert (await world.call("GET", "/v1/agents", None, headers | {"dpop": proof}))[0] == 401
    del headers["dpop"]
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401


async def test_an_old_proof_does_not_go_with_a_new_token(world, ada):
    await ada.login()
    old = ada.headers("GET", "/v1/agents")
    await ada.login()
    headers = ada.headers("GET", "/v1/agents") | {"dpop": old["dpop"]}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert last(world).reason == "the DPoP proof is for another token"
