# SPDX-License-Identifier: Apache-2.0
"""Transaction tokens: what they say, who gets one, and that one that replaces another says no more."""

import json

import pytest

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, ID_TOKEN, TXN_TOKEN
from smartagent.kernel import Algorithm, Caller, CallerKind
from smartagent.policy import Call
from tests.unit.delegation.world import (
    API,
    GATEWAY,
    ISSUER,
    NOW,
    TRUST_DOMAIN,
    ClientActor,
    DelegatingWorld,
    hand_over,
    header_of,
    said,
)

ASKED = {"requested_token_type": TXN_TOKEN, "audience": TRUST_DOMAIN, "scope": "orders:read"}


@pytest.fixture
def service(world):
    """A confidential client that runs the API."""
    client = Client(
        "clt_service",
        ClientKind.REGISTERED,
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        grant_types=(EXCHANGE_GRANT,),
    )
    world.clients.protected[API] = Resource(API, introspectors=(client.id,))
    return ClientActor(world, client)


async def refused(world, actor, token, error="invalid_request", **more):
    status, answer = await world.exchange(actor, token, **{**ASKED, **more})
    assert (status, answer["error"]) == (400, error), answer


async def test_a_workload_gets_a_token_for_the_call_it_serves(world, alice, session, service):
    sent = (await world.exchanged(alice, session, audience=API))["access_token"]
    details = {"request_context": '{"req_ip":"10.1.1.1"}', "request_details": '{"order":17}'}
    answer = await world.exchanged(service, sent, **ASKED, **details)
    assert answer["token_type"] == "N_A"
    assert answer["issued_token_type"] == TXN_TOKEN
    assert (answer["expires_in"], answer["scope"]) == (300, "orders:read")
    assert "refresh_token" not in answer
    claims = said(answer["access_token"])
    assert claims.pop("txn").startswith("req_")
    assert claims == {
        "iat": NOW,
        "aud": TRUST_DOMAIN,
        "exp": NOW + 300,
        "sub": alice.id,
        "scope": "orders:read",
        "req_wl": service.id,
        "iss": ISSUER,
        "tctx": {"order": 17},
        "rctx": {"req_ip": "10.1.1.1"},
        "sid": said(sent)["sid"],
        "lin": [said(sent)["jti"], said(session)["jti"]],
    }
    assert header_of(answer["access_token"]).typ == "txntoken+jwt"
    record = world.store.records[-1]
    assert (record.event, record.jti) == ("token.issued", said(answer["access_token"])["txn"])
    assert record.detail["transaction"] == said(sent)["jti"]


async def test_it_says_who_acts_for_whom(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id)
    delegated = (await world.exchanged(bob, session))["access_token"]
    claims = said((await world.exchanged(bob, delegated, **ASKED))["access_token"])
    assert (claims["sub"], claims["act"], claims["req_wl"]) == (alice.id, {"sub": bob.id}, bob.id)


async def test_it_lives_no_longer_than_what_it_is_made_of(world, alice, session):
    world.clock.at += 880
    assert (await world.exchanged(alice, session, **ASKED))["expires_in"] == 20


async def test_a_recorded_delegation_bounds_it(world, ada, alice, bob, session):
    await refused(world, bob, session)
    await world.delegate(ada, alice.id, bob.id, audience=API)
    await refused(world, bob, session)
    await world.delegate(ada, alice.id, bob.id, scope="orders:read", ttl_seconds=50)
    await refused(world, bob, session, "invalid_scope", scope="orders:write")
    assert (await world.exchanged(bob, session, **ASKED))["expires_in"] == 50


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"audience": None}, "invalid_target"),
        ({"audience": GATEWAY}, "invalid_target"),
        ({"resource": API}, "invalid_target"),
        ({"scope": None}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "orders:read admin"}, "invalid_scope"),
        ({"subject_token": None}, "invalid_request"),
        ({"subject_token_type": None}, "invalid_request"),
        ({"subject_token_type": ID_TOKEN}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:unsigned_json"}, "invalid_request"),
        ({"subject_token_type": TXN_TOKEN}, "invalid_request"),
        ({"subject_token": "a.b.c"}, "invalid_request"),
        ({"request_context": "[]"}, "invalid_request"),
        ({"request_context": '{"a":1,"a":2}'}, "invalid_request"),
        ({"request_details": "not json"}, "invalid_request"),
        ({"request_details": json.dumps({"x": "y" * 2048})}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_for_one_is_refused(world, alice, session, more, error):
    token = more.pop("subject_token", session)
    await refused(world, alice, token, error, **more)


async def test_the_subject_token_never_stands_within(world, alice, session):
    await refused(world, alice, session, request_details=json.dumps({"token": session}))


async def test_a_token_without_scopes_has_no_transactions(world, ada, alice):
    token = world.persons_token(ada.id, alice.id, scope="")
    await refused(world, alice, token, "invalid_scope")


async def test_a_client_gets_none_for_a_service_that_is_not_its_own(world, alice, session, service):
    await refused(world, service, session)


async def test_a_hand_over_becomes_no_transaction(world, alice, carol, session):
    handed = await world.exchanged(alice, session, authorization_details=hand_over(carol.id))
    await refused(world, carol, handed["access_token"])


async def test_a_house_without_a_trust_domain_gives_none(world, alice, session):
    plain = DelegatingWorld(world.clock, world.store, "plain", type(world.settings)())
    await plain.start()
    await refused(plain, alice, session, "invalid_target")
    await refused(plain, alice, session, "invalid_target", audience=None)


# One that replaces another.


@pytest.fixture
async def first(world, alice, session, service):
    sent = (await world.exchanged(alice, session, audience=API))["access_token"]
    more = {"scope": "orders:read orders:write", "request_details": '{"order":17}'}
    return (await world.exchanged(service, sent, **{**ASKED, **more}))["access_token"]


REPLACE = {"subject_token_type": TXN_TOKEN}


async def test_a_replacement_adds_a_workload_and_may_say_less(world, service, first):
    world.clock.at += 10
    details = {"request_details": '{"order":17,"line":2}'}
    claims = said((await world.exchanged(service, first, **ASKED, **REPLACE, **details))["access_token"])
    old = said(first)
    assert claims["req_wl"] == f"{service.id},{service.id}"
    assert claims["scope"] == "orders:read"
    assert claims["tctx"] == {"order": 17, "line": 2}
    assert (claims["iat"], claims["exp"]) == (NOW + 10, old["exp"])
    for name in ("txn", "sub", "aud", "sid", "lin"):
        assert claims[name] == old[name]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"scope": "orders:read admin"}, "invalid_scope"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
        ({"request_details": '{"order":18}'}, "invalid_request"),
        ({"request_context": '{"x":"' + "y" * 3000 + '"}'}, "invalid_request"),
    ],
)
async def test_a_replacement_widens_and_changes_nothing(world, service, first, more, error):
    await refused(world, service, first, error, **{**REPLACE, **more})


async def test_an_expired_one_is_not_replaced(world, service, first):
    world.clock.at += 300
    await refused(world, service, first, **REPLACE)


async def test_who_serves_nothing_replaces_nothing(world, bob, first):
    await refused(world, bob, first, **REPLACE)


async def test_it_passes_through_so_many_workloads_and_no_more(world, service, first):
    for _ in range(7):
        first = (await world.exchanged(service, first, **ASKED, **REPLACE))["access_token"]
    await refused(world, service, first, **REPLACE)


async def test_a_context_does_not_grow_without_end(world, service, first):
    for name in "abc":
        details = {"request_details": json.dumps({name: name * 1900})}
        status, answer = await world.exchange(service, first, **ASKED, **REPLACE, **details)
        first = answer.get("access_token", first)
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("link", ["session", "subject"])
async def test_what_derives_from_something_revoked_is_not_replaced(world, ada, alice, service, first, link):
    kind, subject = ("session", said(first)["sid"]) if link == "session" else ("agent", alice.id)
    await ada.call("POST", "/v1/revocations", {"kind": kind, "id": subject, "reason": "stolen"})
    await refused(world, service, first, **REPLACE)


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", "", "oauth-id-jag+jwt", "secevent+jwt"])
async def test_no_other_kind_of_token_is_replaced(world, service, first, typ):
    token = world.tokens.rings.sign(Algorithm.EDDSA, typ, json.dumps(said(first)).encode())
    await refused(world, service, token, **REPLACE)


async def test_a_forged_or_empty_one_is_not_replaced(world, service, first):
    await refused(world, service, first[:-4] + ("AAAA" if not first.endswith("AAAA") else "BBBB"), **REPLACE)
    await refused(world, service, "x", **REPLACE)
    empty = world.tokens.rings.sign(Algorithm.EDDSA, "txntoken+jwt", b"{}")
    await refused(world, service, empty, **REPLACE)


async def test_one_is_no_access_token_anywhere(world, service, first):
    status, _ = await world.call("GET", "/v1/delegations", headers={"authorization": f"Bearer {first}"})
    assert status == 401
    await refused(world, service, first, subject_token_type=ACCESS_TOKEN)


# What the gateway adds to a call.


def test_the_gateways_says_what_is_called_by_whom_for_whom(world):
    caller = Caller(
        principal="agt_b",
        kind=CallerKind.AGENT,
        session="ses_1",
        jti="aat_2",
        scopes=frozenset({"b", "a"}),
        expires_at=NOW + 60,
        client_ip="10.0.0.7",
        subject="prs_p",
        actors=("agt_a",),
        lineage=("aat_1", "dlg_1"),
    )
    token = world.delegations.transactions.for_call(caller, Call("shop", "GET", "/shop/x"), "req_9")
    assert header_of(token).typ == "txntoken+jwt"
    assert said(token) == {
        "iat": NOW,
        "aud": TRUST_DOMAIN,
        "exp": NOW + 60,
        "txn": "req_9",
        "sub": "prs_p",
        "scope": "a b",
        "req_wl": GATEWAY,
        "iss": ISSUER,
        "tctx": {"upstream": "shop", "method": "GET", "path": "/shop/x"},
        "rctx": {"req_ip": "10.0.0.7"},
        "act": {"sub": "agt_b", "act": {"sub": "agt_a"}},
        "sid": "ses_1",
        "lin": ["aat_2", "aat_1", "dlg_1"],
    }


def test_an_agent_that_calls_for_itself_is_the_subject(world):
    caller = Caller("agt_a", CallerKind.AGENT, jti="aat_1", scopes=frozenset({"a"}), expires_at=NOW + 900)
    token = world.delegations.transactions.for_call(caller, Call("shop", "GET", "/shop/x"), "req_9")
    claims = said(token)
    assert (claims["sub"], claims["exp"]) == ("agt_a", NOW + 300)
    assert "act" not in claims
