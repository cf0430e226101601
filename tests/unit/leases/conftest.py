# SPDX-License-Identifier: Apache-2.0
"""A started house with providers, credentials, and an agent that may lease."""

import pytest

from tests.unit.leases.world import LeasesWorld


@pytest.fixture
async def world():
    world = await LeasesWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    ada = await world.operator()
    await world.furnish(ada)
    return ada


@pytest.fixture
async def bot(world, ada):
    return await world.leaser(ada)
