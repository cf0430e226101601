# SPDX-License-Identifier: Apache-2.0
"""Claiming the house and enrolling agents, through the pipeline."""

import asyncio

import pytest

from smartagent.crypto import SigningKey, b64u, sha256
from smartagent.identity.model import AgentStatus
from smartagent.kernel import Work
from tests.unit.identity.world import AgentActor, OperatorActor, World

# What OpenSSL takes for a key, and accepts forged signatures with.
SMALL_ORDER = bytes.fromhex("0100000000000000000000000000000000000000000000000000000000000000")


def last(world):
    return world.store.records[-1]


async def newcomer(world):
    return AgentActor(world, SigningKey.generate(world.entropy))


async def test_the_first_start_offers_a_link_and_a_claimed_house_does_not(world):
    link = await world.identity.first_claim(world.store)
    assert link.reveal().startswith("https://auth.example/claim#scl_")
    assert last(world).event == "claim-link.created"
    await world.operator()
    assert await world.identity.first_claim(world.store) is None


async def test_claiming_makes_an_operator_and_is_recorded(world):
    ada = await world.operator("Ada")
    assert last(world).event == "operator.claimed"
    assert last(world).subject == ada.id
    operator = world.identity.directory.operator(ada.id)
    assert operator is not None
    assert operator.name == "Ada"
    assert world.identity.directory.operator_by_thumbprint(ada.key.public.thumbprint) == operator


async def test_a_claim_link_works_once_and_takes_the_other_first_links_with_it(world):
    links = [(await world.identity.claiming.first_claim(world.store)).reveal() for _ in range(3)]
    codes = [link.partition("#")[2] for link in links]
    for index, expected in ((1, 201), (1, 401), (0, 401), (2, 401)):
        person = OperatorActor(world, SigningKey.generate(world.entropy))
        status, view = await world.call("POST", "/v1/claims", person.claim(codes[index]))
        assert status == expected, view
    assert last(world).reason.endswith("was used")


async def test_a_claim_link_of_an_operator_makes_another_operator(world, ada):
    status, view = await ada.call("POST", "/v1/claim-links")
    assert status == 201
    grace = OperatorActor(world, SigningKey.generate(world.entropy))
    status, view = await world.call(
        "POST", "/v1/claims", grace.claim(view["link"].partition("#")[2], "Grace")
    )
    assert status == 201
    status, view = await ada.call("GET", "/v1/operators")
    assert {each["name"] for each in view["operators"]} == {"Ada", "Grace"}


async def test_a_claim_link_lives_a_quarter_of_an_hour(world):
    link = await world.identity.claiming.first_claim(world.store)
    person = OperatorActor(world, SigningKey.generate(world.entropy))
    world.clock.at += 900
    status, _ = await world.call("POST", "/v1/claims", person.claim(link.reveal().partition("#")[2]))
    assert status == 401


async def test_enrolling_makes_an_agent_owned_by_who_invited_it(world, ada):
    token = await ada.enrolment(name="orders bot")
    assert token.startswith("set_")
    bot = await newcomer(world)
    status, view = await world.call("POST", "/v1/agents", bot.enrolment(token, name=""))
    assert status == 201
    assert view["owner"] == ada.id
    assert view["role"] == "order-reader"
    assert view["status"] == "active"
    assert view["name"] == "orders bot"
    assert view["key_thumbprint"] == bot.key.public.thumbprint
    record = last(world)
    assert (record.event, record.subject) == ("agent.enrolled", view["id"])
    assert record.caller == record.detail["enrolment"]
    assert world.identity.directory.agent(view["id"]).public_key == bot.key.public.raw


async def test_of_an_enrolment_token_only_the_hash_is_kept(world, ada):
    token = await ada.enrolment()
    dump = "\n".join(world.store._connection.iterdump())
    assert token not in dump
    assert sha256(token.encode()).hex() in dump.lower()
    assert not any(token in record.encode().decode() for record in world.store.records)


async def test_an_enrolment_token_works_once(world, ada):
    token = await ada.enrolment()
    statuses = []
    for _ in range(2):
        bot = await newcomer(world)
        statuses.append((await world.call("POST", "/v1/agents", bot.enrolment(token)))[0])
    assert statuses == [201, 401]
    assert last(world).reason == "the enrolment token or claim link was used"


async def test_of_two_at_once_one_enrols(world, ada):
    token = await ada.enrolment()
    other = await world.another_node("two").start()
    bots = [await newcomer(world), await newcomer(other)]
    # Both have read the token as unused before either commits.
    meet(world, other)
    answers = [bot.world.call("POST", "/v1/agents", bot.enrolment(token)) for bot in bots]
    statuses = sorted(status for status, _ in await asyncio.gather(*answers))
    assert statuses == [201, 401]
    assert len(world.identity.directory) == 1
    assert len(other.identity.directory) == 1


def meet(*nodes):
    """Let each node commit for the first time only when all have decided what."""
    barrier = asyncio.Barrier(len(nodes))
    for node in nodes:
        node.commit = met(node, barrier)


def met(node, barrier):
    commit = node.commit

    async def commit_when_all_have_decided(work, caller, holder=None):
        node.commit = commit
        await barrier.wait()
        return await commit(work, caller)

    return commit_when_all_have_decided


async def test_an_expired_enrolment_token_enrols_nobody(world, ada):
    token = await ada.enrolment(ttl_seconds=60)
    bot = await newcomer(world)
    world.clock.at += 60
    status, view = await world.call("POST", "/v1/agents", bot.enrolment(token))
    assert (status, view["type"]) == (401, "urn:smartagent:error:unauthenticated")


async def test_a_clock_set_back_revives_no_used_token(world, ada):
    token = await ada.enrolment()
    bot = await newcomer(world)
    assert (await world.call("POST", "/v1/agents", bot.enrolment(token)))[0] == 201
    for back in (1, 3600, 86_400):
        world.clock.at -= back
        late = await newcomer(world)
        assert (await world.call("POST", "/v1/agents", late.enrolment(token)))[0] == 401


async def test_a_key_that_an_agent_has_is_refused_even_when_that_agent_retired(world, ada, bot):
    again = AgentActor(world, bot.key)
    token = await ada.enrolment()
    status, view = await world.call("POST", "/v1/agents", again.enrolment(token))
    assert (status, view["type"]) == (409, "urn:smartagent:error:key-already-known")
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "retired", "reason": "done"})
    assert (await world.call("POST", "/v1/agents", again.enrolment(token)))[0] == 409
    # The token was not used up by the refusals.
    assert (await world.call("POST", "/v1/agents", (await newcomer(world)).enrolment(token)))[0] == 201


async def test_an_operators_key_cannot_enrol_and_an_agents_key_cannot_claim(world, ada, bot):
    status, _ = await world.call(
        "POST", "/v1/agents", AgentActor(world, ada.key).enrolment(await ada.enrolment())
    )
    assert status == 409
    _, view = await ada.call("POST", "/v1/claim-links")
    person = OperatorActor(world, bot.key)
    status, _ = await world.call("POST", "/v1/claims", person.claim(view["link"].partition("#")[2]))
    assert status == 409


async def test_the_unique_key_holds_when_two_nodes_look_at_the_same_time(world, ada):
    tokens = [await ada.enrolment(), await ada.enrolment()]
    other = await world.another_node("two").start()
    key = SigningKey.generate(world.entropy)
    meet(world, other)
    answers = [
        node.call("POST", "/v1/agents", AgentActor(node, key).enrolment(token))
        for node, token in zip((world, other), tokens, strict=True)
    ]
    assert sorted(status for status, _ in await asyncio.gather(*answers)) == [201, 409]


@pytest.mark.parametrize("raw", [SMALL_ORDER, b"\xff" * 32, b"k" * 31, b"k" * 33, b"", bytes(32)])
async def test_unsound_points_are_refused(world, ada, raw):
    bot = await newcomer(world)
    body = bot.enrolment(await ada.enrolment(), public_key=b64u(raw), signature=b64u(bytes(64)))
    status, view = await world.call("POST", "/v1/agents", body)
    assert (status, view["type"]) == (400, "urn:smartagent:error:malformed-key")


async def test_the_key_must_be_proven_and_the_proof_is_for_this_token_and_house(world, ada):
    bot = await newcomer(world)
    token, another = await ada.enrolment(), await ada.enrolment()
    for change in (
        {"signature": bot.enrolment(another)["signature"]},
        {"signature": b64u(bytes(64))},
        {"signature": "x"},
        {"signature": "é" * 86},
        {"public_key": (await newcomer(world)).enrolment(token)["public_key"]},
        {"enrolment_token": "set_unknown"},
    ):
        status, view = await world.call("POST", "/v1/agents", bot.enrolment(token, **change))
        assert (status, view["type"]) == (401, "urn:smartagent:error:unauthenticated"), change
        assert last(world).event == "agent.enrolled"
        assert last(world).outcome == "unauthenticated"


@pytest.mark.parametrize("name", ["", "a\u202eb", "x" * 81])
async def test_an_agent_needs_a_name_that_can_be_shown(world, ada, name):
    bot = await newcomer(world)
    status, view = await world.call("POST", "/v1/agents", bot.enrolment(await ada.enrolment(), name=name))
    assert (status, view["type"]) == (400, "urn:smartagent:error:malformed-name")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"role": "nobody"}, "role-unknown"),
        ({"role": "order-reader", "ttl_seconds": 3601}, "life-too-long"),
        ({"role": "order-reader", "name": "\x07"}, "malformed-name"),
        ({"role": 7}, "malformed-request"),
        ({"role": "order-reader", "ttl": 5}, "malformed-request"),
    ],
)
async def test_an_enrolment_that_makes_no_sense_is_refused(world, ada, body, code):
    status, view = await ada.call("POST", "/v1/enrolments", body)
    assert (status, view["type"]) == (400, f"urn:smartagent:error:{code}")


async def test_agents_cannot_invite(world, bot):
    token = (await bot.session())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    status, view = await world.call("POST", "/v1/enrolments", {"role": "order-reader"}, headers)
    assert (status, view["missing"]) == (403, "enrolments.create")


async def test_the_directory_follows_every_change(world, ada, bot):
    body = {"status": "suspended", "reason": "looks odd"}
    status, view = await ada.call("POST", f"/v1/agents/{bot.id}/status", body)
    assert (status, view["status"]) == (200, "suspended")
    assert world.identity.directory.agent(bot.id).status is AgentStatus.SUSPENDED
    assert last(world).detail == {"from": "active", "to": "suspended", "reason": "looks odd"}
    status, view = await world.call("POST", "/v1/challenges", {"purpose": "session", "agent": bot.id})
    assert status == 401
    assert (await ada.call("POST", f"/v1/agents/{bot.id}/status", body))[0] == 409
    assert (await ada.call("POST", f"/v1/agents/{bot.id}/status", body | {"status": "active"}))[0] == 200
    await bot.session()


async def test_a_status_changed_meanwhile_is_not_overwritten(world, ada, bot):
    inbound = world.inbound("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": ""})
    inbound.params = {"id": bot.id}
    outcome = await world.identity.inventory.change_status(None, inbound)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "retired", "reason": ""})
    with pytest.raises(type(outcome.writes[0].lost)):
        await world.store.commit(Work((), writes=outcome.writes))
    assert world.identity.directory.agent(bot.id).status is AgentStatus.RETIRED


async def test_the_list_pages_and_filters(world, ada):
    bots = [await world.agent(ada) for _ in range(5)]
    _, first = await ada.call("GET", "/v1/agents?limit=2")
    _, second = await ada.call("GET", f"/v1/agents?limit=2&cursor={first['next_cursor']}")
    _, third = await ada.call("GET", f"/v1/agents?limit=2&cursor={second['next_cursor']}")
    listed = [each["id"] for page in (first, second, third) for each in page["agents"]]
    assert listed == sorted(bot.id for bot in bots)
    assert third["next_cursor"] == ""
    await ada.call("POST", f"/v1/agents/{bots[3].id}/status", {"status": "retired", "reason": ""})
    _, retired = await ada.call("GET", "/v1/agents?status=retired")
    assert [each["id"] for each in retired["agents"]] == [bots[3].id]
    assert len((await ada.call("GET", f"/v1/agents?owner={ada.id}&role=order-reader"))[1]["agents"]) == 5
    assert (await ada.call("GET", "/v1/agents?owner=opr_nobody"))[1]["agents"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "status=odd",
        "cursor=../",
        "role=%00",
        "colour=red",
        "limit=1&limit=2",
        "role=%f",
    ],
)
async def test_a_malformed_query_is_refused(ada, query):
    assert (await ada.call("GET", f"/v1/agents?{query}"))[0] == 400


async def test_an_agent_is_shown_by_id(ada, bot):
    assert (await ada.call("GET", f"/v1/agents/{bot.id}"))[1]["id"] == bot.id
    unknown = bot.id[:-4] + "0000"
    assert (await ada.call("GET", f"/v1/agents/{unknown}"))[0] == 404
    assert (await ada.call("GET", "/v1/agents/opr_1"))[0] == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"purpose": "session"}, 400),
        ({"purpose": "session", "agent": "a", "operator": "b"}, 400),
        ({"purpose": "operator-session", "agent": "agt_x"}, 400),
        ({"purpose": "session", "operator": "opr_x"}, 400),
        ({"purpose": "odd", "agent": "agt_x"}, 400),
        ({"purpose": "session", "agent": "agt_x"}, 401),
        ({"purpose": "operator-session", "operator": "opr_x"}, 401),
    ],
)
async def test_a_challenge_is_for_somebody_known_and_for_their_purpose(world, body, status):
    assert (await world.call("POST", "/v1/challenges", body))[0] == status


async def test_a_challenge_is_recorded_by_a_short_name_not_by_the_nonce(world, bot):
    _, view = await world.call("POST", "/v1/challenges", {"purpose": "session", "agent": bot.id})
    record = last(world)
    assert (record.event, record.subject) == ("challenge.issued", bot.id)
    assert record.detail["challenge"] == sha256(view["nonce"].encode()).hex()[:16]
    assert view["expires_in"] == 60


async def test_a_new_node_knows_everybody(world, ada, bot):
    fresh = await World(world.clock, world.store, "three").start()
    assert fresh.identity.directory.agent(bot.id) == world.identity.directory.agent(bot.id)
    assert fresh.identity.directory.has_operators
    assert [each.id for each in fresh.identity.directory.operators()] == [ada.id]
