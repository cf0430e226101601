# SPDX-License-Identifier: Apache-2.0
"""Exchanges that are granted: what stands in the new token, and that it never says more than the old."""

import pytest

from smartagent.delegation.model import ACCESS_TOKEN, ID_TOKEN
from smartagent.federation import person_id
from smartagent.kernel import CallerKind
from tests.unit.delegation.world import API, CORP, GATEWAY, NOW, OTHER_API, dpop, hand_over, said

PERSON = person_id(CORP, "u-77")


async def test_a_sub_agent_acts_for_the_agent_and_says_so(world, ada, alice, bob, session):
    delegation = await world.delegate(ada, alice.id, bob.id)
    answer = await world.exchanged(bob, session)
    claims, parent = said(answer["access_token"]), said(session)
    assert (claims["sub"], claims["act"]) == (alice.id, {"sub": bob.id})
    assert (claims["client_id"], claims["role"], claims["sid"]) == (bob.id, "order-reader", parent["sid"])
    assert claims["lin"] == [parent["jti"], delegation]
    assert claims["scope"] == "orders:read"
    assert claims["aud"] == GATEWAY
    assert claims["exp"] == NOW + 600
    assert (answer["issued_token_type"], answer["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert (answer["expires_in"], answer["scope"]) == (600, "orders:read")


async def test_the_gateway_sees_the_actor_and_whom_they_act_for(world, ada, alice, bob, session):
    delegation = await world.delegate(ada, alice.id, bob.id)
    caller = world.holds((await world.exchanged(bob, session))["access_token"])
    assert (caller.principal, caller.role, caller.kind) == (bob.id, "helper", CallerKind.AGENT)
    assert (caller.subject, caller.subject_role) == (alice.id, "order-reader")
    assert caller.lineage == (said(session)["jti"], delegation)


async def test_a_chain_of_three_nests_the_actors(world, ada, alice, bob, carol, session):
    await world.delegate(ada, alice.id, bob.id, depth_allowed=1)
    await world.delegate(ada, bob.id, carol.id)
    first = (await world.exchanged(bob, session))["access_token"]
    claims = said((await world.exchanged(carol, first))["access_token"])
    assert claims["sub"] == alice.id
    assert claims["act"] == {"sub": carol.id, "act": {"sub": bob.id}}
    assert claims["lin"][:3] == [*said(first)["lin"], said(first)["jti"]]
    assert claims["exp"] <= said(first)["exp"]


async def test_what_is_asked_for_is_granted_when_all_have_it(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id, scope="orders:write orders:read")
    answer = await world.exchanged(carol, session, scope="orders:write", audience=API)
    assert (answer["scope"], said(answer["access_token"])["aud"]) == ("orders:write", API)


async def test_the_delegation_bounds_scope_audience_and_life(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id, scope="orders:read", audience=API, ttl_seconds=60)
    claims = said((await world.exchanged(carol, session))["access_token"])
    assert (claims["scope"], claims["aud"], claims["exp"]) == ("orders:read", API, NOW + 60)


async def test_the_delegation_that_allows_what_is_asked_is_taken(world, ada, alice, carol, session):
    narrow = await world.delegate(ada, alice.id, carol.id, scope="orders:read")
    wide = await world.delegate(ada, alice.id, carol.id, scope="orders:write")
    lineages = [
        said((await world.exchanged(carol, session, scope=scope))["access_token"])["lin"]
        for scope in ("orders:read", "orders:write")
    ]
    assert [lineage[1] for lineage in lineages] == [narrow, wide]


async def test_an_agent_narrows_its_own_token(world, alice, session):
    answer = await world.exchanged(alice, session, scope="orders:read", resource=API, requested_expiry="30")
    claims = said(answer["access_token"])
    assert "act" not in claims
    assert (claims["scope"], claims["aud"], claims["exp"]) == ("orders:read", API, NOW + 30)
    assert (claims["sid"], claims["lin"]) == (said(session)["sid"], [said(session)["jti"]])


async def test_an_actor_narrows_what_it_was_delegated_and_stays_the_actor(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    delegated = (await world.exchanged(carol, session))["access_token"]
    claims = said((await world.exchanged(carol, delegated, scope="orders:read"))["access_token"])
    assert (claims["sub"], claims["act"], claims["scope"]) == (alice.id, {"sub": carol.id}, "orders:read")


async def test_an_agent_hands_over_a_token_that_is_good_for_one_exchange_partner(
    world, alice, carol, session
):
    handed = await world.exchanged(
        alice, session, scope="orders:read", authorization_details=hand_over(carol.id)
    )
    claims = said(handed["access_token"])
    assert claims["may_act"] == {"sub": carol.id}
    assert handed["authorization_details"] == [{"type": "smartagent_delegation", "actor": carol.id}]
    got = said((await world.exchanged(carol, handed["access_token"]))["access_token"])
    assert (got["sub"], got["act"], got["scope"]) == (alice.id, {"sub": carol.id}, "orders:read")
    assert got["aud"] == GATEWAY
    assert "may_act" not in got
    assert "authorization_details" not in got


async def test_a_hand_over_is_refused_at_every_door(world, alice, carol, session):
    """Whoever holds it could else be Alice without saying so."""
    handed = await world.exchanged(alice, session, authorization_details=hand_over(carol.id))
    status, _ = await world.call(
        "GET", "/v1/delegations", headers={"authorization": f"Bearer {handed['access_token']}"}
    )
    assert status == 401


async def test_a_hand_over_keeps_to_its_locations(world, alice, carol, session):
    handed = (
        await world.exchanged(alice, session, authorization_details=hand_over(carol.id, locations=[API]))
    )["access_token"]
    assert said((await world.exchanged(carol, handed))["access_token"])["aud"] == API
    status, answer = await world.exchange(carol, handed, audience=GATEWAY)
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_a_hand_over_of_a_token_for_one_audience_stays_with_it(world, alice, carol, session):
    narrow = (await world.exchanged(alice, session, audience=API))["access_token"]
    handed = (await world.exchanged(alice, narrow, authorization_details=hand_over(carol.id)))["access_token"]
    assert said((await world.exchanged(carol, handed))["access_token"])["aud"] == API
    status, answer = await world.exchange(carol, handed, audience=GATEWAY)
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_an_agent_acts_for_the_person_who_gave_it_the_token(world, ada, alice):
    token = world.persons_token(ada.id, alice.id, lineage=("gnt_00",), auth_time=NOW - 5, acr="phr")
    claims = said((await world.exchanged(alice, token))["access_token"])
    assert (claims["sub"], claims["act"]) == (ada.id, {"sub": alice.id})
    assert claims["lin"] == ["gnt_00", alice.id, said(token)["jti"]]
    assert (claims["auth_time"], claims["acr"]) == (NOW - 5, "phr")
    assert claims["role"] == ""
    assert world.holds((await world.exchanged(alice, token))["access_token"]).role == "order-reader"


async def test_an_agent_acts_for_a_person_by_a_recorded_delegation(world, ada, alice):
    token = world.persons_token(ada.id, "clt_some-app")
    delegation = await world.delegate(ada, ada.id, alice.id, scope="orders:read")
    claims = said((await world.exchanged(alice, token))["access_token"])
    assert (claims["act"], claims["scope"]) == ({"sub": alice.id}, "orders:read")
    # The app is in the lineage: when it is revoked, so is this.
    assert claims["lin"] == ["clt_some-app", said(token)["jti"], delegation]


async def test_an_agent_acts_for_somebody_of_an_outside_issuer(world, ada, alice, corp):
    await world.delegate(ada, PERSON, alice.id)
    answer = await world.exchanged(alice, corp.id_token(exp=NOW + 90), subject_token_type=ID_TOKEN)
    claims = said(answer["access_token"])
    assert (claims["sub"], claims["act"], claims["exp"]) == (PERSON, {"sub": alice.id}, NOW + 90)
    assert claims["scope"] == "orders:read orders:write"
    caller = world.holds(answer["access_token"])
    assert (caller.principal, caller.subject) == (alice.id, PERSON)


async def test_an_own_actor_token_is_taken_and_bounds_the_result(world, ada, alice, carol, session):
    await world.delegate(ada, alice.id, carol.id)
    own = (await carol.session(scope="orders:read"))["access_token"]
    answer = await world.exchanged(carol, session, actor_token=own, actor_token_type=ACCESS_TOKEN)
    claims = said(answer["access_token"])
    assert claims["scope"] == "orders:read"
    assert said(own)["jti"] in claims["lin"]


async def test_a_bound_token_stays_bound(world, ada, alice, bob):
    await world.delegate(ada, alice.id, bob.id)
    _, bound = await world.form(alice.form(), dpop(world, alice.key))
    status, answer = await world.exchange(bob, bound["access_token"])
    assert (status, answer["error"]) == (400, "invalid_request")
    answer = await world.exchanged(bob, bound["access_token"], dpop(world, bob.key, "proof-2"))
    assert answer["token_type"] == "DPoP"
    assert said(answer["access_token"])["cnf"] == {"jkt": bob.key.public.thumbprint}


@pytest.mark.parametrize("link", ["token", "session", "delegation", "subject", "actor"])
async def test_revoking_any_link_kills_what_derives_from_it_on_every_node(world, ada, link):
    alice, bob, carol = [await world.agent(ada, role) for role in ("order-reader", "helper", "clerk")]
    delegation = await world.delegate(ada, alice.id, bob.id, depth_allowed=1)
    await world.delegate(ada, bob.id, carol.id)
    middle = (await world.exchanged(bob, (await alice.session())["access_token"]))["access_token"]
    last = (await world.exchanged(carol, middle))["access_token"]
    other = await world.another_node("two").start()
    assert other.holds(last).principal == carol.id
    world.clock.at += 1
    ended = {
        "token": ("token", said(middle)["jti"]),
        "session": ("session", said(middle)["sid"]),
        "subject": ("agent", alice.id),
        "actor": ("agent", bob.id),
    }
    if link == "delegation":
        status, _ = await ada.call("DELETE", f"/v1/delegations/{delegation}")
    else:
        kind, name = ended[link]
        status, _ = await ada.call("POST", "/v1/revocations", {"kind": kind, "id": name, "reason": "stolen"})
    assert status in {200, 201}
    for node in (world, other):
        status, _ = await node.call("GET", "/v1/delegations", headers={"authorization": f"Bearer {last}"})
        assert status == 401
    status, answer = await world.exchange(carol, middle)
    assert (status, answer["error"]) == (400, "invalid_request")


async def test_a_target_must_be_one_that_everybody_may_have(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id)
    status, answer = await world.exchange(bob, session, audience=OTHER_API)
    assert (status, answer["error"]) == (400, "invalid_target")


async def test_an_exchange_is_recorded_with_who_acts_by_what(world, ada, alice, bob, session):
    delegation = await world.delegate(ada, alice.id, bob.id)
    await world.exchanged(bob, session)
    record = world.store.records[-1]
    assert (record.event, record.caller, record.subject) == ("token.issued", bob.id, alice.id)
    assert record.detail["exchange"] == said(session)["jti"]
    assert (record.detail["actor"], record.detail["via"]) == (bob.id, delegation)
