# SPDX-License-Identifier: Apache-2.0
"""One house for all of the console's tests."""

import pytest
import pytest_asyncio

from tests.console.house import AXE, House


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory):
    if not AXE.is_file():
        pytest.skip("needs npm's axe-core: run npm ci in tests/interop/node")
    house = House(tmp_path_factory.mktemp("console"))
    try:
        yield await house.start()
    finally:
        await house.close()


@pytest_asyncio.fixture(loop_scope="session")
async def ada(house):
    """The first operator's browser, at the overview, with nothing to complain of yet."""
    await house.ada.page.set_viewport_size({"width": 1280, "height": 860})
    await house.ada.page.emulate_media(color_scheme="light")
    await house.ada.go("/console")
    house.ada.complaints.clear()
    return house.ada
