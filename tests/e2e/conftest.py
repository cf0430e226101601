# SPDX-License-Identifier: Apache-2.0
"""Nodes and shops that are ended by their id, whatever the test does."""

import pytest

from tests.e2e.site import Shop, Site
from tests.stores.postgres import fresh_database, postgres_server, postgres_site, postgres_template  # noqa: F401 -- fixtures


@pytest.fixture
async def shop():
    shop = await Shop().start()
    yield shop
    await shop.close()


@pytest.fixture
async def sites(tmp_path):
    made = []

    def make(name="node", **settings):
        made.append(Site(tmp_path / name, **settings))
        return made[-1]

    yield make
    for site in made:
        if site.process is not None and site.process.returncode is None:
            await site.kill()


@pytest.fixture
async def closing():
    """Close clients after the test."""
    clients = []
    yield clients.append
    for client in clients:
        await client.close()
