# SPDX-License-Identifier: Apache-2.0
"""The token endpoint's own rules: proofs of possession, clients that are no agents, grants and their effects."""

import json
from urllib.parse import urlencode

import pytest

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.crypto import EcSigningKey, RsaSigningKey, SigningKey, sign_compact, system_entropy
from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Consequential, Effects, Kind, Work
from smartagent.tokens import NothingLeft, RevocationKind, revocation_of
from tests.unit.identity.world import ISSUER, World

TOKEN_URL = ISSUER + "/oauth/token"
FORM = {"content-type": "application/x-www-form-urlencoded"}
API = "https://mcp.example/api"


def proof(world, key, **changes):
    header = {"typ": "dpop+jwt", "alg": changes.pop("alg", "EdDSA"), "jwk": key.public.jwk()}
    header |= changes.pop("header", {})
    claims = {
        "jti": f"p{len(world.store.records)}",
        "htm": "POST",
        "htu": TOKEN_URL,
        "iat": int(world.clock.now()),
        "nonce": world.tokens.proofs.nonce(),
    }
    claims |= changes
    return sign_compact(header, json.dumps({k: v for k, v in claims.items() if v is not None}).encode(), key)


async def post(world, fields, dpop=None):
    headers = FORM if dpop is None else FORM | {"dpop": dpop}
    reply = await world.send(world.inbound("POST", "/oauth/token", urlencode(fields).encode(), headers))
    body = (
        reply.body
        if isinstance(reply.body, dict)
        else {f: getattr(reply.body, f) for f in reply.body.__struct_fields__}
    )
    return reply.status, body, dict(reply.headers)


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519", "ES256", "RS256"])
async def test_a_token_is_bound_to_the_key_of_the_proof(world, bot, algorithm):
    key = {
        "ES256": lambda: EcSigningKey.generate(system_entropy),
        "RS256": RsaSigningKey.generate,
    }.get(algorithm, lambda: SigningKey.generate(system_entropy))()
    status, view, headers = await post(world, bot.form(), proof(world, key, alg=algorithm))
    assert (status, view["token_type"]) == (200, "DPoP")
    assert headers["dpop-nonce"] == world.tokens.proofs.nonce()
    assert world.tokens.access.verified(view["access_token"]).jkt == key.public.thumbprint


async def test_a_proof_without_our_nonce_is_told_one(world, bot):
    key = SigningKey.generate(system_entropy)
    for nonce in (None, "", "made up", "\N{SNOWMAN}"):
        status, view, headers = await post(world, bot.form(), proof(world, key, nonce=nonce))
        assert (status, view["error"]) == (400, "use_dpop_nonce")
    again = proof(world, key, nonce=headers["dpop-nonce"])
    assert (await post(world, bot.form(), again))[0] == 200


async def test_a_nonce_is_good_on_every_node_for_a_while(world, bot):
    other = await world.another_node("two").start()
    key = SigningKey.generate(system_entropy)
    nonce = other.tokens.proofs.nonce()
    world.clock.at += 150
    assert (await post(world, bot.form(), proof(world, key, nonce=nonce)))[0] == 200
    world.clock.at += 150
    assert (await post(world, bot.form(), proof(world, key, nonce=nonce)))[1]["error"] == "use_dpop_nonce"


async def test_a_proof_works_once_on_whichever_node(world, bot):
    other = await world.another_node("two").start()
    dpop = proof(world, SigningKey.generate(system_entropy))
    assert (await post(world, bot.form(), dpop))[0] == 200
    status, view, _ = await post(other, bot.form(), dpop)
    assert (status, view["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize(
    "changes",
    [
        {"htm": "GET"},
        {"htu": ISSUER + "/oauth/par"},
        {"htu": "https://evil.example/oauth/token"},
        {"iat": 1},
        {"iat": 2_000_000_000},
        {"jti": ""},
        {"jti": None},
        {"header": {"typ": "jwt"}},
        {"header": {"jwk": None}},
        {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
        {"alg": "HS256"},
        {"alg": "none"},
    ],
)
async def test_a_proof_that_does_not_hold_is_told_apart(world, bot, changes):
    dpop = proof(world, SigningKey.generate(system_entropy), **changes)
    status, view, _ = await post(world, bot.form(), dpop)
    assert (status, view["error"]) == (400, "invalid_dpop_proof")


def registered(world, **more):
    client = Client(
        id="clt_" + "0" * 26,
        kind=ClientKind.REGISTERED,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        grant_types=("client_credentials",),
        **more,
    )
    world.clients.known[client.id] = client
    world.clients.protected[API] = Resource(API, scopes=("read", "write"))
    return client


def assertion(world, client, key, alg="ES256", kid="one", **changes):
    claims = {
        "iss": client.id,
        "sub": client.id,
        "aud": ISSUER,
        "jti": f"a{len(world.store.records)}",
        "exp": int(world.clock.now()) + 60,
    }
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    token = sign_compact(header, json.dumps(claims | changes).encode(), key)
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": token,
        "resource": API,
    }


async def test_a_client_that_is_no_agent_signs_with_its_own_key(world):
    key = EcSigningKey.generate(system_entropy)
    client = registered(world, scope="read")
    world.clients.keys_of[client.id] = [("one", key.public)]
    status, view, _ = await post(world, assertion(world, client, key))
    assert (status, view["scope"], view["token_type"]) == (200, "read", "Bearer")
    verified = world.tokens.access.verified(view["access_token"])
    assert (verified.caller.principal, verified.audience) == (client.id, API)
    assert (await post(world, assertion(world, client, key, kid="")))[0] == 200
    status, view, _ = await post(world, assertion(world, client, key) | {"scope": "write"})
    assert (status, view["error"]) == (400, "invalid_scope")
    status, view, _ = await post(world, assertion(world, client, key) | {"resource": "https://other.example"})
    assert (status, view["error"]) == (400, "invalid_target")


async def test_only_a_client_that_an_operator_lets_may_name_the_token_endpoint(world):
    key = EcSigningKey.generate(system_entropy)
    client = registered(world)
    world.clients.keys_of[client.id] = [("one", key.public)]
    assert (await post(world, assertion(world, client, key, aud=TOKEN_URL)))[0] == 401
    registered(world, legacy_audience=True)
    assert (await post(world, assertion(world, client, key, aud=TOKEN_URL)))[0] == 200
    assert (await post(world, assertion(world, client, key, aud=ISSUER + "/oauth/par")))[0] == 401
    assert (await post(world, assertion(world, client, key, aud=ISSUER)))[0] == 200


async def test_what_proves_no_client_is_refused_alike(world):
    key, eve = EcSigningKey.generate(system_entropy), EcSigningKey.generate(system_entropy)
    client = registered(world)
    world.clients.keys_of[client.id] = [("one", key.public), ("two", key.public)]
    unknown = Client(id="clt_" + "9" * 26, kind=ClientKind.REGISTERED)
    answers = [
        await post(world, assertion(world, client, eve)),
        await post(world, assertion(world, client, key, kid="three")),
        await post(world, assertion(world, client, key, kid="")),
        await post(world, assertion(world, unknown, key)),
        await post(world, {"grant_type": "client_credentials", "client_id": client.id}),
        await post(world, {"grant_type": "client_credentials", "client_id": unknown.id}),
        await post(world, {"grant_type": "client_credentials"}),
    ]
    assert {(status, json.dumps(view, sort_keys=True)) for status, view, _ in answers} == {
        (401, json.dumps(answers[0][1], sort_keys=True))
    }
    assert answers[0][1]["error"] == "invalid_client"


async def test_a_client_may_use_only_the_grants_it_is_registered_for(world):
    world.clients.known["clt_p"] = Client(id="clt_p", kind=ClientKind.DYNAMIC)
    status, view, _ = await post(world, {"grant_type": "client_credentials", "client_id": "clt_p"})
    assert (status, view["error"]) == (400, "unauthorized_client")
    world.clients.known["clt_p"] = Client(
        id="clt_p", kind=ClientKind.DYNAMIC, grant_types=("client_credentials",)
    )
    status, view, _ = await post(world, {"grant_type": "client_credentials", "client_id": "clt_p"})
    assert (status, view["error"]) == (400, "unauthorized_client")


class Stolen(Consequential, NothingLeft):
    """Says no, and ends a session."""


async def test_a_refusal_may_have_consequences_which_are_committed_with_it(world, ada, bot):
    session = (await bot.session())["session_id"]

    async def grant(request):
        error = Stolen("used before")
        writes, changes = revocation_of(RevocationKind.SESSION, session, now=request.now)
        error.effects = Effects(writes, changes)
        raise error

    two = World(world.clock, world.store, "two")
    two.grants["urn:test:stolen"] = grant
    await two.start()
    status, view, _ = await post(two, bot.form() | {"grant_type": "urn:test:stolen"})
    assert (status, view["error"]) == (400, "invalid_grant")
    assert world.tokens.revocations.is_dead(session)
    assert Stolen.kind is Kind.INVALID


async def test_a_resource_may_ask_for_one_target_only(world, bot):
    form = urlencode(bot.form()) + "&audience=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example"
    status, view = await world.form(form.encode())
    assert (status, view["error"]) == (400, "invalid_target")


async def test_a_resource_that_takes_bound_tokens_gets_no_other_whoever_asks(world, bot):
    bound = Resource("https://api.example", scopes=("read",), dpop_required=True)
    world.clients.protected[bound.identifier] = bound
    key = SigningKey.generate(system_entropy)
    form = bot.form(resource=bound.identifier)
    status, view, _ = await post(world, form)
    assert (status, view["error"]) == (400, "invalid_dpop_proof")
    form = bot.form(resource=bound.identifier)
    status, view, _ = await post(world, form, proof(world, key))
    assert (status, view["token_type"]) == (200, "DPoP")
    session = await bot.session_body(audience=bound.identifier)
    assert (await world.call("POST", "/v1/sessions", session))[0] == 400


async def test_a_client_that_is_removed_loses_its_own_tokens_too(world):
    key = EcSigningKey.generate(system_entropy)
    client = registered(world)
    world.clients.keys_of[client.id] = [("one", key.public)]
    _, view, _ = await post(world, assertion(world, client, key))
    writes, changes = revocation_of(RevocationKind.CLIENT, client.id, now=world.clock.now())
    await world.store.commit(Work((), (), writes, changes))
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(view["access_token"])


async def test_a_replayed_request_has_no_consequences(world, ada, bot):
    session = (await bot.session())["session_id"]

    async def grant(request):
        error = Stolen("used before")
        writes, changes = revocation_of(RevocationKind.SESSION, session, now=request.now)
        error.effects = Effects(writes, changes)
        raise error

    form = bot.form()
    assert (await post(world, form))[0] == 200
    two = World(world.clock, world.store, "two")
    two.grants["urn:test:stolen"] = grant
    await two.start()
    status, _, _ = await post(two, form | {"grant_type": "urn:test:stolen"})
    assert status == 400
    assert not world.tokens.revocations.is_dead(session)
