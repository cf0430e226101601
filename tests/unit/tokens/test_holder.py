# SPDX-License-Identifier: Apache-2.0
"""Who holds a token: chains, lineages, and tokens for one call."""

import msgspec
import pytest

from smartagent.crypto import b64u, sha256
from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Algorithm, CallerKind, CallRestriction, Work
from smartagent.tokens import (
    Act,
    Asked,
    NothingLeft,
    RevocationKind,
    Wanted,
    actors_of,
    caller_of,
    revocation_of,
)
from tests.unit.identity.world import GATEWAY, ISSUER

DELEGATION = "dlg_" + "0" * 26
PERSON = "prs_" + "1" * 26


@pytest.fixture
async def others(world, ada):
    return [await world.agent(ada) for _ in range(3)]


def wanted(subject, **more):
    return Wanted(**{
        "subject": subject,
        "client_id": subject,
        "audience": GATEWAY,
        "scope": "orders:read",
        "life_seconds": 600,
        "role": "order-reader",
        **more,
    })  # fmt: skip


def mint(world, subject, **more):
    return world.tokens.issuer.mint(wanted(subject, **more))


async def test_an_actor_is_who_calls_and_the_subject_is_whom_it_acts_for(world, bot, others):
    one, two, _ = others
    issued = mint(world, bot.id, act=Act(two.id, Act(one.id)), lineage=(DELEGATION,), client_id=two.id)
    caller = world.tokens.access.verified(issued.token).caller
    assert (caller.principal, caller.kind, caller.subject) == (two.id, CallerKind.AGENT, bot.id)
    assert (caller.role, caller.subject_role) == ("order-reader", "order-reader")
    assert caller.actors == (one.id,)
    assert caller.lineage == (DELEGATION,)
    assert actors_of(issued.claims.act) == (two.id, one.id)


async def test_a_person_is_acted_for_and_says_so(world, bot):
    issued = mint(world, PERSON, act=Act(bot.id), client_id=bot.id, role="")
    caller = world.tokens.access.verified(issued.token).caller
    assert (caller.principal, caller.subject, caller.subject_role) == (bot.id, PERSON, "")


async def test_only_agents_act(world, ada, bot):
    for actor in (ada.id, PERSON, "clt_x"):
        issued = mint(world, bot.id, act=Act(actor))
        with pytest.raises(AuthenticationFailed):
            world.tokens.access.verified(issued.token)


async def test_a_client_that_acts_for_an_operator_is_no_operator(world, ada):
    issued = mint(world, ada.id, client_id="clt_" + "0" * 26, role="", audience=ISSUER)
    caller = world.tokens.access.verified(issued.token).caller
    assert caller.kind is CallerKind.PERSON
    headers = {"authorization": f"Bearer {issued.token}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 403


@pytest.mark.parametrize("link", ["session", "parent", "delegation", "client", "actor", "earlier", "subject"])
async def test_whatever_it_derives_from_kills_it(world, ada, bot, others, link):
    one, two, _ = others
    parent = mint(world, bot.id)
    client = "clt_" + "0" * 26
    issued = mint(
        world,
        PERSON if link == "client" else bot.id,
        client_id=client if link == "client" else two.id,
        act=None if link == "client" else Act(two.id, Act(one.id)),
        session=parent.claims.sid,
        lineage=(parent.claims.jti, DELEGATION),
    )
    access = world.tokens.access
    caller = access.verified(issued.token).caller
    kind, subject = {
        "session": (RevocationKind.SESSION, parent.claims.sid),
        "parent": (RevocationKind.TOKEN, parent.claims.jti),
        "delegation": (RevocationKind.DELEGATION, DELEGATION),
        "client": (RevocationKind.CLIENT, client),
        "actor": (RevocationKind.AGENT, two.id),
        "earlier": (RevocationKind.AGENT, one.id),
        "subject": (RevocationKind.AGENT, bot.id),
    }[link]
    writes, changes = revocation_of(kind, subject, now=world.clock.now())
    await world.store.commit(Work((), (), writes, changes))
    with pytest.raises(AuthenticationFailed):
        access.verified(issued.token)
    assert world.tokens.revocations.is_revoked(caller)


async def test_a_person_who_was_revoked_keeps_nothing_and_may_come_again(world, ada, bot):
    issued = mint(world, PERSON, act=Act(bot.id), client_id=bot.id, role="")
    body = {"kind": "person", "id": PERSON, "reason": "left"}
    assert (await ada.call("POST", "/v1/revocations", body))[0] == 201
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(issued.token)
    world.clock.at += 1
    again = mint(world, PERSON, act=Act(bot.id), client_id=bot.id, role="")
    assert world.tokens.access.verified(again.token)


@pytest.mark.parametrize("kind", ["delegation", "grant", "client"])
async def test_what_another_room_keeps_is_ended_there(ada, kind):
    body = {"kind": kind, "id": DELEGATION, "reason": ""}
    status, view = await ada.call("POST", "/v1/revocations", body)
    assert (status, view["type"]) == (400, "urn:smartagent:error:malformed-revocation")


def call_detail(**more):
    return {"type": "smartagent_call", "method": "POST", "path": "/shop/x", **more}


async def test_a_token_for_one_call_is_good_for_that_call_alone(world, bot):
    digest = b64u(sha256(b"{}"))
    issued = mint(world, bot.id, authorization_details=(call_detail(digest=digest, once=True),))
    caller = world.tokens.access.verified(issued.token).caller
    assert caller.restriction == CallRestriction("POST", "/shop/x", digest, once=True)
    headers = {"authorization": f"Bearer {issued.token}"}
    gate = world.tokens.access.by_gateway_token
    entered = await gate(world.inbound("POST", "/shop/x", None, headers))
    assert len(entered.claims) == 1
    for method, target in (("GET", "/shop/x"), ("POST", "/shop/y"), ("POST", "/shop/x?all=1")):
        with pytest.raises(AuthenticationFailed):
            await gate(world.inbound(method, target, None, headers))
    with pytest.raises(AuthenticationFailed):
        await world.tokens.access.by_access_token(world.inbound("POST", "/shop/x", None, headers))


async def test_one_use_is_one_use_over_all_nodes(world, bot):
    issued = mint(world, bot.id, authorization_details=(call_detail(once=True),))
    headers = {"authorization": f"Bearer {issued.token}"}
    other = await world.another_node("two").start()
    inbound = world.inbound("POST", "/shop/x", None, headers)
    claims = [(await node.tokens.access.by_gateway_token(inbound)).claims for node in (world, other)]
    await world.store.commit(Work((), claims[0]))
    with pytest.raises(AuthenticationFailed):
        await other.store.commit(Work((), claims[1]))


async def test_a_token_for_several_calls_is_for_none(world, bot):
    issued = mint(world, bot.id, authorization_details=(call_detail(), call_detail(path="/shop/y")))
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(issued.token)


async def test_a_derived_token_never_outlives_what_it_derives_from(world, bot):
    now = int(world.clock.now())
    assert mint(world, bot.id, not_after=now + 60).claims.exp == now + 60
    assert mint(world, bot.id, life_seconds=10**6).claims.exp == now + 3600
    for gone in (now, now - 1):
        with pytest.raises(NothingLeft):
            mint(world, bot.id, not_after=gone)


async def test_tokens_of_every_algorithm_verify_by_the_one_key_set(world):
    await world.tokens.rings.tend(world.store)
    rings = world.tokens.rings
    entries = msgspec.json.decode(rings.jwks())["keys"]
    assert [entry["kty"] for entry in entries] == ["OKP", "OKP", "EC", "EC", "RSA", "RSA"]
    assert [entry.get("alg") for entry in entries] == [None, None, "ES256", "ES256", "RS256", "RS256"]
    for algorithm in Algorithm:
        from smartagent.crypto import ASYMMETRIC, parse_compact

        jws = parse_compact(rings.sign(algorithm, "JWT", b"{}"), algorithms=ASYMMETRIC)
        key = rings.verifier(jws.header.kid)
        assert key is not None
        assert jws.verified_payload(key) == b"{}"


async def test_each_algorithm_turns_by_itself(world, ada):
    await world.tokens.rings.tend(world.store)
    before = {ring.algorithm: ring.active.kid for ring in world.tokens.rings.all()}
    status, view = await ada.call("POST", "/v1/keys/rotate", {"algorithm": "ES256", "reason": "habit"})
    assert (status, view["active"] != before[Algorithm.ES256]) == (200, True)
    after = {ring.algorithm: ring.active.kid for ring in world.tokens.rings.all()}
    assert [algorithm for algorithm in Algorithm if before[algorithm] != after[algorithm]] == [
        Algorithm.ES256
    ]


async def test_an_agent_that_asks_gets_a_token_that_is_bound_to_its_key(world, bot):
    agent = world.identity.directory.agent(bot.id)
    issued = world.tokens.issuer.for_agent(agent, Asked(), "thumbprint")
    assert issued.claims.cnf.jkt == "thumbprint"
    headers = {"authorization": f"Bearer {issued.token}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    assert caller_of(issued.claims, world.identity.directory).principal == bot.id
