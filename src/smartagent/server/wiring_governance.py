# SPDX-License-Identifier: Apache-2.0
"""The composition root's fifth part: what agents are under."""

from typing import Final

from smartagent.audit import CustodyReader, LogReader
from smartagent.clients import ClientKind, Clients
from smartagent.crypto import system_entropy
from smartagent.delegation import Delegations
from smartagent.governance import DAY_SECONDS, Defaults, Governance
from smartagent.governance import Means as GovernanceMeans
from smartagent.identity import Identity
from smartagent.kernel import IdPrefix, Record
from smartagent.leases import Lease, leases_of_agent
from smartagent.policy import Book
from smartagent.server.foundation import Foundation
from smartagent.signals import LedgerLease
from smartagent.storage import Database
from smartagent.tokens import Tokens

TURN_SECONDS: Final = 20
_UNREGISTERED: Final = frozenset({ClientKind.DYNAMIC, ClientKind.METADATA})


def wire_governance(
    base: Foundation,
    identity: Identity,
    tokens: Tokens,
    book: Book,
    clients: Clients,
    delegations: Delegations,
) -> Governance:
    """Build governance."""
    store, settings = base.store, base.settings
    holder = base.ids.new(IdPrefix.REQUEST)
    custody = CustodyReader(store.database, LogReader(store.database, base.clock))

    async def records_of(subject: str, since_ms: int) -> list[Record]:
        return await custody.latest(subject, since_ms)

    async def strange_client(client_id: str) -> str:
        client = await clients.find(client_id)
        return client.name or client_id if client is not None and client.kind in _UNREGISTERED else ""

    governance = Governance(
        GovernanceMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            issuer=settings.issuer,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "governance", holder, TURN_SECONDS),
            directory=identity.directory,
            known_role=lambda role: book.grants(role) is not None,
            revocations=tokens.revocations,
            delegations=delegations.register.all,
            leases_of=lambda agent: leases_of(store.database, agent),
            records_of=records_of,
            strange_client=strange_client,
            defaults=Defaults(settings.agent_life_days * DAY_SECONDS, settings.agent_idle_days * DAY_SECONDS),
        )
    )
    governance.follow(store.feed)
    return governance


async def leases_of(database: Database, agent: str) -> list[Lease]:
    """Read all leases of an agent.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found: list[Lease] = []
    while page := await leases_of_agent(database, agent, found[-1].id if found else ""):
        found += page
    return found
