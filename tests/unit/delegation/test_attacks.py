# SPDX-License-Identifier: Apache-2.0
"""Exchanges that are refused: each attack, with the exact code and status that RFC 8693 section 2.2.2 names."""

import json

import msgspec
import pytest

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.crypto import SigningKey, sign_compact
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, ID_JAG, ID_TOKEN, TXN_TOKEN
from smartagent.federation import person_id
from smartagent.kernel import Algorithm, Decision
from smartagent.tokens import Act, MayAct, Wanted
from tests.unit.delegation.world import (
    API,
    CORP,
    GATEWAY,
    ISSUER,
    NOW,
    OTHER_API,
    TRUST_DOMAIN,
    ClientActor,
    dpop,
    hand_over,
    one_call,
    said,
)

TYPE = "urn:ietf:params:oauth:token-type:"


async def refused(world, actor, token, error="invalid_request", **more):
    """Exchange, which must fail so; and the failure must stand in the log."""
    before = len(world.store.records)
    status, answer = await world.exchange(actor, token, **more)
    assert (status, answer["error"]) == (400, error), answer
    assert token not in json.dumps(answer)
    record = world.store.records[-1]
    assert len(world.store.records) == before + 1
    assert (record.decision, record.caller) == (Decision.DENY, actor.id)
    return answer


# Splicing: chains that have nothing to do with each other.


async def test_nobody_acts_without_may_act_or_a_recorded_delegation(world, alice, bob, session):
    answer = await refused(world, bob, session)
    assert "recorded" in answer["error_description"]


async def test_somebody_elses_actor_token_is_refused(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id)
    theirs = (await carol.session())["access_token"]
    await refused(world, bob, session, actor_token=theirs, actor_token_type=ACCESS_TOKEN)


async def test_a_delegated_token_is_no_actor_token(world, ada, alice, bob, carol, session):
    """Bob's token for Carol would let Carol's trust in Bob stand for Alice's."""
    await world.delegate(ada, alice.id, bob.id)
    await world.delegate(ada, carol.id, bob.id)
    for_carol = (await world.exchanged(bob, (await carol.session())["access_token"]))["access_token"]
    await refused(world, bob, session, actor_token=for_carol, actor_token_type=ACCESS_TOKEN)


async def test_trust_of_somebody_earlier_in_the_chain_is_not_enough(world, ada, alice, bob, carol, session):
    """Alice trusts Carol, but it is Bob's token that Carol came by."""
    await world.delegate(ada, alice.id, bob.id, depth_allowed=4)
    await world.delegate(ada, alice.id, carol.id, depth_allowed=4)
    bobs = (await world.exchanged(bob, session))["access_token"]
    await refused(world, carol, bobs)


async def test_a_token_that_names_another_actor_is_refused_whatever_is_recorded(
    world, ada, alice, bob, carol, session
):
    handed = await world.exchanged(alice, session, authorization_details=hand_over(carol.id))
    await world.delegate(ada, alice.id, bob.id)
    await refused(world, bob, handed["access_token"])


async def test_a_hand_over_is_no_use_to_who_made_it(world, alice, carol, session):
    handed = await world.exchanged(alice, session, authorization_details=hand_over(carol.id))
    await refused(world, alice, handed["access_token"])


async def test_a_persons_token_given_to_one_agent_is_not_exchanged_by_another(world, ada, alice, bob):
    token = world.persons_token(ada.id, alice.id)
    await world.delegate(ada, ada.id, bob.id)
    await refused(world, bob, token)


async def test_a_delegation_works_in_one_direction(world, ada, alice, bob, session):
    await world.delegate(ada, bob.id, alice.id)
    await refused(world, bob, session)


async def test_a_person_without_a_delegation_is_nobodys_persona(world, alice, corp):
    await refused(world, alice, corp.id_token(), subject_token_type=ID_TOKEN)


# The shape of the chain.


async def test_who_is_in_the_chain_already_is_refused(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id, depth_allowed=4)
    await world.delegate(ada, bob.id, carol.id, depth_allowed=4)
    await world.delegate(ada, carol.id, bob.id)
    await world.delegate(ada, carol.id, alice.id)
    last = (await world.exchanged(carol, (await world.exchanged(bob, session))["access_token"]))[
        "access_token"
    ]
    for again in (alice, bob):
        assert "chain" in (await refused(world, again, last))["error_description"]


async def test_a_chain_is_no_longer_than_the_house_allows(world, ada, alice, bob, carol):
    await world.delegate(ada, bob.id, carol.id, depth_allowed=4)
    others = [(await world.agent(ada)).id for _ in range(3)]
    token = world.chained(alice.id, [bob.id, *others[:2]])
    claims = said((await world.exchanged(carol, token))["access_token"])
    assert claims["act"]["act"]["act"]["act"] == {"sub": others[1]}
    await refused(world, carol, world.chained(alice.id, [bob.id, *others]))


async def test_a_delegation_reaches_no_further_than_it_says(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id, depth_allowed=0)
    await world.delegate(ada, bob.id, carol.id)
    await refused(world, carol, (await world.exchanged(bob, session))["access_token"])


async def test_a_delegation_reaches_no_further_through_a_hand_over(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id, depth_allowed=0)
    bobs = (await world.exchanged(bob, session))["access_token"]
    handed = await world.exchanged(bob, bobs, authorization_details=hand_over(carol.id))
    await refused(world, carol, handed["access_token"])


async def test_what_was_derived_too_often_begins_anew(world, alice, session):
    token = session
    for _ in range(24):
        token = (await world.exchanged(alice, token))["access_token"]
    await refused(world, alice, token)


# Nothing is widened.


@pytest.mark.parametrize("scope", ["orders:write", "orders:read stock:read", "orders:read  ", "admin", '"'])
async def test_a_wider_or_malformed_scope_is_refused(world, ada, alice, bob, session, scope):
    await world.delegate(ada, alice.id, bob.id)
    await refused(world, bob, session, "invalid_scope", scope=scope)


async def test_a_narrowed_scope_does_not_grow_back(world, alice, session):
    narrow = (await world.exchanged(alice, session, scope="orders:read"))["access_token"]
    await refused(world, alice, narrow, "invalid_scope", scope="orders:read orders:write")
    assert (await world.exchanged(alice, narrow))["scope"] == "orders:read"


async def test_a_chain_without_a_scope_in_common_is_refused(world, ada, alice, bob):
    await world.delegate(ada, alice.id, bob.id)
    writes = (await alice.session(scope="orders:write"))["access_token"]
    await refused(world, bob, writes, "invalid_scope")


async def test_a_persons_token_without_scopes_lets_nobody_act(world, ada, alice):
    await refused(world, alice, world.persons_token(ada.id, alice.id, scope=""), "invalid_scope")


async def test_the_scope_is_no_wider_than_the_subjects_role_is_by_now(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    world.roles["order-reader"] = msgspec.structs.replace(
        world.roles["order-reader"], scopes=("orders:read",)
    )
    assert (await world.exchanged(carol, session))["scope"] == "orders:read"
    del world.roles["order-reader"]
    await refused(world, carol, session)


async def test_a_life_is_never_longer_than_that_of_what_it_derives_from(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id)
    world.clock.at += 890
    assert (await world.exchanged(bob, session, requested_expiry="600"))["expires_in"] == 10
    world.clock.at += 10
    await refused(world, bob, session)


@pytest.mark.parametrize("expiry", ["0", "-1", "1.5", "1e3", "soon", "9999999"])
async def test_a_malformed_expiry_is_refused(world, alice, session, expiry):
    await refused(world, alice, session, requested_expiry=expiry)


@pytest.mark.parametrize(
    "target",
    [
        {"audience": OTHER_API},
        {"resource": "https://unknown.example"},
        {"audience": ISSUER},
        {"resource": API},
    ],
)
async def test_a_token_for_one_audience_stays_there(world, ada, alice, carol, session, target):
    """Whoever narrows a token's audience would else have narrowed nothing."""
    await world.delegate(ada, alice.id, carol.id)
    if target == {"resource": API}:
        world.roles["order-reader"] = msgspec.structs.replace(
            world.roles["order-reader"], audiences=(API, OTHER_API)
        )
        session = (await world.exchanged(alice, session, audience=OTHER_API))["access_token"]
    await refused(world, carol, session, "invalid_target", **target)


async def test_two_targets_at_once_are_refused(world, alice, session):
    await refused(world, alice, session, "invalid_target", audience=GATEWAY, resource=API)


async def test_a_resource_bounds_the_scope_and_may_ask_for_a_proof(world, alice, session):
    world.clients.protected[API] = Resource(API, scopes=("orders:read",), dpop_required=True)
    await refused(world, alice, session, "invalid_target", audience=API)
    answer = await world.exchanged(alice, session, dpop(world, alice.key), audience=API)
    assert answer["scope"] == "orders:read"


# Tokens of other kinds.


@pytest.mark.parametrize(
    "name",
    ["refresh_token", "jwt", "saml1", "saml2", "id-jag", "txn_token", "self_signed", "unsigned_json", "x"],
)
async def test_a_subject_token_of_another_type_is_refused(world, alice, session, name):
    await refused(world, alice, session, subject_token_type=TYPE + name)


@pytest.mark.parametrize("missing", ["subject_token", "subject_token_type"])
async def test_an_exchange_without_a_subject_is_refused(world, alice, session, missing):
    form = {"grant_type": EXCHANGE_GRANT, "subject_token": session, "subject_token_type": ACCESS_TOKEN}
    del form[missing]
    status, answer = await world.form(alice.form(**form))
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "typ",
    [
        "JWT", "", "oauth-id-jag+jwt", "txntoken+jwt", "secevent+jwt", "statuslist+jwt", "dpop+jwt",
        "token-introspection+jwt", "logout+jwt", "client-authentication+jwt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [ACCESS_TOKEN, ID_TOKEN])
async def test_no_other_kind_of_our_tokens_is_a_subject(world, alice, session, typ, kind):
    """Signed by our own key, with all claims of an access token: the type alone says what it is not."""
    claims = json.dumps(said(session)).encode()
    token = world.tokens.rings.sign(Algorithm.EDDSA, typ, claims)
    await refused(world, alice, token, subject_token_type=kind)


async def test_an_access_token_said_to_be_an_id_token_is_refused(world, alice, session):
    await refused(world, alice, session, subject_token_type=ID_TOKEN)


async def test_an_id_token_said_to_be_an_access_token_is_refused(world, ada, alice, corp):
    await world.delegate(ada, person_id(CORP, "u-77"), alice.id)
    await refused(world, alice, corp.id_token())


async def test_our_own_id_token_lets_nobody_act(world, ada, alice, corp):
    """It says who signed in to a client, which is no reason to let anybody act for them."""
    await world.delegate(ada, ada.id, alice.id)
    claims = {"iss": ISSUER, "sub": ada.id, "aud": alice.id, "iat": NOW, "exp": NOW + 300}
    token = world.tokens.rings.sign(Algorithm.EDDSA, "JWT", json.dumps(claims).encode())
    await refused(world, alice, token, subject_token_type=ID_TOKEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://elsewhere.example"},
        {"aud": [ISSUER, "https://elsewhere.example"]},
        {"exp": NOW},
        {"exp": NOW - 30},
        {"iat": NOW + 3600},
        {"sub": None},
        {"typ": "at+jwt"},
        {"typ": "oauth-id-jag+jwt"},
    ],
)
async def test_an_outside_id_token_that_does_not_hold_is_refused(world, ada, alice, corp, changes):
    await world.delegate(ada, person_id(CORP, "u-77"), alice.id)
    await refused(world, alice, corp.id_token(**changes), subject_token_type=ID_TOKEN)


async def test_an_issuer_trusted_for_something_else_vouches_for_nobody(world, ada, alice, corp):
    await world.delegate(ada, person_id(CORP, "u-77"), alice.id)
    body = {"issuer": CORP, "purposes": ["id-jag"], "algorithms": ["EdDSA"]}
    body["jwks"] = {"keys": [{**corp.key.public.jwk(), "kid": "corp-1"}]}
    status, _ = await ada.call("PUT", "/v1/trusted-issuers/corp", body)
    assert status == 200
    await refused(world, alice, corp.id_token(), subject_token_type=ID_TOKEN)


async def test_a_forged_token_is_refused_and_named_nowhere(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id)
    forger = SigningKey.generate(world.entropy)
    kid = world.tokens.ring.active.kid
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
    await refused(world, bob, sign_compact(header, json.dumps(said(session)).encode(), forger))


async def test_an_operators_session_is_never_exchanged(world, ada, alice):
    """It can do everything in the house; no scope says so, and no agent may have it."""
    await world.delegate(ada, ada.id, alice.id)
    token = (await ada.login())["access_token"]
    await refused(world, alice, token, headers=dpop(world, alice.key))


async def test_a_clients_own_token_is_no_subject(world, alice):
    wanted = Wanted("clt_0001", "clt_0001", GATEWAY, "orders:read", 600, may_act=MayAct(alice.id))
    await refused(world, alice, world.tokens.issuer.mint(wanted).token)


async def test_a_token_for_one_call_is_exchanged_no_further(world, alice, session):
    """Its one use would become many, and its path any."""
    once = await world.exchanged(alice, session, authorization_details=one_call(once=True))
    await refused(world, alice, once["access_token"])
    more = {"audience": TRUST_DOMAIN, "requested_token_type": TXN_TOKEN, "scope": "orders:read"}
    await refused(world, alice, once["access_token"], **more)


async def test_an_actor_that_is_no_agent_makes_no_chain(world, ada, alice, bob):
    wanted = Wanted(alice.id, bob.id, GATEWAY, "orders:read", 600, role="order-reader", act=Act(ada.id))
    await refused(world, bob, world.tokens.issuer.mint(wanted).token)


# Actor tokens, and who asks.


@pytest.mark.parametrize(
    "more",
    [
        {"actor_token_type": ACCESS_TOKEN},
        {"actor_token": "a.b.c"},
        {"actor_token": "a.b.c", "actor_token_type": ACCESS_TOKEN},
        {"actor_token": "a.b.c", "actor_token_type": ID_TOKEN},
    ],
)
async def test_a_malformed_actor_token_is_refused(world, ada, alice, bob, session, more):
    await world.delegate(ada, alice.id, bob.id)
    await refused(world, bob, session, **more)


async def test_a_client_that_is_no_agent_acts_for_nobody(world, ada, session):
    grants = (EXCHANGE_GRANT,)
    client = Client(
        "clt_1", ClientKind.REGISTERED, auth_method=AuthMethod.PRIVATE_KEY_JWT, grant_types=grants
    )
    await refused(world, ClientActor(world, client), session, "unauthorized_client")


@pytest.mark.parametrize("kind", [ACCESS_TOKEN, TXN_TOKEN, ID_JAG])
async def test_a_public_client_exchanges_nothing(world, session, kind):
    world.clients.known["clt_2"] = Client("clt_2", ClientKind.REGISTERED, grant_types=(EXCHANGE_GRANT,))
    form = {"grant_type": EXCHANGE_GRANT, "client_id": "clt_2", "subject_token": session}
    form |= {"subject_token_type": ACCESS_TOKEN, "requested_token_type": kind}
    status, answer = await world.form(form)
    assert (status, answer["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("name", ["refresh_token", "id_token", "jwt", "saml2", "nonsense"])
async def test_no_other_type_of_token_is_given(world, alice, session, name):
    await refused(world, alice, session, requested_token_type=TYPE + name)


async def test_an_agent_whose_role_is_gone_gets_nothing(world, alice, session):
    del world.roles["order-reader"]
    await refused(world, alice, session, "unauthorized_client")
