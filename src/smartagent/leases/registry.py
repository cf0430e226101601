# SPDX-License-Identifier: Apache-2.0
"""Providers and credentials as this node holds them in memory."""

from collections.abc import Mapping, Sequence

import msgspec

from smartagent.kernel import Secret
from smartagent.leases.catalog.store import read_credentials, read_providers
from smartagent.leases.errors import CredentialNotFound, MalformedProvider, ProviderNotFound
from smartagent.leases.means import Means
from smartagent.leases.model import Credential, Lease, Order, Provider, StoredCredential, StoredProvider
from smartagent.leases.ports import Backend


class Registry:
    """Finds entries, and what stands behind them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._providers: dict[str, StoredProvider] = {}
        self._credentials: dict[str, StoredCredential] = {}

    async def reload_providers(self, names: Sequence[str]) -> None:
        """Read the providers `names` again; with no names, all of them."""
        database = self._means.database
        if not names:
            self._providers = {each.provider.name: each for each in await read_providers(database)}
        for name in dict.fromkeys(names):
            found = await read_providers(database, name)
            self._providers.pop(name, None)
            self._providers.update({each.provider.name: each for each in found})

    async def reload_credentials(self, names: Sequence[str]) -> None:
        """Read the credentials `names` again; with no names, all of them."""
        database = self._means.database
        if not names:
            self._credentials = {each.credential.name: each for each in await read_credentials(database)}
        for name in dict.fromkeys(names):
            found = await read_credentials(database, name)
            self._credentials.pop(name, None)
            self._credentials.update({each.credential.name: each for each in found})

    def provider(self, name: str) -> StoredProvider:
        """Return the provider `name`.

        Raises:
            ProviderNotFound: There is none.
        """
        try:
            return self._providers[name]
        except KeyError:
            raise ProviderNotFound(name[:64]) from None

    def credential(self, name: str) -> StoredCredential:
        """Return the credential `name`.

        Raises:
            CredentialNotFound: There is none.
        """
        try:
            return self._credentials[name]
        except KeyError:
            raise CredentialNotFound(name[:64]) from None

    def providers(self) -> list[StoredProvider]:
        """Return all providers by name."""
        return [self._providers[name] for name in sorted(self._providers)]

    def credentials(self) -> list[StoredCredential]:
        """Return all credentials by name."""
        return [self._credentials[name] for name in sorted(self._credentials)]

    def users_of(self, secret: str) -> list[str]:
        """Return the providers that use `secret` of the vault."""
        return [each.provider.name for each in self.providers() if secret in each.provider.secrets.values()]

    def backend(self, kind: str) -> Backend:
        """Return what makes credentials at providers of `kind`.

        Raises:
            MalformedProvider: Nothing does.
        """
        backend = self._means.backends.get(kind)
        if backend is None:
            known = ", ".join(sorted(self._means.backends))
            raise MalformedProvider("kind", f"there is no kind {kind[:64]!r}; there are {known}")
        return backend

    def of_lease(self, lease: Lease) -> Backend:
        """Return what made a lease, and can end it.

        Raises:
            ProviderNotFound: Its provider is gone.
            MalformedProvider: Nothing does.
        """
        return self.backend(self.provider(lease.provider).provider.kind)

    def renewable(self, credential: Credential) -> bool:
        """Say whether leases of `credential` can be renewed."""
        return self.backend(self.provider(credential.provider).provider.kind).renewable

    async def order(self, lease: Lease) -> Order:
        """Put together what a backend needs to know for `lease`, with the provider's secrets opened.

        Raises:
            ProviderNotFound: Its provider is gone.
            SmartAgentError: A secret cannot be had.
        """
        provider = self.provider(lease.provider).provider
        return Order(
            lease_id=lease.id,
            handle=lease.handle,
            provider=provider,
            grant=msgspec.json.decode(lease.grant, type=dict[str, object]),
            secrets=await self.secrets_of(provider),
            agent=lease.agent,
            role=lease.role,
            session=lease.session,
            expires_at=lease.expires_at,
            now=self._means.clock.now(),
        )

    async def secrets_of(self, provider: Provider) -> Mapping[str, Secret[bytes]]:
        """Open the secrets of `provider`.

        Raises:
            SmartAgentError: One cannot be had.
        """
        return {part: await self._means.secret(name) for part, name in provider.secrets.items()}
