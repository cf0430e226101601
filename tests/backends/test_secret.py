# SPDX-License-Identifier: Apache-2.0
"""Secrets of the vault as leases."""

import pytest

from smartagent.kernel import Secret
from smartagent.leases import Credential, MalformedCredential, MalformedProvider, Provider, ProviderFailed
from smartagent.leases.backends.secret import SecretBackend
from tests.backends.conformance import ALL, order


class SecretRig:
    def __init__(self):
        self.backend = SecretBackend()
        self.provider = Provider("keys", "secret", {}, {"api_key": "shop-key", "other": "other-key"})
        self.secrets = {"api_key": Secret(b"static-value-1234"), "other": Secret(b"other-value-1234")}
        self.grant = {"fields": ["api_key"]}

    async def works(self, fields):
        return fields["api_key"].reveal() == "static-value-1234"


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(check):
    await check(SecretRig())


async def test_it_gives_only_what_the_grant_names():
    rig = SecretRig()
    assert list((await rig.backend.issue(order(rig))).fields) == ["api_key"]
    rig.grant = {}
    assert list((await rig.backend.issue(order(rig))).fields) == ["api_key", "other"]


async def test_what_is_no_text_is_not_given():
    rig = SecretRig()
    rig.secrets["api_key"] = Secret(b"\xff\xfe")
    with pytest.raises(ProviderFailed):
        await rig.backend.issue(order(rig))


@pytest.mark.parametrize(
    "provider", [Provider("k", "secret", {}, {}), Provider("k", "secret", {"host": "x"}, {"a": "b"})]
)
def test_a_provider_of_another_shape_is_refused(provider):
    with pytest.raises(MalformedProvider):
        SecretBackend().check_provider(provider)


@pytest.mark.parametrize(
    "grant", [{"fields": []}, {"fields": "api_key"}, {"fields": [1]}, {"fields": ["nothing"]}]
)
def test_a_grant_of_another_shape_is_refused(grant):
    rig = SecretRig()
    with pytest.raises(MalformedCredential):
        rig.backend.check_credential(rig.provider, Credential("c", "keys", grant))
