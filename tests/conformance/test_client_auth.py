# SPDX-License-Identifier: Apache-2.0
"""Client authentication, and what holds for every token request: RFC 6749, 7521, 7523 and its revision."""

import asyncio
import json
from urllib.parse import urlencode

import msgspec
import pytest

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.crypto import EcSigningKey, RsaSigningKey, SigningKey, sign_compact, system_entropy
from tests.unit.identity.world import GATEWAY, ISSUER, START

NOW = int(START)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EVE = SigningKey.generate(system_entropy)
SIGNERS = {
    "EdDSA": SigningKey.generate(system_entropy),
    "ES256": EcSigningKey.generate(system_entropy),
    "RS256": RsaSigningKey.generate(),
}


class Watched:
    """A public key that remembers what it was asked to verify."""

    def __init__(self, key):
        self.key = key
        self.algorithms = key.algorithms
        self.thumbprint = key.thumbprint
        self.asked = 0

    def verify(self, signature, message):
        self.asked += 1
        return self.key.verify(signature, message)


def known(world, name="clt_known", **settings):
    client = Client(name, ClientKind.REGISTERED, **{"auth_method": AuthMethod.PRIVATE_KEY_JWT, **settings})
    world.clients.known[name] = client
    return client


def assertion_of(client_id, alg, *, key=None, **changes):
    key = key or SIGNERS[alg]
    claims = {"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": NOW + 60, "iat": NOW, "jti": "once"}
    head = {"alg": alg, "kid": key.public.thumbprint}
    return sign_compact(head, json.dumps(claims | changes).encode(), key)


def form_of(assertion, **more):
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
        **more,
    }


def last(world):
    return world.store.records[-1]


@pytest.mark.requirement("RFC6749-5.1-1", "RFC6749-4.4.3-1", "RFC7523-3-9")
async def test_a_client_that_proves_itself_gets_a_token_that_nobody_stores(world, bot):
    reply = await world.send(inbound(world, bot.form()))
    assert (reply.status, reply.media_type) == (200, "application/json")
    assert ("cache-control", "no-store") in reply.headers
    answer = json.loads(msgspec.json.encode(reply.body))
    assert answer.keys() == {"access_token", "token_type", "expires_in", "scope"}


def inbound(world, fields, headers=None):
    media_type = {"content-type": "application/x-www-form-urlencoded"}
    return world.inbound("POST", "/oauth/token", urlencode(fields).encode(), media_type | (headers or {}))


@pytest.mark.parametrize("alg", SIGNERS)
@pytest.mark.requirement("RFC7523-3-9")
async def test_a_client_signs_with_any_algorithm_that_is_announced(world, bot, alg):
    client = known(world, grant_types=("client_credentials",))
    world.clients.keys_of[client.id] = [(SIGNERS[alg].public.thumbprint, SIGNERS[alg].public)]
    status, view = await world.form(form_of(assertion_of(client.id, alg), resource="https://none.example"))
    # Known, and told so: there is no such resource.
    assert (status, view["error"]) == (400, "invalid_target")
    assert last(world).caller == client.id


TAKEN = [
    {"aud": ISSUER + "/"},
    {"aud": [ISSUER]},
    {"iat": None},
    {"exp": NOW + 300},
    {"exp": NOW + 0.5},
    {"nbf": NOW},
    {"header": {"typ": "client-authentication+jwt"}},
    {"header": {"typ": "JWT"}},
    {"header": {"typ": ""}},
    {"header": {"alg": "Ed25519"}},
]


@pytest.mark.parametrize("changes", TAKEN)
@pytest.mark.requirement("RFC7523BIS-3-1", "RFC7523BIS-3-2", "RFC9864-2.2-1")
async def test_an_assertion_as_clients_make_them_is_taken(world, bot, changes):
    assert (await world.form(bot.form(bot.assertion(**changes))))[0] == 200


REFUSED = [
    pytest.param({"iss": "agt_other"}, marks=pytest.mark.requirement("RFC7523-3-1")),
    pytest.param({"sub": "agt_other"}, marks=pytest.mark.requirement("RFC7523-3-1")),
    pytest.param({"iss": None}, marks=pytest.mark.requirement("RFC7523-3-1")),
    pytest.param({"sub": None}, marks=pytest.mark.requirement("RFC7523-3-1")),
    *(
        pytest.param({"aud": aud}, marks=pytest.mark.requirement("RFC7523BIS-3-1"))
        for aud in (
            None,
            "",
            [],
            f"{ISSUER}/oauth/token",
            [ISSUER, f"{ISSUER}/oauth/token"],
            [ISSUER, ISSUER],
            [[ISSUER]],
            ISSUER.upper(),
            ISSUER + "//",
            ISSUER.replace("https", "http"),
            GATEWAY,
            "https://evil.example",
        )
    ),
    *(
        pytest.param({"exp": exp}, marks=pytest.mark.requirement("RFC7523-3-4"))
        for exp in (None, NOW, NOW - 1, -1, 0, NOW + 301, 1e300, "soon", True, [NOW + 60])
    ),
    pytest.param({"exp": NOW + 301, "iat": None}, marks=pytest.mark.requirement("RFC7523-3-4")),
    pytest.param({"nbf": NOW + 61}, marks=pytest.mark.requirement("RFC7523-3-5")),
    pytest.param({"nbf": "soon"}, marks=pytest.mark.requirement("RFC7523-3-5")),
    pytest.param({"iat": NOW + 61, "exp": NOW + 200}, marks=pytest.mark.requirement("RFC7523-3-6")),
    pytest.param({"iat": NOW - 241}, marks=pytest.mark.requirement("RFC7523-3-6")),
    *(
        pytest.param({"jti": jti}, marks=pytest.mark.requirement("RFC7523-3-7"))
        for jti in (None, "", 7, "j" * 256)
    ),
    pytest.param({"signed_by": EVE}, marks=pytest.mark.requirement("RFC7523-3-9")),
    pytest.param({"header": {"typ": "at+jwt"}}, marks=pytest.mark.requirement("RFC7523BIS-3-2")),
]


@pytest.mark.parametrize("changes", REFUSED)
@pytest.mark.requirement("RFC6749-5.2-1")
async def test_an_assertion_that_proves_nothing_is_refused(world, bot, changes):
    status, view = await world.form(bot.form(bot.assertion(**changes)))
    assert (status, view["error"]) == (401, "invalid_client")
    assert (last(world).event, last(world).outcome) == ("token.issued", "unauthenticated")


@pytest.mark.requirement("RFC7523-3-7")
async def test_an_assertion_works_once_over_all_nodes_until_it_expires(world, bot):
    other = await world.another_node("two").start()
    assertion = bot.assertion(exp=NOW + 300)
    answers = await asyncio.gather(*(node.form(bot.form(assertion)) for node in (world, other, world, other)))
    assert sorted(status for status, _ in answers) == [200, 401, 401, 401]
    world.clock.at += 299
    world.store.forget_claims()
    assert (await other.form(bot.form(assertion)))[0] == 401


@pytest.mark.parametrize(
    "fields",
    [
        {"client_assertion_type": ""},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_assertion_type": ASSERTION_TYPE.upper()},
        {"client_assertion": ""},
        {"client_id": "agt_other"},
    ],
)
@pytest.mark.requirement("RFC7521-4.2-1")
async def test_the_parameters_of_an_assertion_belong_together(world, bot, fields):
    status, view = await world.form(bot.form() | fields)
    assert (status, view["error"]) == (401, "invalid_client")
    assert (await world.form(bot.form(client_id=bot.id)))[0] == 200


@pytest.mark.requirement("RFC6749-2.3-1")
async def test_there_is_one_way_to_authenticate_and_no_secret(world, bot):
    basic = {"authorization": "Basic eDp5"}
    for fields, headers in ((bot.form(client_secret="s"), {}), (bot.form(), basic)):
        status, view = await world.form(fields, headers)
        assert (status, view["error"]) == (400, "invalid_request")
    secret = {"grant_type": "client_credentials", "client_id": bot.id, "client_secret": "s"}
    for fields, headers in ((secret, {}), ({"grant_type": "client_credentials"}, basic)):
        status, view = await world.form(fields, headers)
        assert (status, view["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "name", ["grant_type", "client_assertion", "client_assertion_type", "scope", "client_id", "x"]
)
@pytest.mark.requirement("RFC6749-3.2-1")
async def test_a_parameter_that_comes_twice_is_refused(world, bot, name):
    fields = bot.form(scope="orders:read", client_id=bot.id, x="y")
    for other in (fields[name], "other"):
        raw = f"{urlencode(fields)}&{urlencode({name: other})}".encode()
        status, view = await world.form(raw)
        assert (status, view["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC6749-3.2-2")
async def test_an_empty_parameter_is_absent_and_an_unknown_one_ignored(world, bot):
    fields = bot.form(scope="", resource="", client_id="", unknown="thing")
    assert (await world.form(fields))[0] == 200
    status, view = await world.form(bot.form() | {"grant_type": ""})
    assert (status, view["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"grant_type": ""}, "invalid_request", marks=pytest.mark.requirement("RFC6749-5.2-2")),
        pytest.param(
            {"grant_type": "password"},
            "unsupported_grant_type",
            marks=pytest.mark.requirement("RFC6749-5.2-2"),
        ),
        pytest.param(
            {"grant_type": "implicit"},
            "unsupported_grant_type",
            marks=pytest.mark.requirement("RFC6749-5.2-2"),
        ),
        *(
            pytest.param({"scope": scope}, "invalid_scope", marks=pytest.mark.requirement("RFC6749-5.2-4"))
            for scope in (
                "orders:delete",
                "orders:read orders:delete",
                "orders:read  orders:write",
                " ",
                "a\tb",
                "é",
                '"',
            )
        ),
        *(
            pytest.param({"resource": url}, "invalid_target", marks=pytest.mark.requirement("RFC8707-2-1"))
            for url in ("https://evil.example", GATEWAY + "/", ISSUER, "not a URL", f"{GATEWAY}#x")
        ),
    ],
)
async def test_a_request_is_refused_with_the_code_of_the_rfc(world, bot, fields, code):
    status, view = await world.form(bot.form() | fields)
    assert (status, view["error"]) == (400, code)
    assert set(view["error_description"]) <= {chr(c) for c in range(32, 127)} - {'"', "\\"}


@pytest.mark.requirement("RFC8707-2-1")
async def test_one_token_is_for_one_resource(world, bot):
    raw = urlencode([*bot.form().items(), ("resource", GATEWAY), ("resource", "https://api.example")])
    status, view = await world.form(raw.encode())
    assert (status, view["error"]) == (400, "invalid_target")


@pytest.mark.requirement("RFC6749-4.4-1", "RFC6749-5.2-3")
async def test_a_public_client_cannot_act_for_itself(world, bot):
    for name, grants in (("clt_a", ("client_credentials",)), ("clt_b", ("authorization_code",))):
        known(world, name, auth_method=AuthMethod.NONE, grant_types=grants)
        status, view = await world.form({"grant_type": "client_credentials", "client_id": name})
        assert (status, view["error"]) == (400, "unauthorized_client")


@pytest.mark.requirement("RFC6749-5.2-6")
async def test_a_client_that_sends_a_secret_in_the_header_is_told_with_its_own_scheme(world):
    request = inbound(world, {"grant_type": "client_credentials"})
    request.headers = {**request.headers, "authorization": "Basic eDp5"}
    reply = await world.send(request)
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")
    assert ("www-authenticate", 'Basic realm="smartagent"') in reply.headers


def public(reply):
    """What a stranger sees."""
    return reply.status, json.dumps(msgspec.to_builtins(reply.body)), reply.media_type, reply.headers


@pytest.mark.requirement("RFC6749-10.6-1")
async def test_all_failed_authentications_have_one_public_answer(world, ada, bot):
    suspended = await world.agent(ada)
    status, _ = await ada.call(
        "POST", f"/v1/agents/{suspended.id}/status", {"status": "suspended", "reason": "test"}
    )
    assert status == 200
    used = bot.form()
    await world.form(used)
    nobody = "agt_01k8zj3v9r6x7y2m4n5p8q1s0t"
    client = known(world)
    world.clients.keys_of[client.id] = [("k", SIGNERS["EdDSA"].public)]
    ways = {
        "unknown agent": bot.form(bot.assertion(iss=nobody, sub=nobody)),
        "unknown client": form_of(assertion_of("clt_nobody", "EdDSA")),
        "another key": bot.form(bot.assertion(signed_by=EVE)),
        "a key the client does not have": form_of(assertion_of(client.id, "EdDSA")),
        "suspended": suspended.form(),
        "used": used,
        "expired": bot.form(bot.assertion(exp=NOW - 1)),
        "for another": bot.form(bot.assertion(aud="https://evil.example")),
        "malformed": bot.form("x"),
        "nothing": {"grant_type": "client_credentials"},
        "no such public client": {"grant_type": "client_credentials", "client_id": "clt_nobody"},
        "no public client": {"grant_type": "client_credentials", "client_id": client.id},
        "an agent without a proof": {"grant_type": "client_credentials", "client_id": bot.id},
        "a secret": {"grant_type": "client_credentials", "client_id": bot.id, "client_secret": "s"},
    }
    answers = {name: public(await world.send(inbound(world, fields))) for name, fields in ways.items()}
    assert len(set(answers.values())) == 1, answers
    reasons = {record.reason for record in world.store.records[-len(ways) :]}
    assert len(reasons) > 6


@pytest.mark.parametrize("alg", SIGNERS)
@pytest.mark.requirement("RFC6749-10.6-1")
async def test_an_unknown_client_costs_a_signature_check_as_a_known_one_does(world, bot, alg):
    nobody = {name: Watched(key) for name, key in world.client_requests._nobodys_keys.items()}
    world.client_requests._nobodys_keys = nobody
    client = known(world)
    watched = Watched(SIGNERS[alg].public)
    world.clients.keys_of[client.id] = [(watched.thumbprint, watched)]
    forged = assertion_of(client.id, alg)
    forged = f"{forged[:-8]}AAAAAAAA"
    await world.form(form_of(forged))
    assert (watched.asked, sum(key.asked for key in nobody.values())) == (1, 0)
    for name in ("clt_nobody", "agt_01k8zj3v9r6x7y2m4n5p8q1s0t"):
        before = nobody[alg].asked
        await world.form(form_of(assertion_of(name, alg)))
        assert nobody[alg].asked == before + 1
    for other in SIGNERS.keys() - {alg}:
        before = nobody[other].asked
        await world.form(form_of(assertion_of(client.id, other)))
        assert nobody[other].asked == before + 1
