# SPDX-License-Identifier: Apache-2.0
"""A started house with clients, and its operator."""

import pytest

from tests.unit.clients.house import House


@pytest.fixture
async def house():
    house = await House.start()
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.world.operator()
