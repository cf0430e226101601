# SPDX-License-Identifier: Apache-2.0
"""A started house with an operator and three agents: Alice, and Bob and Carol who may act for others."""

import pytest

from tests.unit.delegation.world import Corp, DelegatingWorld


@pytest.fixture
async def world():
    world = await DelegatingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def ada(world):
    return await world.operator()


@pytest.fixture
async def alice(world, ada):
    return await world.agent(ada, "order-reader")


@pytest.fixture
async def bob(world, ada):
    return await world.agent(ada, "helper")


@pytest.fixture
async def carol(world, ada):
    return await world.agent(ada, "clerk")


@pytest.fixture
async def session(alice):
    """A token that Alice got for herself."""
    return (await alice.session())["access_token"]


@pytest.fixture
async def corp(world, ada):
    """An outside issuer that the house trusts."""
    corp = Corp(world)
    await world.trust(ada, corp.key)
    return corp
