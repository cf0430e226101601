# SPDX-License-Identifier: Apache-2.0
"""A started house with keys of every algorithm, an operator and an agent."""

import pytest

from tests.unit.consent.house import House
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


@pytest.fixture
async def house():
    """A house in which people consent, and a client that is registered there."""
    house = await House.start()
    await house.world.tokens.rings.tend(house.world.store)
    house.client()
    yield house
    house.world.store.close()


@pytest.fixture
async def cookie(house):
    """The cookie of the browser that the operator signed in with."""
    return await house.sign_in(await house.operator())
