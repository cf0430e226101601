# SPDX-License-Identifier: Apache-2.0
"""A started house with approvals."""

import pytest

from tests.unit.approvals.world import ApprovalsWorld


@pytest.fixture
async def world():
    world = await ApprovalsWorld().start()
    yield world
    world.store.close()
