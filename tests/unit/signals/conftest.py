# SPDX-License-Identifier: Apache-2.0
"""A started house with signals, an operator, an agent, and a party outside."""

import pytest

from tests.unit.signals.world import SignalsWorld


@pytest.fixture
async def world():
    world = await SignalsWorld().start()
    yield world
    await world.signals.transmitter.stop()
    world.store.close()


@pytest.fixture
async def ada(world):
    world.ada = await world.operator()
    return world.ada


@pytest.fixture
async def bot(world, ada):
    bot = await world.agent(ada)
    await world.settle()
    return bot


@pytest.fixture
async def party(world, ada):
    party = await world.party(ada)
    await world.settle()
    return party
