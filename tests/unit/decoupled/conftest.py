# SPDX-License-Identifier: Apache-2.0
"""A started house, an operator, an agent that asks, and a printer without a browser."""

import pytest

from tests.unit.decoupled.house import Asker, Elsewhere


@pytest.fixture
async def house():
    house = await Elsewhere.start()
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.world.operator()


@pytest.fixture
async def bot(house, ada):
    return Asker(house, await house.world.agent(ada))


@pytest.fixture
def printer(house):
    house.register("clt_printer", role="order-reader")
    return Asker(house, "clt_printer")
