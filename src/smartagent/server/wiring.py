# SPDX-License-Identifier: Apache-2.0
"""The composition root: one function for each room, and one that puts them together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from smartagent import policy, vault
from smartagent.accounts import accounts_routes
from smartagent.approvals import Approvals, approvals_routes
from smartagent.audit import Sequencer
from smartagent.clients import Clients
from smartagent.crypto import SystemClock, system_entropy
from smartagent.edge import Proof, Route
from smartagent.emergency import emergency_routes
from smartagent.gateway import USAGE_TOPIC, Gateway, GatewaySettings, Interception
from smartagent.governance import Governance, governance_routes, is_person_here
from smartagent.identity import Authenticator, Identity, identity_routes
from smartagent.identity import Means as IdentityMeans
from smartagent.kernel import IdPrefix, Ids, Ledger
from smartagent.keyset import Keyset, Rewrapping
from smartagent.leases import SSH_HOSTS_PATH, Leases, leases_routes
from smartagent.mcp import Mcp, mcp_routes
from smartagent.notices import Notices, Tell, notices_routes
from smartagent.policy import Book
from smartagent.rotation import Rotations, rotation_routes
from smartagent.server.asgi import Authority, Page
from smartagent.server.circumstances import Circumstances
from smartagent.server.doors import GatewayDoors
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms, anybody
from smartagent.server.mcpplace import mcp_base
from smartagent.server.node import Node
from smartagent.server.rootkey import read_root_key
from smartagent.server.rootkeys import dpop_nonce_key, gateway_ca, log_signer, nonce_key
from smartagent.server.settings import Settings
from smartagent.server.stores import open_store
from smartagent.server.wiring_approvals import CallsAsked, wire_approvals
from smartagent.server.wiring_authority import wire_authority
from smartagent.server.wiring_console import wire_console, wire_doorkeeper
from smartagent.server.wiring_governance import for_governance, wire_governance, wire_withdrawals
from smartagent.server.wiring_insight import standing_of, wire_insight
from smartagent.server.wiring_keyset import wire_keyset
from smartagent.server.wiring_leases import Kept, wire_emergencies, wire_leases, wire_vault, wire_vaultapi
from smartagent.server.wiring_mcp import above_mcp, wire_mcp
from smartagent.server.wiring_notices import wire_notices
from smartagent.server.wiring_oauth import (
    Outside,
    TokenService,
    wire_clients,
    wire_outside,
    wire_signals,
    wire_token_service,
    workload_verifier,
)
from smartagent.server.wiring_rotation import wire_rotation
from smartagent.signals import Signals
from smartagent.tokens import Elevated, RevocationKind, Schedule, Status, Tokens, revocation_of, tokens_routes
from smartagent.tokens import Means as TokensMeans
from smartagent.vaultapi import VaultApi, vaultapi_routes


class Proves(Protocol):
    """A room that checks proofs of its own."""

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that the room understands."""
        ...


class _Later(NamedTuple):
    """What tokens ask of rooms that are built after them."""

    signals: Callable[[], Signals]
    governance: Callable[[], Governance]

    def status_of(self, agent_id: str) -> Status | None:
        """Say where an agent's status is published."""
        return self.signals().lists.status_of(agent_id)

    def elevated(self, agent_id: str) -> Elevated | None:
        """Say which role an agent has instead of its own."""
        return self.governance().elevated.elevated(agent_id)


class Wired(NamedTuple):
    """A worker's ASGI application, and the node behind it."""

    authority: Authority
    node: Node


def wire(settings: Settings, *, worker: int) -> Wired:
    """Put the rooms together.  Call it on the loop that will run them; nothing is opened yet.

    Raises:
        SetUpBroken: The root key is missing or not private.
    """
    base = lay_foundation(settings)
    rewrapping, notices, (book, told) = wire_keyset(base), wire_notices(base), wire_policy(base)
    outside = wire_outside(base, book)
    identity = wire_identity(base, outside, book)
    clients, kept = wire_clients(base, outside, book), wire_vault(base)
    tokens = wire_tokens(base, identity, book, clients, _Later(lambda: signals, lambda: governance))
    signals, signals_routes = wire_signals(base, outside, identity, tokens)
    above = above_mcp(lambda: governance, lambda: rooms, lambda: approvals, lambda: gateway)
    service = wire_token_service(base, outside, identity, tokens, clients, CallsAsked(lambda: approvals))
    leases = wire_leases(
        base, outside, identity, tokens, (wire_withdrawals(base, book), lambda: approvals), kept
    )
    rotations = wire_rotation(base, identity, tokens, kept.vault)
    given = for_governance(base, book, leases, notices.tell, outside)
    governance = wire_governance(base, identity, tokens, given, clients, service)
    vaultapi = wire_vaultapi(base, identity, tokens, service, leases)
    approvals = wire_approvals(base, identity, tokens, notices, lambda: rooms)
    mcp = wire_mcp(base, tokens, clients, book, kept, above)
    known_of = wire_circumstances(identity, book, mcp)
    proving = vaultapi, governance.scim, mcp, wire_doorkeeper(base, identity, service)
    rooms = wire_house(base, identity, tokens, service, proving, book, known_of)
    gateway = wire_gateway(
        base, rooms, tokens, service, book, kept, mcp=mcp, people=(approvals, notices.tell, known_of)
    )
    role_of = _role_of(identity, governance)
    insight, insight_pages = wire_insight(
        base, identity, book, kept.vault, leases, service.delegations, role_of
    )
    built = _Rooms(
        identity, tokens, kept, leases, rotations, notices, approvals, vaultapi, mcp, governance, rewrapping
    )
    node = _node_of(base, built, signals, gateway, service.sweepers, told)
    known = *outside.routes, *service.routes, *signals_routes, *insight
    routes = (*known, *_routes(base, built, book, role_of))
    console = wire_console(base, rooms, identity, service, node, routes)
    shown = console.beside(routes, _pages(service, signals, leases, insight_pages), leases, rotations)
    return Wired(wire_authority(base, rooms, node, service, shown, gateway, worker=worker), node)


def _pages(
    service: TokenService, signals: Signals, leases: Leases, others: Mapping[str, Page]
) -> Mapping[str, Page]:
    return {**service.pages, **signals.pages(), **others, SSH_HOSTS_PATH: leases.hosts.show}


def lay_foundation(settings: Settings) -> Foundation:
    """Read the root key, and build what every room stands on; nothing is opened yet.

    Raises:
        SetUpBroken: The root key is missing or not private.
    """
    clock = SystemClock()
    root = read_root_key(settings)
    store = open_store(settings, clock, (Sequencer(log_signer(root), clock),))
    keyset = Keyset(store.database, root, system_entropy)
    return Foundation(settings, clock, Ids(clock, system_entropy), root, store, keyset)


class _Rooms(NamedTuple):
    """Rooms that say by themselves which routes they have."""

    identity: Identity
    tokens: Tokens
    kept: Kept
    leases: Leases
    rotations: Rotations
    notices: Notices
    approvals: Approvals
    vaultapi: VaultApi
    mcp: Mcp
    governance: Governance
    rewrapping: Rewrapping


def _node_of(
    base: Foundation,
    rooms: _Rooms,
    signals: Signals,
    gateway: Gateway,
    sweepers: Sequence[Callable[[Ledger], Awaitable[None]]],
    told: policy.Telling,
) -> Node:
    workers = (
        rooms.notices,
        rooms.kept.accounts,
        rooms.leases,
        rooms.rotations,
        rooms.governance,
        rooms.mcp,
        told,
    )
    return Node(
        settings=base.settings,
        clock=base.clock,
        store=base.store,
        identity=rooms.identity,
        tokens=rooms.tokens,
        sweepers=(*sweepers, rooms.approvals.tend),
        signals=signals,
        rewrapping=rooms.rewrapping,
        workers=workers,
        gateway=gateway,
    )


def _routes(base: Foundation, rooms: _Rooms, book: Book, role_of: policy.RoleOf) -> tuple[Route, ...]:
    kept, clock = rooms.kept, base.clock
    return (
        *policy.routes(
            book,
            clock,
            role_of,
            base.store.database,
            rooms.leases.narrowing.check,
            standing_of(rooms.identity),
        ),
        *vault.routes(kept.vault, kept.placeholders, base.keyset, rooms.rewrapping, clock, system_entropy),
        *emergency_routes(wire_emergencies(base, rooms.identity, rooms.tokens)),
        *identity_routes(rooms.identity),
        *tokens_routes(rooms.tokens),
        *accounts_routes(kept.accounts),
        *leases_routes(rooms.leases),
        *rotation_routes(rooms.rotations),
        *notices_routes(rooms.notices),
        *approvals_routes(rooms.approvals),
        *vaultapi_routes(rooms.vaultapi),
        *mcp_routes(rooms.mcp),
        *governance_routes(rooms.governance),
    )


def wire_policy(base: Foundation) -> tuple[Book, policy.Telling]:
    """Build the book of rules, and keep it fresh; and what tells the log of texts that are only tried."""
    book = Book(base.store.database, mcp_base(base.settings.issuer), clock=base.clock)
    base.store.feed.register(policy.ROLES_TOPIC, book.reload_roles)
    base.store.feed.register(policy.POLICIES_TOPIC, book.reload_policies)
    base.store.feed.register(policy.STAGED_TOPIC, book.reload_staged)
    return book, policy.Telling(book, base.store.database, base.store.ledger, base.clock, base.ids)


def wire_identity(base: Foundation, outside: Outside, book: Book) -> Identity:
    """Build identity, and keep its directory fresh."""
    identity = Identity(
        IdentityMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            issuer=base.settings.issuer,
            nonce_key=nonce_key(base.root),
            known_role=lambda role: book.grants(role) is not None,
            verify_workload=workload_verifier(outside),
            is_person=lambda owner: is_person_here(base.store.database, owner),
            end=lambda agent_id, now: revocation_of(RevocationKind.AGENT, agent_id, now=now),
        )
    )
    identity.follow(base.store.feed)
    return identity


def wire_tokens(
    base: Foundation,
    identity: Identity,
    book: Book,
    clients: Clients,
    later: _Later,
) -> Tokens:
    """Build tokens, and keep its keys and revocations fresh."""
    tokens = Tokens(
        TokensMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            directory=identity.directory,
            grants=book.grants,
            issuer=base.settings.issuer,
            gateway=base.settings.gateway_url,
            sealing=base.keyset,
            nonce_key=dpop_nonce_key(base.root),
            status_of=later.status_of,
            elevated=later.elevated,
            takes_bound_only=clients.takes_bound_only,
            schedule=Schedule(rotation_period=base.settings.rotation_seconds),
        )
    )
    tokens.follow(base.store.feed)
    return tokens


def wire_circumstances(identity: Identity, book: Book, mcp: Mcp) -> Circumstances:
    """Build what completes callers with what policies ask for."""

    def look_again() -> None:
        if book.asks_anywhere("standing"):
            book.tell()

    identity.directory.on_change(look_again)
    return Circumstances(standing_of(identity), book.facts_about, mcp.flow.met)


def wire_house(  # noqa: PLR0913, PLR0917 -- the rooms that prove something
    base: Foundation,
    identity: Identity,
    tokens: Tokens,
    service: TokenService,
    others: Sequence[Proves],
    book: Book,
    circumstances: Circumstances,
) -> Rooms:
    """Build the house that the pipeline asks."""
    return Rooms(
        clock=base.clock,
        authenticators={
            Proof.NONE: anybody,
            **identity.authenticators(),
            **tokens.authenticators(),
            **service.authenticators,
            **{proof: check for room in others for proof, check in room.authenticators().items()},
        },
        decide=book.decide_api,
        alive=lambda caller: not tokens.revocations.is_revoked(caller),
        complete=circumstances.complete,
        ledger=base.store.ledger,
        feed=base.store.feed,
    )


def wire_gateway(  # noqa: PLR0913 -- the rooms that a call passes
    base: Foundation,
    rooms: Rooms,
    tokens: Tokens,
    service: TokenService,
    book: Book,
    kept: Kept,
    *,
    mcp: Mcp,
    people: tuple[Approvals, Tell, Circumstances],
) -> Gateway:
    """Build the gateway.  `people` are who approves calls, who hears of alarms, and what completes callers."""
    settings = base.settings
    doors = GatewayDoors(
        rooms=rooms,
        tokens=tokens,
        book=book,
        vault=kept.vault,
        placeholders=kept.placeholders,
        flow=mcp.flow,
        circumstances=people[2],
        approvals=people[0],
        ids=base.ids,
        ledger=base.store.ledger,
        transactions=service.delegations.transactions,
        outward=service.delegations.outward,
        protected=service.protected,
        gateway=settings.gateway_url,
        tell=people[1],
    )
    limits = GatewaySettings(
        max_connections=settings.max_connections,
        drain_seconds=settings.drain_seconds,
        approval_wait_seconds=settings.approval_wait_seconds,
        own_ports=frozenset({settings.port, settings.gateway_port}),
    )
    interception = Interception(gateway_ca(base.root, settings.gateway_ca_names), base.clock, system_entropy)
    gateway = Gateway(doors, limits, interception=interception, node=base.ids.new(IdPrefix.REQUEST))
    base.store.feed.register(USAGE_TOPIC, gateway.hear)
    return gateway


def _role_of(identity: Identity, governance: Governance) -> policy.RoleOf:
    def role_of(agent_id: str) -> tuple[str, str] | None:
        agent = identity.directory.agent(agent_id)
        if agent is None:
            return None
        elevated = governance.elevated.elevated(agent_id)
        return (agent.role, "") if elevated is None else (elevated.role, elevated.id)

    return role_of
