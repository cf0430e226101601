# SPDX-License-Identifier: Apache-2.0
"""A started house, and an operator."""

import pytest

from tests.unit.notices.world import NoticesWorld


@pytest.fixture
async def world():
    world = await NoticesWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()
