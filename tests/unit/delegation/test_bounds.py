# SPDX-License-Identifier: Apache-2.0
"""Corners of a chain: each bound by itself, where another one would hide that it is missing."""

import dataclasses
import json

import pytest

from smartagent.clients import AuthMethod, Client, ClientKind, Resource
from smartagent.crypto import claim_key
from smartagent.delegation import OutboundAudience, Settings
from smartagent.delegation.model import ACCESS_TOKEN, EXCHANGE_GRANT, ID_JAG, ID_TOKEN, TXN_TOKEN
from smartagent.delegation.redeem import JwtBearer
from smartagent.edge import AuthenticationFailed
from smartagent.federation import Foreign
from smartagent.kernel import Algorithm, Claim, Work
from smartagent.tokens import Act, RevocationKind, Status, StatusReference, Wanted, revocation_of
from tests.unit.delegation.world import (
    API,
    CHAT,
    CORP,
    GATEWAY,
    ISSUER,
    NOW,
    TRUST_DOMAIN,
    ClientActor,
    DelegatingWorld,
    dpop,
    hand_over,
    said,
)

TXN = {"requested_token_type": TXN_TOKEN, "audience": TRUST_DOMAIN, "scope": "orders:read"}


async def refused(world, actor, token, error="invalid_request", **more):
    status, answer = await world.exchange(actor, token, **more)
    assert (status, answer["error"]) == (400, error), answer


async def test_an_actor_token_bounds_the_life(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    own = (await carol.session())["access_token"]
    short = (await world.exchanged(carol, own, requested_expiry="20"))["access_token"]
    answer = await world.exchanged(carol, session, actor_token=short, actor_token_type=ACCESS_TOKEN)
    assert answer["expires_in"] == 20


async def test_a_bound_actor_token_needs_a_proof(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    _, bound = await world.form(carol.form(), dpop(world, carol.key))
    more = {"actor_token": bound["access_token"], "actor_token_type": ACCESS_TOKEN}
    await refused(world, carol, session, **more)
    answer = await world.exchanged(carol, session, dpop(world, carol.key, "p2"), **more)
    assert answer["token_type"] == "DPoP"


@pytest.mark.parametrize("kind", ["somebody acts for me", "handed over"])
async def test_only_a_plain_token_of_ones_own_is_an_actor_token(world, ada, alice, bob, carol, session, kind):  # noqa: PLR0913, PLR0917 -- fixtures
    await world.delegate(ada, alice.id, carol.id)
    await world.delegate(ada, carol.id, bob.id)
    own = (await carol.session())["access_token"]
    if kind == "handed over":
        made = await world.exchanged(carol, own, authorization_details=hand_over(bob.id))
    else:
        made = await world.exchanged(bob, own)
    more = {"actor_token": made["access_token"], "actor_token_type": ACCESS_TOKEN}
    await refused(world, carol, session, **more)


async def test_a_delegation_for_one_audience_gives_no_other(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id, audience=API)
    await refused(world, carol, session, "invalid_target", audience=GATEWAY)


async def test_having_asked_for_a_token_is_not_holding_it(world, alice, bob, carol):
    """Bob acts in it, whoever asked for it."""
    wanted = Wanted(alice.id, carol.id, GATEWAY, "orders:read", 600, role="order-reader", act=Act(bob.id))
    await refused(world, carol, world.tokens.issuer.mint(wanted).token)


async def test_the_state_of_the_actor_is_where_the_token_says(world, ada, alice, bob, corp, session):
    await world.delegate(ada, alice.id, bob.id)
    places = {bob.id: Status(StatusReference(7, f"{ISSUER}/statuslists/1"))}
    issuer = world.tokens.issuer
    issuer._means = dataclasses.replace(issuer._means, status_of=places.get)
    for status, answer in (
        await world.exchange(bob, session),
        await world.redeem(bob, corp.assertion(bob.id)),
    ):
        assert status == 200
        assert said(answer["access_token"])["status"]["status_list"]["idx"] == 7


# Identity assertions that federation itself would refuse: the checks do not lean on it.


class Gullible:
    """Believes whatever it is shown."""

    def __init__(self, world, typ="oauth-id-jag+jwt", **changes):
        claims = {"iss": CORP, "sub": "u", "aud": ISSUER, "client_id": "", "jti": "1", "exp": NOW + 60}
        self.claims = claims | changes
        self.typ = typ
        self.world = world

    async def verify(self, token, *, purpose, now):
        claims = {**self.claims, "client_id": token}
        once = Claim(claim_key("x", token), NOW + 60, AuthenticationFailed("used"))
        trusted = self.world.federation.issuer(CORP)
        return Foreign(trusted, "u", claims, "", self.typ, "1", NOW + 60, once)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"iss": ISSUER}, 400),
        ({"iss": f"{ISSUER}/"}, 400),
        ({"typ": "JWT"}, 400),
        ({"typ": ""}, 400),
    ],
)
async def test_the_acceptance_does_not_lean_on_federation(world, ada, alice, corp, changes, status):
    bearer = world.grants["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert isinstance(bearer, JwtBearer)
    bearer._means = dataclasses.replace(bearer._means, outside=Gullible(world, **changes))
    assert (await world.redeem(alice, alice.id))[0] == status


# Transaction tokens and what they derive from.


def resigned(world, token, **changes):
    claims = json.dumps(said(token) | changes).encode()
    return world.tokens.rings.sign(Algorithm.EDDSA, "txntoken+jwt", claims)


@pytest.mark.parametrize("changes", [{"iss": "https://evil.example"}, {"aud": "https://other.example"}])
async def test_a_transaction_of_another_domain_is_not_replaced(world, alice, session, changes):
    first = (await world.exchanged(alice, session, **TXN))["access_token"]
    more = {**TXN, "subject_token_type": TXN_TOKEN}
    await world.exchanged(alice, resigned(world, first), **more)
    await refused(world, alice, resigned(world, first, **changes), **more)


async def test_a_transaction_ends_with_its_actor_and_its_delegation(world, ada, alice, bob, session):
    delegation = await world.delegate(ada, alice.id, bob.id)
    world.clients.protected[GATEWAY] = Resource(GATEWAY, introspectors=(alice.id,))
    more = {**TXN, "subject_token_type": TXN_TOKEN}
    first = (await world.exchanged(bob, session, **TXN))["access_token"]
    assert delegation in said(first)["lin"]
    await ada.call("DELETE", f"/v1/delegations/{delegation}")
    await refused(world, bob, first, **more)
    await world.delegate(ada, alice.id, bob.id)
    delegated = (await world.exchanged(bob, session))["access_token"]
    second = (await world.exchanged(bob, delegated, **TXN))["access_token"]
    await world.exchanged(alice, second, **more)
    await ada.call("POST", f"/v1/agents/{bob.id}/status", {"status": "suspended", "reason": "x"})
    await refused(world, alice, second, **more)


# Identity assertions given.


async def test_an_agents_own_token_asserts_nobody_even_to_who_knows_it(world, ada, alice):
    outbound = (OutboundAudience(CHAT, (), (), {alice.id: "c-1"}, "EdDSA"),)
    other = await DelegatingWorld(world.clock, world.store, "other", Settings(outbound=outbound)).start()
    token = (await alice.session())["access_token"]
    await refused(other, alice, token, requested_token_type=ID_JAG, audience=CHAT)


@pytest.fixture
def chat(world):
    grants = (EXCHANGE_GRANT,)
    client = Client(
        "clt_chat", ClientKind.REGISTERED, auth_method=AuthMethod.PRIVATE_KEY_JWT, grant_types=grants
    )
    return ClientActor(world, client)


async def test_a_token_with_which_an_agent_acts_is_not_the_clients(world, ada, alice, chat):
    token = world.persons_token(ada.id, chat.id, act=Act(alice.id))
    await refused(world, chat, token, requested_token_type=ID_JAG, audience=CHAT)


async def test_an_assertion_ends_with_the_sign_in_and_with_the_client(world, ada, chat):
    claims = {"iss": ISSUER, "sub": ada.id, "aud": chat.id, "iat": NOW, "exp": NOW + 40}
    token = world.tokens.rings.sign(Algorithm.EDDSA, "JWT", json.dumps(claims).encode())
    more = {"requested_token_type": ID_JAG, "audience": CHAT, "subject_token_type": ID_TOKEN}
    assert (await world.exchanged(chat, token, **more))["expires_in"] == 40
    writes, changes = revocation_of(RevocationKind.CLIENT, chat.id, now=world.clock.now())
    await world.store.commit(Work((), (), writes, changes))
    await refused(world, chat, token, **more)
