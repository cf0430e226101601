# SPDX-License-Identifier: Apache-2.0
"""Access tokens of accounts at OAuth providers; the refresh token stays in the house.

All leases of an account get the token that it has now, so ending one of them ends none at the provider: the token works
until its own end, and the lease says so.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from smartagent.kernel import Kind, Secret, SmartAgentError
from smartagent.leases.backends.reading import grant_of, settings_of
from smartagent.leases.errors import (
    MalformedCredential,
    MalformedProvider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.model import Credential, Ended, Made, Order, Provider

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

TokenOf = Callable[[str, str], Awaitable[tuple[Secret[bytes], int]]]
"""An account's access token, and when it dies (Unix seconds)."""


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: str


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    account: str


class OAuthBackend:
    """Gives access tokens of accounts; several accounts at one provider are several credentials."""

    kind = "oauth"
    renewable = False
    fields = ("access_token", "account", "expiration")

    def __init__(self, token_of: TokenOf) -> None:
        self._token_of = token_of

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: It does not name an accounts' provider.
        """
        if not _NAME.fullmatch(settings_of(provider, _Settings).provider):
            raise MalformedProvider("settings.provider", "the accounts' provider, as in `account list`")
        if provider.secrets:
            raise MalformedProvider("secrets", "none: the account has them")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It names no account.
        """
        if not _NAME.fullmatch(grant_of(credential.grant, _Grant).account):
            raise MalformedCredential("grant.account", "the account's name, as in `account list`")

    def handle_of(self, lease_id: str) -> str:
        """Name the lease in our own log; nothing new is made outside."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Give the account's access token.

        Raises:
            ProviderFailed: There is no such account, or its provider said no.
            ProviderUnreachable: Its provider does not answer.
        """
        name = grant_of(order.grant, _Grant).account
        try:
            token, dies_at = await self._token_of(settings_of(order.provider, _Settings).provider, name)
        except SmartAgentError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise ProviderUnreachable(error.code) from None
            raise ProviderFailed(error.code) from None
        fields = {
            "access_token": Secret(token.reveal().decode()),
            "account": Secret(name),
            "expiration": Secret(str(dies_at)),
        }
        return Made(fields, dies_at=dies_at, facts={"account": name})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """A lease gets the next token by being asked for again."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when the provider takes it."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Nothing is asked: each account says for itself how it stands."""
