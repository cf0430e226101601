# SPDX-License-Identifier: Apache-2.0
"""The composition root's third part: leases, and the backends that make what is leased."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from smartagent.accounts import Accounts
from smartagent.accounts import Means as AccountsMeans
from smartagent.approvals import Approvals
from smartagent.crypto import system_entropy
from smartagent.drivers import Aws, MariaDbAdmin, PostgresAdmin, Web
from smartagent.edge import Proof
from smartagent.emergency import Emergencies
from smartagent.emergency import Means as EmergencyMeans
from smartagent.governance import Withdrawals
from smartagent.identity import Identity
from smartagent.kernel import Algorithm, IdPrefix, Secret
from smartagent.leases import Backend, Leases
from smartagent.leases import Means as LeasesMeans
from smartagent.leases.backends.aws import AwsBackend
from smartagent.leases.backends.azure import AzureBackend
from smartagent.leases.backends.files import FilesBackend
from smartagent.leases.backends.gcp import GcpBackend
from smartagent.leases.backends.github import GithubBackend
from smartagent.leases.backends.mariadb import MariaDbBackend
from smartagent.leases.backends.oauth import OAuthBackend
from smartagent.leases.backends.postgresql import PostgresBackend
from smartagent.leases.backends.secret import SecretBackend
from smartagent.leases.backends.ssh import SshBackend
from smartagent.leases.backends.workload import House
from smartagent.server.foundation import Foundation
from smartagent.server.rootkeys import placeholder_key
from smartagent.server.wiring_governance import leases_of
from smartagent.server.wiring_oauth import Outside, TokenService
from smartagent.signals import LedgerLease
from smartagent.tokens import Tokens
from smartagent.vault import (
    HONEYTOKENS_TOPIC,
    SECRETS_TOPIC,
    UPSTREAMS_TOPIC,
    Elsewhere,
    Placeholders,
    SecretNotFound,
    Vault,
)
from smartagent.vaultapi import Means as VaultApiMeans
from smartagent.vaultapi import VaultApi

ACCOUNTS_SECONDS: Final = 30
TURN_SECONDS: Final = 6
"""How long leases wait for another node when the one that ends them dies."""


class Kept(NamedTuple):
    """What the house keeps for others."""

    vault: Vault
    placeholders: Placeholders
    accounts: Accounts


def wire_vault(base: Foundation) -> Kept:
    """Build the vault and the accounts, each of which reads from the other, and keep the vault's entries fresh."""
    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)
    accounts = Accounts(
        AccountsMeans(
            clock=base.clock,
            ids=base.ids,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "accounts", holder, ACCOUNTS_SECONDS),
            sealing=base.keyset,
            fetch=Web(),
            secret=lambda name: _secret_of(kept, name),
            secret_exists=lambda name: has_secret(kept, name),
            node=holder,
        )
    )
    kept = Vault(store.database, base.keyset, Elsewhere(base.clock, accounts.token))
    store.feed.register(SECRETS_TOPIC, kept.reload_secrets)
    store.feed.register(UPSTREAMS_TOPIC, kept.reload_upstreams)
    placeholders = Placeholders(placeholder_key(base.root), store.database)
    store.feed.register(HONEYTOKENS_TOPIC, placeholders.reload)
    return Kept(kept, placeholders, accounts)


async def _secret_of(kept: Vault, name: str) -> Secret[bytes]:
    return (await kept.obtain(name))[0]


def has_secret(kept: Vault, name: str) -> bool:
    """Say whether the vault has a secret of this name."""
    try:
        kept.secret(name)
    except SecretNotFound:
        return False
    return True


def wire_leases(
    base: Foundation,
    outside: Outside,
    identity: Identity,
    tokens: Tokens,
    rules: tuple[Withdrawals, Callable[[], Approvals]],
    kept: Kept,
) -> Leases:
    """Build the leases, and keep their entries fresh.  `rules` decide, and ask people."""
    store, (withdrawals, approvals) = base.store, rules
    holder = base.ids.new(IdPrefix.REQUEST)

    leases = Leases(
        LeasesMeans(
            clock=base.clock,
            ids=base.ids,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "leases", holder, TURN_SECONDS),
            sealing=base.keyset,
            backends=backends(base, outside, tokens, kept.accounts),
            decide=withdrawals.decide_lease,
            granted=withdrawals.credentials_of,
            narrowed=withdrawals.narrowed_lease,
            approve=lambda caller, needs, wish: approvals().obtain(caller, needs, wish, _holds_nothing),
            live=lambda caller: not tokens.revocations.is_revoked(caller),
            secret=lambda name: _secret_of(kept.vault, name),
            secret_exists=lambda name: has_secret(kept.vault, name),
        )
    )
    leases.follow(store.feed)
    tokens.revocations.on_revocation(lambda revocation: leases.sweeper.revoked(revocation.id))
    identity.directory.on_change(leases.sweeper.look)
    return leases


def _holds_nothing(_text: str) -> bool:
    """What a lease says of itself is what operators wrote: no secret stands there."""
    return False


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


def wire_emergencies(base: Foundation, identity: Identity, tokens: Tokens) -> Emergencies:
    """Build what ends everything of an agent."""
    return Emergencies(
        EmergencyMeans(
            clock=base.clock,
            directory=identity.directory,
            issuer=base.settings.issuer,
            revoke=tokens.revocations.revoke,
            revoked_at_ms=tokens.revocations.revoked_at_ms,
            leases_of=lambda agent: leases_of(base.store.database, agent),
            sign=lambda typ, payload: tokens.rings.sign(Algorithm.EDDSA, typ, payload),
        )
    )


def backends(base: Foundation, outside: Outside, tokens: Tokens, accounts: Accounts) -> Mapping[str, Backend]:
    """Build what makes credentials, by the kind of provider."""
    house = House(
        base.settings.issuer,
        lambda payload: tokens.rings.sign(Algorithm.RS256, "JWT", payload),
        base.clock,
        base.ids,
    )
    known: tuple[Backend, ...] = (
        SecretBackend(),
        PostgresBackend(PostgresAdmin(system_entropy), system_entropy),
        MariaDbBackend(MariaDbAdmin(), system_entropy),
        SshBackend(system_entropy),
        AwsBackend(Aws()),
        GithubBackend(outside.fetch, base.clock),
        GcpBackend(Web(), house),
        AzureBackend(Web(), house),
        OAuthBackend(accounts.token),
        FilesBackend(
            base.settings.issuer, lambda typ, payload: tokens.rings.sign(Algorithm.EDDSA, typ, payload)
        ),
    )
    return {backend.kind: backend for backend in known}
