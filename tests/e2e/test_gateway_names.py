# SPDX-License-Identifier: Apache-2.0
"""A forward proxy whose authority speaks for the names that it was given, and no others."""

import os

import pytest

from smartagent.crypto import CertificateAuthority
from smartagent.kernel import Decision, Secret
from tests.e2e.test_forward_proxy import tunneled

pytestmark = pytest.mark.e2e


async def test_a_host_that_the_authority_may_not_speak_for_gets_no_tunnel(tmp_path):
    constrained = CertificateAuthority(Secret(os.urandom(32)), "the house's gateway", only=("example",))
    async with tunneled(tmp_path, authority=constrained) as rig:
        status, agent = await rig.connect()
        assert status == 403
        assert b"gateway_ca_names" in agent.refused
        assert rig.events() == [("gateway.tunnel", Decision.DENY)]
