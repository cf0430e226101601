# SPDX-License-Identifier: Apache-2.0
"""A started house with governance, an operator and an agent."""

import pytest

from tests.unit.governance.world import GovernanceWorld


@pytest.fixture
async def world():
    world = await GovernanceWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


@pytest.fixture
async def bot(world, ada):
    return await world.agent(ada)
