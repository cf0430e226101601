# SPDX-License-Identifier: Apache-2.0
"""Identity assertions taken: for this client, about that person, once."""

import json

import msgspec
import pytest

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.crypto import SigningKey
from smartagent.delegation.model import JWT_BEARER_GRANT
from smartagent.federation import person_id
from smartagent.kernel import Algorithm, Decision
from tests.unit.delegation.world import (
    API,
    CORP,
    GATEWAY,
    ISSUER,
    NOW,
    OTHER_API,
    ClientActor,
    dpop,
    said,
)

PERSON = person_id(CORP, "u-77")
DOCS = "https://docs.example"


def confidential(world, name="clt_app", **more):
    grants = (JWT_BEARER_GRANT,)
    client = Client(
        name, ClientKind.REGISTERED, auth_method=AuthMethod.PRIVATE_KEY_JWT, grant_types=grants, **more
    )
    return ClientActor(world, client)


async def redeemed(world, actor, assertion, headers=None, **more):
    status, answer = await world.redeem(actor, assertion, headers, **more)
    assert status == 200, answer
    return answer


async def refused(world, actor, assertion, error="invalid_grant", headers=None, **more):
    status, answer = await world.redeem(actor, assertion, headers, **more)
    assert (status, answer["error"]) == (400, error), answer
    assert world.store.records[-1].decision is Decision.DENY


async def test_an_agent_acts_for_the_person_and_says_so(world, alice, corp):
    answer = await redeemed(world, alice, corp.assertion(alice.id))
    claims = said(answer["access_token"])
    assert (claims["sub"], claims["act"], claims["client_id"]) == (PERSON, {"sub": alice.id}, alice.id)
    assert (claims["aud"], claims["scope"], claims["exp"]) == (GATEWAY, "orders:read", NOW + 900)
    assert answer["token_type"] == "Bearer"
    assert "refresh_token" not in answer
    caller = world.holds(answer["access_token"])
    assert (caller.principal, caller.role, caller.subject) == (alice.id, "order-reader", PERSON)
    record = world.store.records[-1]
    assert (record.event, record.subject, record.detail["issuer"]) == ("token.issued", PERSON, "corp")


async def test_a_token_for_a_person_records_no_delegation_of_the_agents_own(world, alice, bob, corp):
    token = (await redeemed(world, alice, corp.assertion(alice.id)))["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    status, _ = await world.call("POST", "/v1/delegations", {"to": bob.id}, headers)
    assert status == 403


async def test_a_client_gets_a_token_for_the_person_at_a_resource(world, ada, corp):
    world.clients.protected[DOCS] = Resource(DOCS, scopes=("docs.read", "docs.write"))
    client = confidential(world)
    assertion = corp.assertion(client.id, resource=DOCS, scope="docs.read other")
    claims = said((await redeemed(world, client, assertion))["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (PERSON, DOCS, "docs.read")
    assert "act" not in claims


async def test_a_client_with_a_role_gets_one_for_the_gateway(world, ada, corp):
    client = confidential(world, role="order-reader", scope="orders:read")
    assertion = corp.assertion(client.id, scope="orders:read orders:write")
    claims = said((await redeemed(world, client, assertion))["access_token"])
    assert (claims["aud"], claims["scope"], claims["exp"]) == (GATEWAY, "orders:read", NOW + 900)


async def test_an_assertion_without_a_scope_gives_what_the_role_has(world, alice, corp):
    answer = await redeemed(world, alice, corp.assertion(alice.id, scope=None))
    assert answer["scope"] == "orders:read orders:write"


async def test_one_of_several_resources_is_chosen(world, bob, corp):
    assertion = corp.assertion(bob.id, resource=[API, OTHER_API])
    await refused(world, bob, assertion, "invalid_target")
    answer = await redeemed(world, bob, corp.assertion(bob.id, resource=[API, OTHER_API]), resource=OTHER_API)
    assert said(answer["access_token"])["aud"] == OTHER_API


async def test_an_assertion_bound_to_a_key_takes_that_keys_proof(world, alice, corp):
    bound = {"cnf": {"jkt": alice.key.public.thumbprint}}
    other = SigningKey.generate(world.entropy)
    await refused(world, alice, corp.assertion(alice.id, **bound))
    await refused(world, alice, corp.assertion(alice.id, **bound), headers=dpop(world, other))
    answer = await redeemed(world, alice, corp.assertion(alice.id, **bound), dpop(world, alice.key, "p2"))
    assert (answer["token_type"], said(answer["access_token"])["cnf"]) == ("DPoP", bound["cnf"])


async def test_an_assertion_works_once_on_all_nodes(world, alice, corp):
    other = await world.another_node("two").start()
    assertion = corp.assertion(alice.id)
    await redeemed(world, alice, assertion)
    await refused(world, alice, assertion)
    await refused(other, alice, assertion)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER},
        {"aud": "https://elsewhere.example"},
        {"aud": [ISSUER, "https://elsewhere.example"]},
        {"aud": None},
        {"client_id": "clt_other"},
        {"client_id": None},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 256},
        {"sub": None},
        {"sub": ""},
        {"exp": NOW},
        {"exp": NOW - 30},
        {"exp": NOW + 3700, "iat": NOW + 50},
        {"exp": None},
        {"iat": NOW + 3600},
        {"scope": 5},
        {"cnf": {"jwk": {}}},
        {"resource": 5},
        {"typ": "JWT"},
        {"typ": ""},
        {"typ": "at+jwt"},
        {"typ": "txntoken+jwt"},
        {"typ": "secevent+jwt"},
    ],
)
async def test_an_assertion_that_does_not_hold_is_refused(world, alice, corp, changes):
    client_id = changes.pop("client_id", alice.id)
    await refused(world, alice, corp.assertion(client_id, **changes))


async def test_an_assertion_for_an_audience_that_is_not_the_issuer_is_refused(world, ada, alice, corp):
    """An operator may let other names through for sign-ins; an identity assertion names the issuer."""
    body = {
        "issuer": CORP,
        "purposes": ["id-jag"],
        "algorithms": ["EdDSA"],
        "audiences": [ISSUER, "smartagent"],
        "jwks": {"keys": [{**corp.key.public.jwk(), "kid": "corp-1"}]},
    }
    await ada.call("PUT", "/v1/trusted-issuers/corp", body)
    await refused(world, alice, corp.assertion(alice.id, aud="smartagent"))


async def test_our_own_assertion_is_never_taken_back(world, alice, corp):
    claims = said(corp.assertion(alice.id, iss=ISSUER))
    for typ in ("oauth-id-jag+jwt", "JWT", "at+jwt"):
        token = world.tokens.rings.sign(Algorithm.EDDSA, typ, json.dumps(claims).encode())
        await refused(world, alice, token)


async def test_an_issuer_trusted_for_sign_ins_alone_asserts_nothing(world, ada, alice, corp):
    body = {"issuer": CORP, "purposes": ["person"], "algorithms": ["EdDSA"]}
    body["jwks"] = {"keys": [{**corp.key.public.jwk(), "kid": "corp-1"}]}
    await ada.call("PUT", "/v1/trusted-issuers/corp", body)
    await refused(world, alice, corp.assertion(alice.id))


async def test_a_request_without_an_assertion_is_malformed(world, alice):
    await refused(world, alice, None, "invalid_request")
    await refused(world, alice, "not a token")


async def test_a_public_client_redeems_nothing(world, corp):
    world.clients.known["clt_p"] = Client("clt_p", ClientKind.REGISTERED, grant_types=(JWT_BEARER_GRANT,))
    form = {"grant_type": JWT_BEARER_GRANT, "client_id": "clt_p", "assertion": corp.assertion("clt_p")}
    status, answer = await world.form(form)
    assert (status, answer["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({"resource": OTHER_API}, {}),
        ({"resource": API}, {"resource": GATEWAY}),
        ({}, {"resource": OTHER_API}),
        ({}, {"resource": ISSUER}),
        ({"resource": API, "audience": GATEWAY}, {}),
    ],
)
async def test_a_resource_that_the_role_does_not_have_is_refused(world, alice, corp, more, changes):
    await refused(world, alice, corp.assertion(alice.id, **changes), "invalid_target", **more)


async def test_a_client_without_a_role_has_no_business_at_the_gateway(world, ada, corp):
    client = confidential(world)
    await refused(world, client, corp.assertion(client.id), "invalid_target")
    unknown = corp.assertion(client.id, resource="https://unknown.example")
    await refused(world, client, unknown, "invalid_target")


@pytest.mark.parametrize("scope", ["orders:write", "orders:read orders:write", "orders:read  "])
async def test_a_scope_beyond_the_assertions_is_refused(world, alice, corp, scope):
    await refused(world, alice, corp.assertion(alice.id), "invalid_scope", scope=scope)


async def test_an_assertion_with_nothing_in_common_gives_nothing(world, alice, corp):
    await refused(world, alice, corp.assertion(alice.id, scope="openid mail"), "invalid_scope")
    world.clients.protected[DOCS] = Resource(DOCS)
    client = confidential(world)
    await refused(world, client, corp.assertion(client.id, resource=DOCS, scope="docs"), "invalid_scope")


async def test_a_resource_that_takes_bound_tokens_only_gets_those(world, alice, corp):
    world.clients.protected[API] = Resource(API, scopes=("orders:read",), dpop_required=True)
    await refused(world, alice, corp.assertion(alice.id, resource=API), "invalid_target")
    proven = dpop(world, alice.key)
    assert (await redeemed(world, alice, corp.assertion(alice.id, resource=API), proven))[
        "token_type"
    ] == "DPoP"


async def test_a_role_that_is_gone_gives_nothing(world, alice, corp):
    world.roles["order-reader"] = msgspec.structs.replace(world.roles["order-reader"], scopes=())
    await refused(world, alice, corp.assertion(alice.id), "invalid_scope")
    del world.roles["order-reader"]
    await refused(world, alice, corp.assertion(alice.id), "unauthorized_client")
