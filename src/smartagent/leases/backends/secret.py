# SPDX-License-Identifier: Apache-2.0
"""Secrets of the vault as leases: for what cannot be made anew for each session.

Whoever has read one knows it until it is rotated; ending the lease cannot change that, and the lease says so.
"""

from collections.abc import Mapping
from typing import Final

from smartagent.kernel import Secret
from smartagent.leases.errors import MalformedCredential, MalformedProvider, ProviderFailed
from smartagent.leases.model import UNTIL_ROTATED, Credential, Ended, Made, Order, Provider

_GRANT: Final = frozenset({"fields"})


class SecretBackend:
    """Gives secrets of the vault, under the names that the provider's entry has for them."""

    kind = "secret"
    renewable = True
    fields: tuple[str, ...] = ()

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: It has settings, or no secret.
        """
        if provider.settings:
            raise MalformedProvider("settings", "this kind has none")
        if not provider.secrets:
            raise MalformedProvider("secrets", "name at least one secret of the vault")

    def check_credential(self, provider: Provider, credential: Credential) -> None:
        """Check an entry.

        Raises:
            MalformedCredential: The grant names a field that the provider does not have.
        """
        if unknown := credential.grant.keys() - _GRANT:
            raise MalformedCredential(f"grant.{min(unknown)[:64]}", "this kind has no such member")
        names = _names(provider, credential.grant)
        missing = [name for name in (*names, *credential.env.values()) if name not in provider.secrets]
        if missing:
            raise MalformedCredential("grant.fields", f"the provider has no secret for {missing[0][:64]}")

    def handle_of(self, lease_id: str) -> str:
        """Name what will be made: nothing new is."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Give what the grant names.

        Raises:
            ProviderFailed: A secret is no text.
        """
        try:
            fields = {
                name: Secret(order.secrets[name].reveal().decode())
                for name in _names(order.provider, order.grant)
            }
        except (UnicodeDecodeError, KeyError):
            raise ProviderFailed("not-text") from None
        return Made(fields)

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """Nothing has to be done outside."""
        return 0

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say that it lives on until it is rotated."""
        return Ended(outlives_until=UNTIL_ROTATED)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Nothing outside is asked."""


def _names(provider: Provider, grant: Mapping[str, object]) -> list[str]:
    asked = grant.get("fields")
    if asked is None:
        return list(provider.secrets)
    if not isinstance(asked, list) or not asked or not all(isinstance(name, str) for name in asked):
        raise MalformedCredential("grant.fields", "a list of names")
    return [str(name) for name in asked]
