# SPDX-License-Identifier: Apache-2.0
"""A started house, its operator, and the cookie of their browser."""

import pytest

from tests.unit.consent.house import House


@pytest.fixture
async def house():
    house = await House.start()
    house.client()
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.operator()


@pytest.fixture
async def cookie(house, ada):
    return await house.sign_in(ada)
