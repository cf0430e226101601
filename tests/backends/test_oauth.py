# SPDX-License-Identifier: Apache-2.0
"""Leases of accounts' access tokens: the tokens are the accounts', and the refresh token is nobody's."""

import pytest
from msgspec import structs

from smartagent.accounts import AccountNotFound, AccountUnreachable, ReconnectNeeded
from smartagent.crypto import SystemClock
from smartagent.kernel import Secret
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.backends.oauth import OAuthBackend
from tests.backends.conformance import ALL, order


class Rig:
    """An account whose token lives for an hour."""

    def __init__(self):
        self.backend = OAuthBackend(self.token_of)
        self.provider = Provider("idp-tokens", "oauth", {"provider": "idp"})
        self.secrets = {}
        self.grant = {"account": "ada"}
        self.failing = None

    async def token_of(self, provider, name):
        if self.failing is not None:
            raise self.failing
        assert (provider, name) == ("idp", "ada")
        return Secret(b"at-1-opaque-token"), int(SystemClock().now()) + 3600

    async def works(self, fields):
        return fields["access_token"].reveal() == "at-1-opaque-token"


@pytest.fixture
def rig():
    return Rig()


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


@pytest.mark.parametrize(
    ("failing", "expected", "reason"),
    [
        (AccountNotFound("idp/ada"), ProviderFailed, "account-not-found"),
        (ReconnectNeeded("idp/ada"), ProviderFailed, "account-reconnect-needed"),
        (AccountUnreachable("timeout"), ProviderUnreachable, "account-unreachable"),
    ],
)
async def test_an_account_that_gives_nothing_says_why(rig, failing, expected, reason):
    rig.failing = failing
    with pytest.raises(expected, check=lambda error: error.reason == reason):
        await rig.backend.issue(order(rig))


def test_an_entry_or_a_grant_that_names_nothing_is_refused(rig):
    with pytest.raises(MalformedProvider):
        rig.backend.check_provider(structs.replace(rig.provider, settings={"provider": "No Name"}))
    with pytest.raises(MalformedProvider):
        rig.backend.check_provider(structs.replace(rig.provider, secrets={"x": "y"}))
    with pytest.raises(MalformedCredential):
        rig.backend.check_credential(rig.provider, Credential("c", "idp-tokens", {"account": "../x"}))
