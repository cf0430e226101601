# SPDX-License-Identifier: Apache-2.0
"""The composition root: one function for each room, and one that puts them together."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, Protocol

from smartagent import policy, vault
from smartagent.accounts import accounts_routes
from smartagent.audit import CustodyReader, LogReader, Sequencer
from smartagent.audit.routes import routes as audit_routes
from smartagent.clients import Clients
from smartagent.crypto import SystemClock, system_entropy
from smartagent.edge import Proof, Route, Router
from smartagent.emergency import emergency_routes
from smartagent.gateway import Gateway, GatewaySettings, Interception
from smartagent.governance import Governance, governance_routes, is_person_here
from smartagent.identity import Authenticator, Identity, identity_routes
from smartagent.identity import Means as IdentityMeans
from smartagent.kernel import Ids
from smartagent.keyset import Keyset
from smartagent.leases import SSH_HOSTS_PATH, Leases, leases_routes
from smartagent.oauth import completed
from smartagent.oauth import metadata_url as resource_metadata_url
from smartagent.policy import Book
from smartagent.rotation import Rotations, rotation_routes
from smartagent.server.asgi import Authority, Page
from smartagent.server.cors import Cors
from smartagent.server.doors import GatewayDoors
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms, anybody
from smartagent.server.metrics import Meter
from smartagent.server.node import Node
from smartagent.server.openapi import describe
from smartagent.server.pages import (
    certificate_page,
    document_page,
    health_page,
    metrics_page,
    readiness_page,
    text_page,
)
from smartagent.server.release import release
from smartagent.server.rootkey import read_root_key
from smartagent.server.rootkeys import dpop_nonce_key, gateway_ca, log_signer, nonce_key
from smartagent.server.settings import Settings
from smartagent.server.stores import open_store
from smartagent.server.wiring_governance import wire_governance, wire_withdrawals
from smartagent.server.wiring_keyset import wire_keyset
from smartagent.server.wiring_leases import Kept, wire_emergencies, wire_leases, wire_vault, wire_vaultapi
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
from smartagent.vaultapi import vaultapi_routes

IMMUTABLE: Final = "public, max-age=3600"
HOW_TO_CLAIM: Final = (
    "This is a claim link. It is used with a key of your own, on the command line:\n\n"
    "    smartagentctl login 'THE WHOLE LINK'\n"
)


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
    rewrapping = wire_keyset(base)
    book = wire_policy(base)
    outside = wire_outside(base, book)
    identity = wire_identity(base, outside, book)
    clients = wire_clients(base, outside, book)
    tokens = wire_tokens(base, identity, book, clients, _Later(lambda: signals, lambda: governance))
    signals, signals_routes = wire_signals(base, outside, identity, tokens)
    service = wire_token_service(base, outside, identity, tokens, clients)
    kept = wire_vault(base)
    leases = wire_leases(base, outside, identity, tokens, wire_withdrawals(base, book), kept)
    rotations = wire_rotation(base, identity, tokens, kept.vault)
    governance = wire_governance(base, identity, tokens, book, clients, service.delegations)
    vaultapi = wire_vaultapi(base, identity, tokens, service, leases)
    rooms = wire_house(base, identity, tokens, service, (vaultapi, governance.scim), book)
    gateway = wire_gateway(base, rooms, tokens, service, book, kept)
    node = Node(
        settings=settings,
        clock=base.clock,
        store=base.store,
        identity=identity,
        tokens=tokens,
        sweepers=service.sweepers,
        signals=signals,
        rewrapping=rewrapping,
        workers=(kept.accounts, leases, rotations, governance),
        gateway=gateway,
    )
    routes = (
        *identity_routes(identity),
        *tokens_routes(tokens),
        *outside.routes,
        *service.routes,
        *signals_routes,
        *policy.routes(book, base.clock, _role_of(identity, governance)),
        *vault.routes(kept.vault, kept.placeholders, base.keyset, rewrapping, base.clock, system_entropy),
        *accounts_routes(kept.accounts),
        *_credential_routes(base, identity, tokens, leases, rotations, governance),
        *vaultapi_routes(vaultapi),
        *wire_audit(base),
    )
    pages = {**service.pages, **signals.pages(), SSH_HOSTS_PATH: leases.hosts.show}
    shown = routes, pages, partial(_gauge_credentials, leases, rotations)
    return Wired(wire_authority(base, rooms, node, service, shown, gateway, worker=worker), node)


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


def _credential_routes(
    base: Foundation,
    identity: Identity,
    tokens: Tokens,
    leases: Leases,
    rotations: Rotations,
    governance: Governance,
) -> tuple[Route, ...]:
    return (
        *leases_routes(leases),
        *rotation_routes(rotations),
        *emergency_routes(wire_emergencies(base, identity, tokens)),
        *governance_routes(governance),
    )


def wire_policy(base: Foundation) -> Book:
    """Build the book of rules, and keep it fresh."""
    book = Book(base.store.database)
    base.store.feed.register(policy.ROLES_TOPIC, book.reload_roles)
    base.store.feed.register(policy.POLICIES_TOPIC, book.reload_policies)
    return book


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


def wire_house(
    base: Foundation,
    identity: Identity,
    tokens: Tokens,
    service: TokenService,
    others: Sequence[Proves],
    book: Book,
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
        ledger=base.store.ledger,
        feed=base.store.feed,
    )


def wire_gateway(
    base: Foundation, rooms: Rooms, tokens: Tokens, service: TokenService, book: Book, kept: Kept
) -> Gateway:
    """Build the gateway."""
    settings = base.settings
    doors = GatewayDoors(
        rooms=rooms,
        tokens=tokens,
        book=book,
        vault=kept.vault,
        placeholders=kept.placeholders,
        ids=base.ids,
        ledger=base.store.ledger,
        transactions=service.delegations.transactions,
        outward=service.delegations.outward,
        protected=service.protected,
        gateway=settings.gateway_url,
    )
    limits = GatewaySettings(
        max_connections=settings.max_connections,
        drain_seconds=settings.drain_seconds,
        own_ports=frozenset({settings.port, settings.gateway_port}),
    )
    interception = Interception(gateway_ca(base.root, settings.gateway_ca_names), base.clock, system_entropy)
    return Gateway(doors, limits, interception=interception)


def wire_audit(base: Foundation) -> tuple[Route, ...]:
    """Build the readers of the log, and their routes."""
    log = LogReader(base.store.database, base.clock)
    return audit_routes(CustodyReader(base.store.database, log), log)


def wire_authority(  # noqa: PLR0913 -- the parts of the application
    base: Foundation,
    rooms: Rooms,
    node: Node,
    service: TokenService,
    shown: tuple[tuple[Route, ...], Mapping[str, Page], Callable[[Meter], None]],
    gateway: Gateway,
    *,
    worker: int,
) -> Authority:
    """Build the ASGI application: the routes, and the public pages beside them."""
    store = base.store
    routes, documents, measure = shown
    meter = _meter(base, routes, gateway, worker)
    measure(meter)
    checks = {
        "store": lambda: store.healthy,
        "signing-key": lambda: node.keys_ready,
        "draining": lambda: not node.draining,
    }
    installed = release()
    pages: dict[str, Page] = {
        "/healthz": health_page(installed),
        "/claim": text_page(HOW_TO_CLAIM),
        "/gateway-ca.pem": certificate_page(gateway_ca(base.root, base.settings.gateway_ca_names).pem),
        "/readyz": readiness_page(checks),
        "/metrics": metrics_page(meter),
        "/openapi.json": document_page(
            lambda: describe(routes, version=installed, server_url=base.settings.issuer), IMMUTABLE
        ),
        "/.well-known/smartagent": document_page(lambda: _about(base, installed), IMMUTABLE),
        **documents,
    }
    metadata_url = resource_metadata_url(base.settings.issuer)
    return Authority(
        router=Router(routes),
        pages=pages,
        house=rooms,
        ids=base.ids,
        clock=base.clock,
        meter=meter,
        start=node.start,
        stop=node.stop,
        cors=Cors(service.metadata.paths),
        challenge=lambda reply, sent: completed(reply, metadata_url=metadata_url, token_was_sent=sent),
    )


def _gauge_credentials(leases: Leases, rotations: Rotations, meter: Meter) -> None:
    meter.gauge("smartagent_leases_live", "Leases that are not dead.", lambda: leases.number_live)
    meter.gauge(
        "smartagent_leases_failing",
        "Leases that could not be ended at the first attempt, and live on.",
        lambda: leases.number_failing,
    )
    meter.gauge(
        "smartagent_rotations_overdue",
        "Lines of the plan that are overdue.",
        lambda: rotations.number_overdue,
    )
    meter.gauge(
        "smartagent_rotations_failing", "Rotations that failed last time.", lambda: rotations.number_failing
    )


def _meter(base: Foundation, routes: tuple[Route, ...], gateway: Gateway, worker: int) -> Meter:
    store = base.store
    meter = Meter(routes, base.settings.run_path, worker)
    meter.gauge(
        "smartagent_feed_version", "The change that this worker's memory reached.", lambda: store.feed.applied
    )
    meter.gauge("smartagent_healthy", "Whether this worker's store is healthy.", lambda: float(store.healthy))
    meter.gauge(
        "smartagent_gateway_connections",
        "Agents' connections to this worker.",
        lambda: gateway.open_connections,
    )
    return meter


def _about(base: Foundation, installed: str) -> dict[str, str]:
    """Say what a client must know to talk to this authority and to check its log."""
    return {
        "service": "smartagent",
        "version": installed,
        "api": "v1",
        "issuer": base.settings.issuer,
        "gateway_url": base.settings.gateway_url,
        "log_vkey": log_signer(base.root).vkey,
    }


def _role_of(identity: Identity, governance: Governance) -> policy.RoleOf:
    def role_of(agent_id: str) -> tuple[str, str] | None:
        agent = identity.directory.agent(agent_id)
        if agent is None:
            return None
        elevated = governance.elevated.elevated(agent_id)
        return (agent.role, "") if elevated is None else (elevated.role, elevated.id)

    return role_of
