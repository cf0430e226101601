# SPDX-License-Identifier: Apache-2.0
"""A started house with keys of every algorithm, an operator and an agent."""

import pytest

from tests.unit.identity.world import World


@pytest.fixture
async def world():
    world = await World().start()
    await world.tokens.rings.tend(world.store)
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    actor = await world.operator()
    await actor.login()
    return actor


@pytest.fixture
async def bot(world, ada):
    return await world.agent(ada)
