# SPDX-License-Identifier: Apache-2.0
"""Governance on real stores: the log is followed once over all nodes, and whoever leaves has left on each of them."""

import asyncio

import pytest

from smartagent.crypto import SystemClock
from smartagent.edge import AuthenticationFailed
from smartagent.identity import AgentStatus
from smartagent.kernel import Work
from smartagent.policy import Grants
from smartagent.storage import PostgresStore, SqliteStore
from tests.stores.sites import SqliteSite
from tests.stores.test_identity_and_tokens import Node
from tests.unit.governance.test_scim import Directory
from tests.unit.governance.world import GovernanceWorld, caller_of
from tests.unit.identity.world import FakeClock


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
        world = GovernanceWorld(clock, Node(store), name)
        world.roles["deployer"] = Grants((), 600, ("deploy",))
        return await world.start()

    return open_one


async def test_what_was_used_is_known_whichever_nodes_follow_the_log_at_once(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    ada = await nodes[0].operator()
    bot, idle = await nodes[0].agent(ada), await nodes[0].agent(ada)
    await bot.session()
    await asyncio.gather(*(node.governance.caretaker.step() for node in nodes * 3))
    _, page = await ada.call("GET", "/v1/inventory")
    used = {each["id"]: bool(each["last_used_at"]) for each in page["agents"]}
    assert used == {bot.id: True, idle.id: False}


async def test_whoever_leaves_has_left_on_every_node_in_one_commit(open_world):
    world, other = await open_world("one"), await open_world("two")
    ada = await world.operator()
    _, made = await ada.call("PUT", "/v1/scim-sources/hr", {"on_leave": "suspend"})
    hr = Directory(world, made["token"])
    bo = await hr.join("bo@example.com")
    bot = await world.agent(ada)
    await ada.call("POST", f"/v1/agents/{bot.id}/terms", {"owner": bo})
    session = await bot.session()
    assert (await hr.leave(bo))[0] == 200
    await other.store.feed.reached(world.store.feed.applied)
    for node in (world, other):
        assert node.identity.directory.agent(bot.id).status is AgentStatus.SUSPENDED
        with pytest.raises(AuthenticationFailed):
            caller_of(node, session)
    # The same words to two nodes at once: one of them may be told to look again, and nothing comes of it.
    answers = await asyncio.gather(hr.leave(bo), Directory(other, made["token"]).leave(bo))
    assert {status for status, _ in answers} <= {200, 412}
    assert 200 in {status for status, _ in answers}


async def test_an_elevation_holds_and_ends_on_every_node(open_world):
    world, other = await open_world("one"), await open_world("two")
    ada = await world.operator()
    bot = await world.agent(ada)
    body = {"agent": bot.id, "role": "deployer", "seconds": 600, "reason": "release"}
    _, made = await ada.call("POST", "/v1/elevations", body)
    during = await bot.session()
    await other.store.feed.reached(world.store.feed.applied)
    assert caller_of(other, during).role == "deployer"
    await ada.call("DELETE", f"/v1/elevations/{made['id']}")
    await other.store.feed.reached(world.store.feed.applied)
    assert other.governance.elevated.find(bot.id) is None
    with pytest.raises(AuthenticationFailed):
        caller_of(other, during)


async def test_two_reviewers_on_two_nodes_decide_once(open_world):
    world, other = await open_world("one"), await open_world("two")
    ada = await world.operator()
    bot = await world.agent(ada)
    await ada.call("POST", "/v1/reviews", {"name": "q3", "due_seconds": 600, "unanswered": "keep"})
    await other.store.feed.reached(world.store.feed.applied)
    path = "/v1/reviews/q3/items/1"

    async def decide(node, decision):
        inbound = node.inbound("POST", path, {"decision": decision})
        inbound.params = {"name": "q3", "number": "1"}
        return await node.governance.reviews.decide(caller_of(world, await ada.login()), inbound)

    keeps, removes = await decide(world, "keep"), await decide(other, "remove")
    results = await asyncio.gather(
        *(node.store.commit(_work(outcome)) for node, outcome in ((world, keeps), (other, removes))),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Committed", "ReviewDecided"]
    _, page = await ada.call("GET", "/v1/reviews/q3")
    kept = page["items"][0]["decision"] == "keep"
    assert (world.status_of(bot) == "active") is kept


def _work(outcome):
    return Work((), writes=outcome.writes, changes=outcome.changes)
