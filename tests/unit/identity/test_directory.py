# SPDX-License-Identifier: Apache-2.0
"""The directory: many agents in little memory, and never half loaded."""

import pytest

from smartagent.identity import Directory
from smartagent.identity.model import Agent, AgentStatus
from smartagent.identity.store import add_agent
from smartagent.kernel import Work
from smartagent.storage import StoreUnavailable


async def fill(world, count):
    writes = [
        add_agent(
            Agent(
                f"agt_{n:026}",
                f"bot {n}",
                "opr_1",
                "order-reader",
                AgentStatus.ACTIVE,
                b"k" * 32,
                2**40 + n,
                2**40 + n,
            )
        )
        for n in range(count)
    ]
    await world.store.commit(Work((), writes=tuple(writes)))


async def test_more_agents_than_a_page_are_all_loaded_and_share_what_repeats(world):
    await fill(world, 2500)
    directory = Directory(world.store)
    await directory.reload_agents(())
    assert len(directory) == 2500
    one, two = directory.agent(f"agt_{0:026}"), directory.agent(f"agt_{2499:026}")
    assert one.owner is two.owner
    assert one.role is two.role
    assert one.created_at is one.last_changed_at
    assert one.name == "bot 0"
    assert two.name == "bot 2499"


async def test_an_agent_that_is_gone_from_the_store_is_gone_from_memory(world, ada, bot):
    world.store._connection.execute("DELETE FROM agents")
    world.store._connection.execute("DELETE FROM operators")
    await world.identity.directory.reload_agents([bot.id, bot.id])
    await world.identity.directory.reload_operators([ada.id])
    assert world.identity.directory.agent(bot.id) is None
    assert world.identity.directory.operator(ada.id) is None
    assert world.identity.directory.operator_by_thumbprint(ada.key.public.thumbprint) is None


class Broken:
    """A store that stops answering."""

    def __init__(self, store, answers):
        self._store, self._answers = store, answers

    async def fetch(self, statement, parameters=None):
        if self._answers == 0:
            raise StoreUnavailable("gone")
        self._answers -= 1
        return await self._store.fetch(statement, parameters or {})


async def test_a_load_that_breaks_off_changes_nothing(world, ada):
    await fill(world, 2500)
    directory = Directory(Broken(world.store, 5))
    await directory.reload_agents(())
    await directory.reload_operators(())
    for reload in (directory.reload_agents, directory.reload_operators):
        with pytest.raises(StoreUnavailable):
            await reload(())
    assert len(directory) == 2500
    assert directory.has_operators


async def test_keys_made_ready_are_bounded(world, ada, bot):
    directory = world.identity.directory
    agent = directory.agent(bot.id)
    key = directory.key_of(agent)
    assert directory.key_of(agent) is key
    directory._ready = dict.fromkeys((str(n).encode() for n in range(8192)), key)
    directory.key_of(agent)
    assert len(directory._ready) == 8192


async def test_agents_come_in_the_order_of_their_ids_from_any_of_them_on(world):
    await fill(world, 5)
    directory = Directory(world.store)
    await directory.reload_agents([f"agt_{n:026}" for n in (3, 1)])
    assert [agent.name for agent in directory.agents_after("")] == ["bot 1", "bot 3"]
    await directory.reload_agents([f"agt_{n:026}" for n in (2, 0)])
    assert [agent.name for agent in directory.agents_after(f"agt_{1:026}")] == ["bot 2", "bot 3"]
    assert list(directory.agents_after(f"agt_{3:026}")) == []
