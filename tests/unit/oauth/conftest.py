# SPDX-License-Identifier: Apache-2.0
"""A started house."""

import pytest

from tests.unit.identity.world import World


@pytest.fixture
async def world():
    world = await World().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


@pytest.fixture
async def bot(world, ada):
    return await world.agent(ada)
