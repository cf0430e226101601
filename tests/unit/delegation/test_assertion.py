# SPDX-License-Identifier: Apache-2.0
"""Identity assertions given: for whom, about whom, to whom; and what is refused."""

import json

import pytest

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.delegation import OutboundAudience, Settings
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, ID_JAG, ID_TOKEN
from smartagent.federation import person_id
from smartagent.kernel import Algorithm
from tests.unit.delegation.world import (
    CHAT,
    ISSUER,
    NOW,
    ClientActor,
    DelegatingWorld,
    dpop,
    hand_over,
    header_of,
    said,
)

ASKED = {"requested_token_type": ID_JAG, "audience": CHAT, "subject_token_type": ID_TOKEN}


@pytest.fixture
def chat(world):
    """A confidential client that the chat's authorization server calls c-17."""
    return confidential(world, "clt_chat")


def confidential(world, name):
    grants = (EXCHANGE_GRANT,)
    client = Client(name, ClientKind.REGISTERED, auth_method=AuthMethod.PRIVATE_KEY_JWT, grant_types=grants)
    return ClientActor(world, client)


def id_token(world, person, client, typ="JWT", **changes):
    claims = {"iss": ISSUER, "sub": person, "aud": client, "iat": NOW, "exp": NOW + 600, "sid": "ses_1"}
    claims |= {"auth_time": NOW - 9, "acr": "phr", "amr": ["hwk"], "nonce": "n"}
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return world.tokens.rings.sign(Algorithm.EDDSA, typ, json.dumps(claims).encode())


async def refused(world, actor, token, error="invalid_request", **more):
    status, answer = await world.exchange(actor, token, **{**ASKED, **more})
    assert (status, answer["error"]) == (400, error), answer


async def test_a_client_gets_an_assertion_about_who_signed_in(world, ada, chat):
    token = id_token(world, ada.id, chat.id)
    more = {"scope": "chat.read", "resource": f"{CHAT}/api"}
    answer = await world.exchanged(chat, token, **ASKED, **more)
    assert (answer["issued_token_type"], answer["token_type"]) == (ID_JAG, "N_A")
    assert (answer["expires_in"], answer["scope"]) == (300, "chat.read")
    assert "refresh_token" not in answer
    assert header_of(answer["access_token"]).typ == "oauth-id-jag+jwt"
    claims = said(answer["access_token"])
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": ada.id,
        "aud": CHAT,
        "client_id": "c-17",
        "exp": NOW + 300,
        "iat": NOW,
        "resource": f"{CHAT}/api",
        "scope": "chat.read",
        "auth_time": NOW - 9,
        "acr": "phr",
        "amr": ["hwk"],
    }
    record = world.store.records[-1]
    assert (record.event, record.caller, record.detail["sub"]) == ("token.issued", chat.id, ada.id)


async def test_a_persons_access_token_will_do(world, ada, chat):
    token = world.persons_token(ada.id, chat.id)
    answer = await world.exchanged(chat, token, **{**ASKED, "subject_token_type": ACCESS_TOKEN})
    claims = said(answer["access_token"])
    assert (claims["sub"], claims["scope"]) == (ada.id, "chat.read chat.write")
    assert "act" not in claims


async def test_a_client_whose_id_is_a_url_is_called_by_it(world, ada):
    client = confidential(world, "https://app.example/client.json")
    answer = await world.exchanged(client, id_token(world, ada.id, client.id), **ASKED)
    assert said(answer["access_token"])["client_id"] == client.id


async def test_an_assertion_is_bound_to_the_key_of_the_proof(world, ada, chat):
    token = id_token(world, ada.id, chat.id)
    answer = await world.exchanged(chat, token, dpop(world, chat.key), **ASKED)
    assert said(answer["access_token"])["cnf"] == {"jkt": chat.key.public.thumbprint}
    assert answer["token_type"] == "N_A"


async def test_a_bound_token_makes_no_assertion_without_a_proof(world, ada, chat):
    token = world.persons_token(ada.id, chat.id, jkt=chat.key.public.thumbprint)
    await refused(world, chat, token, subject_token_type=ACCESS_TOKEN)


async def agents_world(world, **names):
    outbound = (OutboundAudience(CHAT, ("chat.read", "chat.write"), (), names, "EdDSA"),)
    return await DelegatingWorld(world.clock, world.store, "agents", Settings(outbound=outbound)).start()


async def test_an_agent_says_in_it_that_it_acts(world, ada, alice, bob):
    other = await agents_world(world, **{alice.id: "c-1", bob.id: "c-2"})
    own = await other.exchanged(alice, id_token(other, ada.id, alice.id), **ASKED)
    assert said(own["access_token"])["act"] == {"sub": alice.id}
    as_access = {**ASKED, "subject_token_type": ACCESS_TOKEN}
    token = other.persons_token(ada.id, alice.id)
    assert said((await other.exchanged(alice, token, **as_access))["access_token"])["act"] == {
        "sub": alice.id
    }
    delegated = (await other.exchanged(alice, token))["access_token"]
    status, _ = await other.exchange(bob, delegated, **as_access)
    assert status == 400
    await other.delegate(ada, alice.id, bob.id, scope="chat.read", ttl_seconds=40)
    answer = await other.exchanged(bob, delegated, **as_access)
    claims = said(answer["access_token"])
    assert claims["act"] == {"sub": bob.id, "act": {"sub": alice.id}}
    assert (claims["scope"], claims["exp"]) == ("chat.read", NOW + 40)


async def test_a_delegation_for_another_audience_asserts_nothing(world, ada, alice, bob):
    other = await agents_world(world, **{bob.id: "c-2"})
    delegated = (await other.exchanged(alice, other.persons_token(ada.id, alice.id)))["access_token"]
    await other.delegate(ada, alice.id, bob.id, audience="https://api.example")
    await refused(other, bob, delegated, subject_token_type=ACCESS_TOKEN)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"audience": None}, "invalid_target"),
        ({"audience": "https://other.example"}, "invalid_target"),
        ({"audience": f"{CHAT}/"}, "invalid_target"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"scope": "chat.admin"}, "invalid_scope"),
        ({"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"subject_token_type": ID_JAG}, "invalid_request"),
        ({"subject_token_type": ACCESS_TOKEN}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_for_one_is_refused(world, ada, chat, more, error):
    await refused(world, chat, id_token(world, ada.id, chat.id), error, **more)


async def test_a_request_without_a_subject_is_refused(world, chat):
    await refused(world, chat, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "clt_other"},
        {"aud": ["clt_chat", "clt_other"]},
        {"aud": []},
        {"exp": NOW},
        {"sub": None},
        {"exp": "soon"},
        {"typ": "at+jwt"},
        {"typ": "oauth-id-jag+jwt"},
        {"typ": "logout+jwt"},
        {"typ": "txntoken+jwt"},
        {"typ": "token-introspection+jwt"},
    ],
)
async def test_an_id_token_that_does_not_hold_for_the_client_is_refused(world, ada, chat, changes):
    await refused(world, chat, id_token(world, ada.id, chat.id, **changes))


async def test_an_id_token_that_somebody_else_signed_is_refused(world, ada, chat, corp):
    claims = {"iss": ISSUER, "sub": ada.id, "aud": chat.id, "exp": NOW + 60, "iat": NOW}
    await refused(world, chat, corp.signed("JWT", claims))
    await refused(world, chat, "not a token")


@pytest.mark.parametrize("what", ["session", "person"])
async def test_a_session_or_a_person_that_was_ended_is_asserted_no_more(world, ada, chat, what):
    person, session_id = person_id("https://idp.example", "u-1"), "ses_" + "0" * 26
    token = id_token(world, person, chat.id, sid=session_id)
    await world.exchanged(chat, token, **ASKED)
    body = {"kind": what, "id": session_id if what == "session" else person, "reason": "left"}
    status, answer = await ada.call("POST", "/v1/revocations", body)
    assert status == 201, answer
    await refused(world, chat, token)


async def test_a_client_that_is_unknown_there_gets_none(world, ada):
    client = confidential(world, "clt_new")
    await refused(world, client, id_token(world, ada.id, client.id), "unauthorized_client")


async def test_a_token_of_another_client_makes_no_assertion(world, ada, chat):
    token = world.persons_token(ada.id, "clt_other")
    await refused(world, chat, token, subject_token_type=ACCESS_TOKEN)


async def test_an_agents_own_token_asserts_nobody(world, chat, session):
    await refused(world, chat, session, subject_token_type=ACCESS_TOKEN)


async def test_a_hand_over_asserts_nobody(world, ada, alice, carol):
    other = await agents_world(world, **{carol.id: "c-3"})
    delegated = (await other.exchanged(alice, other.persons_token(ada.id, alice.id)))["access_token"]
    handed = await other.exchanged(alice, delegated, authorization_details=hand_over(carol.id))
    await refused(other, carol, handed["access_token"], subject_token_type=ACCESS_TOKEN)


async def test_an_audience_without_scopes_is_told_who_it_is_and_no_more(world, ada, alice):
    outbound = (OutboundAudience(CHAT, client_ids={alice.id: "c-1"}, algorithm="EdDSA"),)
    other = await DelegatingWorld(world.clock, world.store, "bare", Settings(outbound=outbound)).start()
    answer = await other.exchanged(alice, id_token(other, ada.id, alice.id), **ASKED)
    assert not answer.get("scope")
    assert "scope" not in said(answer["access_token"])
    await refused(other, alice, id_token(other, ada.id, alice.id), "invalid_scope", scope="chat.read")


def test_an_audience_stands_in_the_settings_once():
    with pytest.raises(ValueError, match="twice"):
        Settings(outbound=(OutboundAudience(CHAT), OutboundAudience(CHAT)))
