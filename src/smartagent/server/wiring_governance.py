# SPDX-License-Identifier: Apache-2.0
"""The composition root's fifth part: what agents are under."""

from typing import Final, NamedTuple

from smartagent.audit import CustodyReader, LogReader
from smartagent.clients import ClientKind, Clients
from smartagent.crypto import system_entropy
from smartagent.governance import DAY_SECONDS, WITHDRAWALS_TOPIC, Defaults, Governance, Withdrawals
from smartagent.governance import Means as GovernanceMeans
from smartagent.identity import Identity
from smartagent.kernel import IdPrefix
from smartagent.leases import Lease, Leases, leases_of_agent
from smartagent.notices import Tell
from smartagent.policy import Book, Keeper, RuleKind
from smartagent.server.foundation import Foundation
from smartagent.server.wiring_oauth import Outside, TokenService
from smartagent.signals import LedgerLease
from smartagent.storage import Database
from smartagent.tokens import Tokens

TURN_SECONDS: Final = 20
_UNREGISTERED: Final = frozenset({ClientKind.DYNAMIC, ClientKind.METADATA})


class Given(NamedTuple):
    """What governance asks of rooms that know nothing of agents' owners: rules, notices, and issuers outside."""

    book: Book
    roles: Keeper
    tell: Tell
    outside: Outside


def for_governance(base: Foundation, book: Book, leases: Leases, tell: Tell, outside: Outside) -> Given:
    """Return what governance is given; roles that somebody asked for are checked as all roles are."""
    roles = Keeper(RuleKind.ROLE, book, base.clock, base.store.database, leases.narrowing.check)
    return Given(book, roles, tell, outside)


def wire_governance(
    base: Foundation,
    identity: Identity,
    tokens: Tokens,
    given: Given,
    clients: Clients,
    service: TokenService,
) -> Governance:
    """Build governance."""
    store, settings = base.store, base.settings
    holder = base.ids.new(IdPrefix.REQUEST)
    custody = CustodyReader(store.database, LogReader(store.database, base.clock))

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
            book=given.book,
            roles=given.roles,
            grants=given.book.grants,
            credentials_of=given.book.credentials_of,
            revocations=tokens.revocations,
            delegations=service.delegations.register.all,
            leases_of=lambda agent: leases_of(store.database, agent),
            trail=custody.trail,
            records_of=custody.latest,
            strange_client=strange_client,
            tell=given.tell,
            outside=given.outside.federation.verify,
            defaults=Defaults(settings.agent_life_days * DAY_SECONDS, settings.agent_idle_days * DAY_SECONDS),
        )
    )
    governance.follow(store.feed)
    return governance


def wire_withdrawals(base: Foundation, book: Book) -> Withdrawals:
    """Build what decides about leases, and keep it fresh."""
    withdrawals = Withdrawals(base.store.database, book)
    base.store.feed.register(WITHDRAWALS_TOPIC, withdrawals.reload)
    return withdrawals


async def leases_of(database: Database, agent: str) -> list[Lease]:
    """Read all leases of an agent.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found: list[Lease] = []
    while page := await leases_of_agent(database, agent, found[-1].id if found else ""):
        found += page
    return found
