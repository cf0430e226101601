# SPDX-License-Identifier: Apache-2.0
"""A started house, an operator, and somebody outside."""

import pytest

from tests.unit.federation.fakes import OutsideIssuer
from tests.unit.federation.world import FederatedWorld


@pytest.fixture
async def world():
    world = await FederatedWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


@pytest.fixture
def idp(world):
    return OutsideIssuer(world.web)
