# SPDX-License-Identifier: Apache-2.0
"""The composition root's fourth part: rotation, and what rotates each kind of secret."""

from collections.abc import Mapping
from typing import Final

from smartagent.crypto import system_entropy
from smartagent.drivers import Aws, MariaDbAdmin, PostgresAdmin, Web
from smartagent.identity import AgentStatus, Identity
from smartagent.kernel import Change, IdPrefix, Secret, Write
from smartagent.rotation import DAY_SECONDS, Due, Rotations, Rotator
from smartagent.rotation import Means as RotationMeans
from smartagent.rotation.backends.aws import AwsKeyRotator
from smartagent.rotation.backends.http import HttpRotator
from smartagent.rotation.backends.mariadb import MariaDbRotator
from smartagent.rotation.backends.postgresql import PostgresRotator
from smartagent.server.foundation import Foundation
from smartagent.signals import LedgerLease
from smartagent.tokens import Tokens
from smartagent.vault import SecretElsewhere, SecretNotFound, Vault, Writer

TURN_SECONDS: Final = 20
AGENT_KEY_DAYS: Final = 30
SERVICE_ACCOUNT_DAYS: Final = 30


class VaultSecrets:
    """The vault as rotation sees it."""

    def __init__(self, base: Foundation, kept: Vault) -> None:
        self._kept = kept
        self._writer = Writer(kept, base.keyset, base.clock, system_entropy)

    async def read(self, name: str) -> Secret[bytes]:
        """Return the value in force.

        Raises:
            SecretNotFound: There is none.
        """
        return (await self._kept.obtain(name))[0]

    def exists(self, name: str) -> bool:
        """Say whether there is one."""
        try:
            self._kept.secret(name)
        except SecretNotFound:
            return False
        return True

    def replace(
        self, name: str, value: Secret[bytes], by: str
    ) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
        """Return the writes and changes that make `value` the one in force.

        Raises:
            MalformedSecret: It does not fit where it is used.
            SecretElsewhere: Another store keeps it.
        """
        if self._kept.secret(name).versions[0].source:
            raise SecretElsewhere(name)
        written = self._writer.put(name, value, by)
        return written.writes, written.changes


def wire_rotation(base: Foundation, identity: Identity, tokens: Tokens, kept: Vault) -> Rotations:
    """Build rotation, and have it hear of changes."""
    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)

    async def others(now: float) -> list[Due]:
        return [*_signing_keys(base, tokens, now), *_agents_keys(identity, now)]

    rotations = Rotations(
        RotationMeans(
            clock=base.clock,
            entropy=system_entropy,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "rotation", holder, TURN_SECONDS),
            sealing=base.keyset,
            secrets=VaultSecrets(base, kept),
            rotators=rotators(),
            others=others,
        )
    )
    rotations.follow(store.feed)
    return rotations


def rotators() -> Mapping[str, Rotator]:
    """Build what rotates, by kind."""
    known: tuple[Rotator, ...] = (
        PostgresRotator(PostgresAdmin(system_entropy), system_entropy),
        MariaDbRotator(MariaDbAdmin(), system_entropy),
        HttpRotator(Web()),
        HttpRotator(Web(), "http-service-account", SERVICE_ACCOUNT_DAYS),
        AwsKeyRotator(Aws()),
    )
    return {rotator.kind: rotator for rotator in known}


def _signing_keys(base: Foundation, tokens: Tokens, now: float) -> list[Due]:
    """The house rotates its signing keys by itself; the plan shows when."""
    period = base.settings.rotation_seconds
    lines = []
    for key in tokens.ring.ring:
        if key.activated_at and not key.retiring_at:
            due_at = key.activated_at + period
            lines.append(
                Due(f"signing-key/{key.kid}", "signing-key", key.activated_at, due_at, overdue=now > due_at)
            )
    return lines


def _agents_keys(identity: Identity, now: float) -> list[Due]:
    """Agents rotate their own keys; those that have not for too long are shown."""
    lines = []
    for agent in identity.directory.agents():
        since = agent.key_since or agent.created_at
        due_at = since + AGENT_KEY_DAYS * DAY_SECONDS
        if agent.status is AgentStatus.ACTIVE and now > due_at:
            lines.append(Due(f"agent-key/{agent.id}", "agent-key", since, due_at, overdue=True))
    return lines
