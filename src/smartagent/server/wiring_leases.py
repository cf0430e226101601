# SPDX-License-Identifier: Apache-2.0
"""The composition root's third part: leases, and the backends that make what is leased."""

from collections.abc import Mapping
from typing import Final

from smartagent.crypto import seal, system_entropy, unseal
from smartagent.drivers import PostgresAdmin
from smartagent.edge import Proof
from smartagent.identity import Identity
from smartagent.kernel import IdPrefix, Secret
from smartagent.leases import Backend, Leases
from smartagent.leases import Means as LeasesMeans
from smartagent.leases.backends.postgresql import PostgresBackend
from smartagent.leases.backends.secret import SecretBackend
from smartagent.policy import Book
from smartagent.server.foundation import Foundation
from smartagent.server.wiring_oauth import TokenService
from smartagent.signals import LedgerLease
from smartagent.tokens import Tokens
from smartagent.vault import SecretNotFound, Vault
from smartagent.vaultapi import Means as VaultApiMeans
from smartagent.vaultapi import VaultApi

TURN_SECONDS: Final = 6
"""How long leases wait for another node when the one that ends them dies."""


class Sealing:
    """Seals with the root key."""

    def __init__(self, root: Secret[bytes]) -> None:
        self._root = root

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        return seal(plaintext, self._root, identity, system_entropy)

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made.

        Raises:
            CannotUnseal: It is something else.
        """
        return unseal(envelope, self._root, identity)


def wire_leases(base: Foundation, identity: Identity, tokens: Tokens, book: Book, kept: Vault) -> Leases:
    """Build the leases, and keep their entries fresh."""
    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)

    async def secret(name: str) -> Secret[bytes]:
        return kept.obtain(name)[0]

    def secret_exists(name: str) -> bool:
        try:
            kept.secret(name)
        except SecretNotFound:
            return False
        return True

    leases = Leases(
        LeasesMeans(
            clock=base.clock,
            ids=base.ids,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "leases", holder, TURN_SECONDS),
            sealing=Sealing(base.root),
            backends=backends(),
            decide=book.decide_lease,
            granted=book.credentials_of,
            live=lambda caller: not tokens.revocations.is_revoked(caller),
            secret=secret,
            secret_exists=secret_exists,
        )
    )
    leases.follow(store.feed)
    tokens.revocations.on_revocation(lambda revocation: leases.sweeper.revoked(revocation.id))
    identity.directory.on_change(leases.sweeper.look)
    return leases


def wire_vaultapi(
    base: Foundation, identity: Identity, tokens: Tokens, service: TokenService, leases: Leases
) -> VaultApi:
    """Build what speaks Vault's API over leases."""
    return VaultApi(
        VaultApiMeans(
            clock=base.clock,
            directory=identity.directory,
            tokens=tokens,
            leases=leases,
            by_client=service.authenticators[Proof.CLIENT_AUTHENTICATION],
        )
    )


def backends() -> Mapping[str, Backend]:
    """Build what makes credentials, by the kind of provider."""
    known: tuple[Backend, ...] = (
        SecretBackend(),
        PostgresBackend(PostgresAdmin(system_entropy), system_entropy),
    )
    return {backend.kind: backend for backend in known}
