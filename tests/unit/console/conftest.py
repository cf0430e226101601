# SPDX-License-Identifier: Apache-2.0
"""A started house with a console, its operator, the cookie of their browser, and their key ring."""

import pytest

from tests.unit.console.house import Authenticator, ConsoleHouse


@pytest.fixture
async def house():
    house = await ConsoleHouse.start()
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.world.operator()


@pytest.fixture
async def cookie(house, ada):
    return await house.sign_in(ada)


@pytest.fixture
def ring(house):
    return Authenticator(house.world.entropy)
