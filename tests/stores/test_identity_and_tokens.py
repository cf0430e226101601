# SPDX-License-Identifier: Apache-2.0
"""Identity and tokens on real stores: what must happen once happens once, on any number of nodes."""

import asyncio

import pytest

from smartagent.crypto import SigningKey, SystemClock
from smartagent.edge import AuthenticationFailed
from smartagent.identity import AgentStatus
from smartagent.storage import PostgresStore, SqliteStore
from tests.stores.sites import SqliteSite
from tests.unit.identity.world import AgentActor, FakeClock, World


class Node:
    """What `World` wants of a store, on a real one."""

    def __init__(self, store):
        self._store = store
        self.fetch = store.database.fetch
        self.register = store.feed.register
        self.start = store.start
        self.feed = store.feed

    async def commit(self, work):
        committed = await self._store.ledger.commit(work)
        await self._store.feed.reached(committed.version)
        return committed


@pytest.fixture
def open_world(site):
    clock = FakeClock(int(SystemClock().now()))

    async def open_one(name):
        store = (
            SqliteStore(site.path)
            if isinstance(site, SqliteSite)
            else PostgresStore(site.url, clock=SystemClock())
        )
        site._nodes.append(store)
        return await World(clock, Node(store), name).start()

    return open_one


async def test_the_whole_way_from_claim_to_revocation(open_world):
    world, other = await open_world("one"), await open_world("two")
    ada = await world.operator()
    bot = await world.agent(ada)
    view = await bot.session()
    await other.store.feed.reached(world.store.feed.applied)
    assert (await other.form(bot.form()))[0] == 200
    caller = other.tokens.access.verified(view["access_token"]).caller
    assert caller.principal == bot.id
    _, page = await ada.call("GET", f"/v1/agents?status=active&role=order-reader&owner={ada.id}&limit=5")
    assert [each["id"] for each in page["agents"]] == [bot.id]
    for _ in range(2):
        status, _ = await ada.call("POST", "/v1/revocations", {"kind": "agent", "id": bot.id, "reason": "x"})
        assert status == 201
    # The next thing another node makes durable tells it of the revocation, before it answers.
    status, _ = await other.form(bot.form())
    assert status == 401
    assert other.tokens.revocations.is_revoked(caller)
    assert other.identity.directory.agent(bot.id).status is AgentStatus.SUSPENDED
    with pytest.raises(AuthenticationFailed):
        world.tokens.access.verified(view["access_token"])


async def test_an_enrolment_token_a_nonce_and_an_assertion_work_once_over_all_nodes(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    ada = await nodes[0].operator()
    token = await ada.enrolment()
    bots = [AgentActor(node, SigningKey.generate(node.entropy)) for node in nodes * 4]
    answers = await asyncio.gather(
        *(bot.world.call("POST", "/v1/agents", bot.enrolment(token)) for bot in bots)
    )
    assert sorted(status for status, _ in answers) == [201] + [401] * 7
    won = next(index for index, (status, _) in enumerate(answers) if status == 201)
    bot = bots[won]
    bot.id = answers[won][1]["id"]
    body = await bot.session_body()
    # A node that committed anything since knows the agent.
    await asyncio.gather(
        *(node.call("POST", "/v1/challenges", {"purpose": "session", "agent": "x"}) for node in nodes)
    )
    answers = await asyncio.gather(*(node.call("POST", "/v1/sessions", body) for node in nodes * 4))
    assert sorted(status for status, _ in answers) == [201] + [401] * 7
    form = bot.form()
    answers = await asyncio.gather(*(node.form(form) for node in nodes * 4))
    assert sorted(status for status, _ in answers) == [200] + [401] * 7


async def test_one_key_names_one_principal_over_all_nodes(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    ada = await nodes[0].operator()
    key = SigningKey.generate(nodes[0].entropy)
    tokens = [await ada.enrolment() for _ in nodes]
    answers = await asyncio.gather(
        *(
            node.call("POST", "/v1/agents", AgentActor(node, key).enrolment(token))
            for node, token in zip(nodes, tokens, strict=True)
        )
    )
    assert sorted(status for status, _ in answers) == [201, 409]


async def test_nodes_that_begin_and_turn_the_ring_at_once_share_every_key(open_world):
    nodes = await asyncio.gather(open_world("one"), open_world("two"), open_world("three"))
    nodes[0].clock.at += 30 * 86_400
    await asyncio.gather(*(node.tokens.ring.tend(node.store) for node in nodes))
    rings = [[(key.kid, key.state) for key in node.tokens.ring.ring] for node in nodes]
    assert rings[0] == rings[1] == rings[2]
    assert sorted(state.value for _, state in rings[0]) == ["active", "pending", "retiring"]
    assert len({node.tokens.ring.active.kid for node in nodes}) == 1


async def test_a_node_that_starts_later_knows_everything(open_world):
    world = await open_world("one")
    ada = await world.operator()
    bots = [await world.agent(ada) for _ in range(3)]
    view = await bots[0].session()
    await ada.call("POST", "/v1/revocations", {"kind": "token", "id": view["jti"], "reason": ""})
    fresh = await open_world("late")
    assert {bot.id for bot in bots} == {
        each.id for each in map(fresh.identity.directory.agent, (b.id for b in bots))
    }
    assert fresh.tokens.ring.active.kid == world.tokens.ring.active.kid
    with pytest.raises(AuthenticationFailed):
        fresh.tokens.access.verified(view["access_token"])
    assert (await fresh.form(bots[1].form()))[0] == 200
