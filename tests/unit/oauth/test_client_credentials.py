# SPDX-License-Identifier: Apache-2.0
"""OAuth client credentials with private_key_jwt: what works, and every way it must not."""

import asyncio
import json
from urllib.parse import urlencode

import jwt
import pytest

from smartagent.crypto import SigningKey, b64u, sign_compact
from tests.unit.identity.world import GATEWAY, ISSUER, START

NOW = int(START)


def last(world):
    return world.store.records[-1]


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_client_gets_a_token_that_foreign_software_verifies(world, bot):
    status, view = await world.form(bot.form())
    assert status == 200
    assert view.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (view["token_type"], view["expires_in"]) == ("Bearer", 900)
    assert view["scope"] == "orders:read orders:write"
    key_set = jwt.PyJWKSet.from_json(world.tokens.documents.jwks().body.decode())
    header = jwt.get_unverified_header(view["access_token"])
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    claims = jwt.decode(
        view["access_token"],
        key_set[header["kid"]],
        algorithms=["EdDSA"],
        audience=GATEWAY,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": ISSUER,
        "sub": bot.id,
        "aud": GATEWAY,
        "exp": NOW + 900,
        "iat": NOW,
        "jti": claims["jti"],
        "client_id": bot.id,
        "scope": "orders:read orders:write",
        "role": "order-reader",
        "sid": claims["sid"],
        "sat": NOW,
        "authn": "assertion",
        "audit_url": f"{ISSUER}/v1/audit/{claims['jti']}",
    }


async def test_what_was_issued_is_recorded_before_it_is_answered(world, bot):
    _, view = await world.form(bot.form(scope="orders:read"))
    claims = claims_of(view["access_token"])
    record = last(world)
    assert record.event == "token.issued"
    assert (record.caller, record.subject) == (bot.id, bot.id)
    assert (record.jti, record.session) == (claims["jti"], claims["sid"])
    detail = dict(record.detail)
    assert len(detail.pop("assertion")) == 16
    kid = world.tokens.ring.active.kid
    assert detail == {"aud": GATEWAY, "exp": NOW + 900, "kid": kid, "scope": "orders:read"}
    assert view["access_token"] not in record.encode().decode()


async def test_an_assertion_works_once_also_on_two_nodes_at_once(world, bot):
    other = await world.another_node("two").start()
    assertion = bot.assertion()
    answers = await asyncio.gather(
        *(node.form(bot.form(assertion)) for node in (world, other, world, other, world)),
    )
    assert sorted(status for status, _ in answers) == [200, 401, 401, 401, 401]
    assert {view["error"] for status, view in answers if status == 401} == {"invalid_client"}
    assert last(world).reason == "the assertion was used"


async def test_a_clock_set_back_revives_no_used_assertion(world, bot):
    assertion = bot.assertion()
    assert (await world.form(bot.form(assertion)))[0] == 200
    world.clock.at -= 30
    world.store.forget_claims()
    assert (await world.form(bot.form(assertion)))[0] == 401


async def test_two_agents_may_use_the_same_jti(world, ada, bot):
    other = await world.agent(ada)
    for each in (bot, other):
        assert (await world.form(each.form(each.assertion(jti="same"))))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ISSUER + "/"},
        {"aud": [ISSUER]},
        {"iat": None},
        {"iat": NOW + 59, "exp": NOW + 300},
        {"exp": NOW + 300},
        {"exp": NOW + 0.5},
        {"nbf": NOW},
        {"header": {"typ": "client-authentication+jwt"}},
        {"header": {"alg": "Ed25519"}},
        {"extra": {"any": ["thing"]}},
    ],
)
async def test_assertions_as_clients_make_them_are_taken(world, bot, changes):
    assert (await world.form(bot.form(bot.assertion(**changes))))[0] == 200


async def test_an_assertion_without_a_type_is_taken(world, bot):
    claims = {"iss": bot.id, "sub": bot.id, "aud": ISSUER, "exp": NOW + 9, "jti": "untyped"}
    assertion = sign_compact({"alg": "EdDSA"}, json.dumps(claims).encode(), bot.key)
    assert (await world.form(bot.form(assertion)))[0] == 200


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": f"{ISSUER}/oauth/token"}, "audience"),
        ({"aud": [ISSUER, "https://other.example"]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ISSUER + "//"}, "audience"),
        ({"aud": None}, "malformed or missing"),
        ({"iss": "somebody"}, "differ"),
        ({"sub": "agt_nobody", "iss": "agt_nobody"}, "the client is unknown"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"exp": NOW + 301}, "too long"),
        ({"exp": NOW + 301, "iat": None}, "too long"),
        ({"exp": NOW + 60, "iat": NOW - 241}, "too long"),
        ({"exp": NOW + 200, "iat": NOW + 61}, "future"),
        ({"exp": "soon"}, "malformed or missing"),
        ({"exp": True}, "malformed or missing"),
        ({"exp": None}, "malformed or missing"),
        ({"exp": 1e300}, "too long"),
        ({"exp": -1}, "expired"),
        ({"nbf": NOW + 61}, "not valid yet"),
        ({"jti": None}, "malformed or missing"),
        ({"jti": ""}, "jti"),
        ({"jti": "j" * 256}, "jti"),
        ({"jti": 7}, "malformed or missing"),
        ({"header": {"typ": "at+jwt"}}, "another kind"),
        ({"header": {"typ": "dpop+jwt"}}, "another kind"),
        ({"header": {"crit": ["exp"]}}, "malformed"),
        ({"header": {"jku": "https://evil.example"}}, "malformed"),
        ({"header": {"alg": "none"}}, "malformed"),
        ({"header": {"alg": "HS256"}}, "malformed"),
        ({"signed_by": SigningKey.generate(lambda n: b"e" * n)}, "signature"),
    ],
)
async def test_assertions_that_prove_nothing_are_refused_alike(world, bot, changes, reason):
    status, view = await world.form(bot.form(bot.assertion(**changes)))
    assert (status, view["error"]) == (401, "invalid_client")
    assert "missing, expired, used or wrong" in view["error_description"]
    assert reason in last(world).reason
    assert last(world).event == "token.issued"


@pytest.mark.parametrize(
    "assertion", ["", "x", "a.b.c", "a.b", "....", "é", "e30.e30." + b64u(bytes(64)), "x" * 9000]
)
async def test_what_is_no_token_is_refused(world, bot, assertion):
    status, view = await world.form(bot.form(assertion))
    assert (status, view["error"]) == (401, "invalid_client")


async def test_one_changed_character_breaks_an_assertion(world, bot):
    head, payload, signature = bot.assertion().split(".")
    other = bot.assertion(jti="other").split(".")
    for forged in (f"{head}.{other[1]}.{signature}", f"{head}.{payload}.{other[2]}"):
        assert (await world.form(bot.form(forged)))[0] == 401


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": ""}, 401, "invalid_client"),
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            401,
            "invalid_client",
        ),
        ({"client_assertion": ""}, 401, "invalid_client"),
        ({"client_id": "agt_other"}, 401, "invalid_client"),
        ({"client_secret": "s"}, 400, "invalid_request"),
        ({"scope": "orders:delete"}, 400, "invalid_scope"),
        ({"scope": "orders:read  orders:write"}, 400, "invalid_scope"),
        ({"scope": "orders:read\torders:write"}, 400, "invalid_scope"),
        ({"scope": " "}, 400, "invalid_scope"),
        ({"resource": "https://evil.example"}, 400, "invalid_target"),
        ({"resource": GATEWAY + "/"}, 400, "invalid_target"),
        ({"resource": ISSUER}, 400, "invalid_target"),
    ],
)
async def test_requests_are_refused_with_the_code_of_the_rfc(world, bot, fields, status, code):
    got, view = await world.form(bot.form() | fields)
    assert (got, view["error"]) == (status, code)


async def test_what_the_role_has_can_be_asked_for(world, bot):
    _, view = await world.form(bot.form(scope="orders:write orders:read orders:write", client_id=bot.id))
    assert view["scope"] == "orders:write orders:read"
    _, view = await world.form(bot.form(resource="https://api.example"))
    assert claims_of(view["access_token"])["aud"] == "https://api.example"
    _, view = await world.form(bot.form(resource=GATEWAY))
    assert claims_of(view["access_token"])["aud"] == GATEWAY


async def test_a_refused_scope_uses_the_assertion_up_all_the_same(world, bot):
    assertion = bot.assertion()
    assert (await world.form(bot.form(assertion, scope="orders:delete")))[1]["error"] == "invalid_scope"
    assert (await world.form(bot.form(assertion)))[1]["error"] == "invalid_client"


async def test_a_parameter_comes_once(world, bot):
    raw = urlencode(bot.form(scope="orders:read")).encode()
    for twice in (
        b"&scope=orders:write",
        b"&grant_type=client_credentials",
        b"&client_assertion=x",
    ):
        status, view = await world.form(raw + twice)
        assert (status, view["error"]) == (400, "invalid_request")


async def test_only_a_form_is_read_and_only_one_way_to_authenticate(world, bot):
    status, view = await world.call("POST", "/oauth/token", bot.form())
    assert (status, view["error"]) == (415, "invalid_request")
    status, view = await world.form(bot.form(), {"authorization": "Basic eDp5"})
    assert (status, view["error"]) == (400, "invalid_request")
    status, view = await world.form({"grant_type": "client_credentials"}, {"authorization": "Basic eDp5"})
    assert (status, view["error"]) == (401, "invalid_client")


async def test_several_resources_at_a_time_are_refused(world, bot):
    raw = (
        urlencode(bot.form()).encode() + b"&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example"
    )
    status, view = await world.form(raw)
    assert (status, view["error"]) == (400, "invalid_target")


async def test_answers_are_not_kept_by_caches(world, bot):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for form in (bot.form(), bot.form("x")):
        reply = await world.send(world.inbound("POST", "/oauth/token", urlencode(form).encode(), headers))
        assert ("cache-control", "no-store") in reply.headers


@pytest.mark.parametrize("status", ["suspended", "retired"])
async def test_an_agent_that_may_not_act_gets_nothing(world, ada, bot, status):
    assertion = bot.assertion()
    body = await bot.session_body()
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": status, "reason": ""})
    assert (await world.form(bot.form(assertion)))[0] == 401
    assert (await world.call("POST", "/v1/sessions", body))[0] == 401


async def test_an_agent_whose_role_is_gone_gets_nothing(world, bot):
    del world.roles["order-reader"]
    status, view = await world.form(bot.form())
    assert (status, view["error"]) == (400, "unauthorized_client")
    status, view = await world.call("POST", "/v1/sessions", await bot.session_body())
    assert (status, view["type"]) == (403, "urn:smartagent:error:role-not-granted")


async def test_a_role_that_was_narrowed_narrows_the_next_token(world, bot):
    from smartagent.policy import Grants

    world.roles["order-reader"] = Grants((), 7200, ())
    _, view = await world.form(bot.form())
    assert view["scope"] == ""
    assert view["expires_in"] == 3600


async def test_requests_that_cross_keep_to_their_own_answers(world, ada, bot):
    other = await world.agent(ada)
    inbounds = [
        world.inbound(
            "POST",
            "/oauth/token",
            urlencode(each.form(scope=scope)).encode(),
            {"content-type": "application/x-www-form-urlencoded"},
        )
        for each, scope in ((bot, "orders:read"), (other, "orders:write"))
    ]
    prove = world.client_requests.by_client_authentication
    callers = [await prove(inbound) for inbound in inbounds]
    # Both are authenticated before either acts: what was read of one must not serve the other.
    outcomes = [await world.endpoint.token(*pair) for pair in zip(callers, inbounds, strict=True)]
    assert [outcome.subject for outcome in outcomes] == [bot.id, other.id]
    assert [outcome.reply.body.scope for outcome in outcomes] == ["orders:read", "orders:write"]


UNREADABLE = [
    b"",
    b"\xff",
    b'{"iss":"\xff"}',
    b"[]",
    b"7",
    b'{"iss":"\\ud800"}',
    b'{"x":' + b"[" * 5000,
    b"null",
]


@pytest.mark.parametrize("payload", UNREADABLE)
async def test_claims_that_cannot_be_read_are_no_bug_of_ours(world, bot, payload):
    assertion = sign_compact({"alg": "EdDSA"}, payload, bot.key)
    status, view = await world.form(bot.form(assertion))
    assert (status, view["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("payload", UNREADABLE)
async def test_a_proof_that_cannot_be_read_is_no_bug_of_ours(world, ada, payload):
    token = (await ada.login())["access_token"]
    header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": ada.key.public.jwk()}
    headers = {"authorization": f"DPoP {token}", "dpop": sign_compact(header, payload, ada.key)}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert "malformed" in last(world).reason
