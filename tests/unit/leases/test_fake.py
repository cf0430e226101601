# SPDX-License-Identifier: Apache-2.0
"""The fake that the other tests lease from holds to what the real backends hold to."""

import pytest

from smartagent.kernel import Secret
from smartagent.leases import Provider
from tests.backends.conformance import ALL
from tests.unit.leases.world import ADMIN, FakeProvider, Fixed


class Rig:
    def __init__(self, kind):
        self.backend = kind()
        self.provider = Provider("orders", kind.kind, {}, {"password": "broker"})
        self.secrets = {"password": Secret(ADMIN)}
        self.grant = {"table": "orders"}

    async def works(self, fields):
        return fields["username"].reveal() in self.backend.alive


@pytest.fixture(params=[FakeProvider, Fixed])
def rig(request):
    return Rig(request.param)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)
