# SPDX-License-Identifier: Apache-2.0
"""DPoP by the numbers of RFC 9449 section 4.3, at the token endpoint and at the house."""

import asyncio
import json
from urllib.parse import urlencode

import jwt
import pytest

from smartagent.crypto import (
    EcSigningKey,
    RsaSigningKey,
    SigningKey,
    b64u,
    sha256,
    sign_compact,
    system_entropy,
)
from tests.unit.identity.world import ISSUER, START

NOW = int(START)
TOKEN_URL = f"{ISSUER}/oauth/token"
KEY = SigningKey.generate(system_entropy)
KEYS = {
    "EdDSA": KEY,
    "Ed25519": KEY,
    "ES256": EcSigningKey.generate(system_entropy),
    "RS256": RsaSigningKey.generate(),
}


def proof(world, *, key=KEY, header=None, drop="", **changes):
    """Return a proof for the token endpoint that is good but for `changes`."""
    claims = {
        "jti": "once",
        "htm": "POST",
        "htu": TOKEN_URL,
        "iat": int(world.clock.now()),
        "nonce": world.tokens.proofs.nonce(),
    } | changes
    claims = {name: value for name, value in claims.items() if name != drop}
    head = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()} | (header or {})
    return sign_compact(head, json.dumps(claims, separators=(",", ":")).encode(), key)


async def ask(world, bot, proof):
    return await world.form(bot.form(), {"dpop": proof})


def headers_of(reply):
    return dict(reply.headers)


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.requirement("RFC9449-4.3-5", "RFC9449-4.3-6", "RFC9449-5-1", "RFC9449-6.1-1", "RFC9864-2.2-1")
async def test_a_token_is_bound_to_the_proofs_key_whatever_its_algorithm(world, bot, alg):
    key = KEYS[alg]
    status, view = await ask(world, bot, proof(world, key=key, header={"alg": alg}))
    assert (status, view["token_type"]) == (200, "DPoP")
    claims = jwt.decode(view["access_token"], options={"verify_signature": False})
    assert claims["cnf"] == {"jkt": key.public.thumbprint}


@pytest.mark.requirement("RFC9449-5-3")
async def test_without_a_proof_a_token_is_bound_to_nothing(world, bot):
    status, view = await world.form(bot.form())
    assert (status, view["token_type"]) == (200, "Bearer")
    assert "cnf" not in jwt.decode(view["access_token"], options={"verify_signature": False})


WRONG = [
    pytest.param({}, "{proof}, {proof}", marks=pytest.mark.requirement("RFC9449-4.3-1")),
    pytest.param({}, "{proof},{proof}", marks=pytest.mark.requirement("RFC9449-4.3-1")),
    pytest.param({}, "", marks=pytest.mark.requirement("RFC9449-4.3-2")),
    pytest.param({}, "x.y", marks=pytest.mark.requirement("RFC9449-4.3-2")),
    pytest.param({}, " {proof}", marks=pytest.mark.requirement("RFC9449-4.3-2")),
    *(
        pytest.param({"drop": name}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-3"))
        for name in ("jti", "htm", "htu", "iat")
    ),
    *(
        pytest.param({name: value}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-3"))
        for name, value in {"jti": 7, "htm": None, "htu": ["x"], "iat": "now", "nonce": 7}.items()
    ),
    pytest.param({"jti": ""}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-3")),
    pytest.param({"jti": "j" * 256}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-3")),
    *(
        pytest.param({"header": {"typ": typ}}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-4"))
        for typ in ("JWT", "", "at+jwt", "DPOP+JWT", "application/dpop+jwt")
    ),
    *(
        pytest.param({"header": {"alg": alg}}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-5"))
        for alg in ("none", "HS256", "ES256", "RS256", "PS256", "eddsa")
    ),
    *(
        pytest.param({"header": {"jwk": jwk}}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-6"))
        for jwk in (None, {}, KEYS["ES256"].public.jwk(), SigningKey.generate(system_entropy).public.jwk())
    ),
    *(
        pytest.param(
            {"header": {"jwk": {**KEY.public.jwk(), name: b64u(bytes(32))}}},
            "{proof}",
            marks=pytest.mark.requirement("RFC9449-4.3-7"),
        )
        for name in ("d", "p", "q", "dp", "dq", "qi", "k")
    ),
    pytest.param({"htm": "GET"}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-8")),
    pytest.param({"htm": "post"}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-8")),
    *(
        pytest.param({"htu": htu}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-9"))
        for htu in (
            ISSUER,
            f"{TOKEN_URL}/",
            f"{ISSUER}/OAUTH/token",
            f"{ISSUER}:444/oauth/token",
            TOKEN_URL.replace("https", "http"),
            "https://evil.example/oauth/token",
            "https://auth.example@evil.example/oauth/token",
            "https://u@auth.example/oauth/token",
            f"{ISSUER}/x/../oauth/token",
            "/oauth/token",
            "https://[/oauth/token",
            "https://auth.example:x/oauth/token",
        )
    ),
    pytest.param({"iat": NOW - 61}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-11")),
    pytest.param({"iat": NOW + 61}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-11")),
    pytest.param({"iat": -1}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-11")),
    pytest.param({"iat": 1e300}, "{proof}", marks=pytest.mark.requirement("RFC9449-4.3-11")),
]


@pytest.mark.parametrize(("changes", "sent"), WRONG)
@pytest.mark.requirement("RFC9449-5-2")
async def test_a_proof_that_does_not_hold_gives_no_token(world, bot, changes, sent):
    before = len(world.store.records)
    status, view = await ask(world, bot, sent.replace("{proof}", proof(world, **changes)))
    assert (status, view["error"]) == (400, "invalid_dpop_proof")
    assert world.store.records[before].outcome == "dpop-proof-invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"htu": "HTTPS://AUTH.EXAMPLE:443/oauth/token"},
        {"htu": f"{TOKEN_URL}?a=b#c"},
        {"iat": NOW - 60},
        {"iat": NOW + 60},
        {"iat": NOW + 0.5},
        {"nbf": NOW, "exp": NOW + 1, "ath": "x", "more": ["of", "it"]},
    ],
)
@pytest.mark.requirement("RFC9449-4.3-9", "RFC9449-4.3-11")
async def test_a_proof_as_clients_make_them_is_taken(world, bot, changes):
    assert (await ask(world, bot, proof(world, **changes)))[0] == 200


@pytest.mark.parametrize("nonce", ["", "x", "é", "A" * 22])
@pytest.mark.requirement("RFC9449-8-1", "RFC9449-4.3-10")
async def test_a_proof_without_a_nonce_of_ours_is_told_one(world, bot, nonce):
    status, view = await ask(world, bot, proof(world, nonce=nonce))
    assert (status, view["error"]) == (400, "use_dpop_nonce")
    reply = await world.send(token_inbound(world, bot, proof(world, drop="nonce")))
    told = headers_of(reply)["dpop-nonce"]
    assert reply.headers.count(("cache-control", "no-store")) == 1
    assert (await ask(world, bot, proof(world, nonce=told)))[0] == 200


def token_inbound(world, bot, proof):
    headers = {"content-type": "application/x-www-form-urlencoded", "dpop": proof}
    return world.inbound("POST", "/oauth/token", urlencode(bot.form()).encode(), headers)


@pytest.mark.requirement("RFC9449-8-2", "RFC9449-4.3-10")
async def test_a_nonce_is_good_for_a_while_on_every_node_and_then_no_more(world, bot):
    other = await world.another_node("two").start()
    first = world.tokens.proofs.nonce()
    assert other.tokens.proofs.nonce() == first
    assert (await ask(world, bot, proof(world, nonce=first)))[0] == 200
    world.clock.at += 150
    assert world.tokens.proofs.nonce() != first
    assert (await ask(world, bot, proof(world, nonce=first, jti="twice")))[0] == 200
    world.clock.at += 150
    assert (await ask(world, bot, proof(world, nonce=first, jti="thrice")))[1]["error"] == "use_dpop_nonce"


@pytest.mark.requirement("RFC9449-8.2-1")
async def test_a_good_answer_brings_the_next_nonce(world, bot):
    reply = await world.send(token_inbound(world, bot, proof(world)))
    assert headers_of(reply)["dpop-nonce"] == world.tokens.proofs.nonce()


@pytest.mark.requirement("RFC9449-11.1-1")
async def test_a_proof_works_once_over_all_nodes_for_as_long_as_it_is_fresh(world, bot):
    other = await world.another_node("two").start()
    sent = proof(world, iat=NOW + 60)
    answers = await asyncio.gather(*(ask(node, bot, sent) for node in (world, other, world, other)))
    assert sorted(status for status, _ in answers) == [200, 400, 400, 400]
    assert {view["error"] for status, view in answers if status == 400} == {"invalid_dpop_proof"}
    world.clock.at += 119
    world.store.forget_claims()
    again = await ask(world, bot, sent)
    assert (again[0], again[1]["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.requirement("RFC9449-11.1-1")
async def test_two_keys_may_use_the_same_jti(world, bot):
    for key in (KEY, KEYS["ES256"]):
        alg = "EdDSA" if key is KEY else "ES256"
        assert (await ask(world, bot, proof(world, key=key, header={"alg": alg})))[0] == 200


async def bound_token(world, bot):
    _, view = await ask(world, bot, proof(world, key=bot.key))
    return view["access_token"]


def at_the_house(world, token, *, key, header=None, **changes):
    claims = {
        "jti": "at-the-house",
        "htm": "GET",
        "htu": f"{ISSUER}/v1/agents",
        "iat": int(world.clock.now()),
        "ath": b64u(sha256(token.encode())),
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    head = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": key.public.jwk()} | (header or {})
    return sign_compact(head, json.dumps(claims).encode(), key)


async def call(world, scheme, token, proof=None):
    headers = {"authorization": f"{scheme} {token}"} | ({} if proof is None else {"dpop": proof})
    return await world.send(world.inbound("GET", "/v1/agents", None, headers))


@pytest.mark.requirement("RFC9449-4.3-12")
async def test_a_bound_token_with_a_proof_of_its_key_says_who_calls(world, bot):
    token = await bound_token(world, bot)
    reply = await call(world, "DPoP", token, at_the_house(world, token, key=bot.key))
    # Known, and not permitted: agents may not list agents.
    assert reply.status == 403


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ath": None}, marks=pytest.mark.requirement("RFC9449-4.3-3")),
        pytest.param({"ath": "x"}, marks=pytest.mark.requirement("RFC9449-4.3-12")),
        pytest.param({"ath": b64u(bytes(32))}, marks=pytest.mark.requirement("RFC9449-4.3-12")),
        pytest.param({"key": KEY}, marks=pytest.mark.requirement("RFC9449-4.3-12")),
        pytest.param({"nonce": "stale"}, marks=pytest.mark.requirement("RFC9449-4.3-10")),
        pytest.param({"htm": "POST"}, marks=pytest.mark.requirement("RFC9449-4.3-8")),
        pytest.param({"htu": TOKEN_URL}, marks=pytest.mark.requirement("RFC9449-4.3-9")),
        pytest.param({"iat": NOW - 61}, marks=pytest.mark.requirement("RFC9449-4.3-11")),
    ],
)
@pytest.mark.requirement("RFC9449-7.1-1")
async def test_a_proof_that_does_not_go_with_the_token_is_refused_with_a_challenge(world, bot, changes):
    token = await bound_token(world, bot)
    reply = await call(world, "DPoP", token, at_the_house(world, token, **{"key": bot.key} | changes))
    assert reply.status == 401
    challenges = [value for name, value in reply.headers if name == "www-authenticate"]
    (dpop,) = [challenge for challenge in challenges if challenge.startswith("DPoP ")]
    assert 'error="invalid_token"' in dpop
    assert 'algs="EdDSA Ed25519 ES256 RS256"' in dpop


@pytest.mark.requirement("RFC9449-7.2-1")
async def test_a_bound_token_is_refused_as_a_bearer_with_and_without_a_proof(world, bot):
    token = await bound_token(world, bot)
    assert (await call(world, "Bearer", token)).status == 401
    assert (await call(world, "Bearer", token, at_the_house(world, token, key=bot.key))).status == 401
    assert (await call(world, "DPoP", token)).status == 401


@pytest.mark.requirement("RFC9449-7.1-2")
async def test_a_token_bound_to_nothing_is_refused_under_the_scheme_dpop(world, bot):
    token = (await world.form(bot.form()))[1]["access_token"]
    assert (await call(world, "DPoP", token, at_the_house(world, token, key=bot.key))).status == 401
    assert (await call(world, "Bearer", token)).status == 403
