# SPDX-License-Identifier: Apache-2.0
"""The composition root's second half: the rooms of the token service, in the order of their floors."""

import tomllib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from smartagent.clients import Clients, clients_routes
from smartagent.clients import Means as ClientsMeans
from smartagent.consent import ACR, PASSKEY_ACR, Consent, People, consent_routes
from smartagent.consent import Means as ConsentMeans
from smartagent.crypto import system_entropy
from smartagent.decoupled import APPROVAL_DETAIL, Decoupled, decoupled_routes
from smartagent.decoupled import Means as DecoupledMeans
from smartagent.delegation import ID_JAG, TYPES, Delegations, OutboundAudience, delegation_routes
from smartagent.delegation import Means as DelegationMeans
from smartagent.delegation import Settings as DelegationSettings
from smartagent.edge import Inbound, Proof, Reply, Route
from smartagent.federation import Federation, Foreign, Purpose, SafeFetch, federation_routes
from smartagent.federation import Means as FederationMeans
from smartagent.identity import AgentStatus, Authenticator, Identity
from smartagent.kernel import IdPrefix, Ledger
from smartagent.oauth import (
    Abilities,
    ClientRequests,
    Grant,
    IdTokens,
    OAuth,
    ProtectedResources,
    ServerMetadata,
    oauth_routes,
)
from smartagent.oauth import Means as OAuthMeans
from smartagent.policy import Book
from smartagent.server.asgi import Page
from smartagent.server.errors import SetUpBroken
from smartagent.server.foundation import Foundation
from smartagent.server.mcpplace import own_resource
from smartagent.server.rootkeys import form_key, user_code_key
from smartagent.server.settings import Settings
from smartagent.server.wiring_approvals import CallsAsked
from smartagent.signals import Bounds, LedgerLease, Signals, signals_routes
from smartagent.signals import Means as SignalsMeans
from smartagent.tokens import JWKS_PATH, RevocationKind, Tokens, revocation_of

_AGENT = f"{IdPrefix.AGENT.value}_"


class Outside(NamedTuple):
    """What the house has to do with others: how it calls them, and whom it trusts."""

    fetch: SafeFetch
    federation: Federation
    routes: tuple[Route, ...]


class TokenService(NamedTuple):
    """The rooms of the token service, and what the authority shows of them."""

    routes: tuple[Route, ...]
    authenticators: Mapping[Proof, Authenticator]
    pages: Mapping[str, Page]
    metadata: ServerMetadata
    protected: ProtectedResources
    delegations: Delegations
    people: People
    sweepers: tuple[Callable[[Ledger], Awaitable[None]], ...]


def wire_outside(base: Foundation, book: Book) -> Outside:
    """Build the one safe way to call others, and the list of those who are trusted."""
    loopback = base.settings.allow_loopback_fetch
    fetch = SafeFetch(allow_private=loopback, allow_http=loopback)
    means = FederationMeans(
        clock=base.clock,
        database=base.store.database,
        fetch=fetch,
        issuer=base.settings.issuer,
        known_role=lambda role: book.grants(role) is not None,
        allow_http=loopback,
    )
    federation = Federation(means)
    federation.follow(base.store.feed)
    return Outside(fetch, federation, federation_routes(federation, means))


def wire_signals(
    base: Foundation, outside: Outside, identity: Identity, tokens: Tokens
) -> tuple[Signals, tuple[Route, ...]]:
    """Build what tells others of revocations, and keep it fresh."""

    def holds(owner: str) -> bool:
        if not owner.startswith(_AGENT):
            return not tokens.revocations.is_dead(owner)
        agent = identity.directory.agent(owner)
        return agent is not None and agent.status is AgentStatus.ACTIVE

    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)
    signals = Signals(
        SignalsMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=store.database,
            ledger=store.ledger,
            people=identity.directory,
            dead=tokens.revocations,
            sign=tokens.rings.sign,
            fresh=lambda: store.feed.healthy,
            reached=store.feed.reached,
            holds=holds,
            lease=LedgerLease(store.database, store.ledger, base.clock, "signals", holder),
            post=outside.fetch,
            issuer=base.settings.issuer,
            sealing=base.keyset,
            bounds=Bounds(allow_http=outside.fetch.allow_http),
        )
    )
    signals.follow(store.feed)
    return signals, signals_routes(signals)


def wire_clients(base: Foundation, outside: Outside, book: Book) -> Clients:
    """Build the clients and resources, and keep them fresh."""
    settings = base.settings
    clients = Clients(
        ClientsMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            fetch=outside.fetch,
            issuer=settings.issuer,
            known_role=lambda role: book.grants(role) is not None,
            metadata_hosts=frozenset(settings.client_metadata_hosts.split()),
            metadata_documents=settings.client_metadata_documents,
            registration=settings.client_registration,
            allow_http=settings.allow_loopback_fetch,
        ),
        lambda client_id, now: revocation_of(RevocationKind.CLIENT, client_id, now=now),
    )
    clients.follow(base.store.feed)
    return clients


def wire_token_service(
    base: Foundation,
    outside: Outside,
    identity: Identity,
    tokens: Tokens,
    clients: Clients,
    approvals: CallsAsked,
) -> TokenService:
    """Build the authorization server."""
    settings = base.settings
    means = OAuthMeans(
        clock=base.clock,
        entropy=system_entropy,
        ids=base.ids,
        directory=identity.directory,
        clients=clients,
        tokens=tokens,
        issuer=settings.issuer,
        gateway=settings.gateway_url,
    )
    requests = ClientRequests(means)
    delegations = wire_delegations(base, outside, identity, tokens, clients)
    id_tokens = IdTokens(means)
    consent = wire_consent(base, means, requests, id_tokens)
    decoupled = wire_decoupled(base, means, requests, id_tokens, consent, approvals)
    grants: dict[str, Grant] = {**consent.grants(), **decoupled.grants(), **delegations.grants()}
    oauth = OAuth(means, requests, grants, consent.redeeming)
    routes = (
        *clients_routes(clients),
        *oauth_routes(oauth),
        *consent_routes(consent),
        *decoupled_routes(decoupled),
        *delegation_routes(delegations),
    )
    protected = ProtectedResources(
        settings.issuer, settings.gateway_url, clients.resource, TYPES, (own_resource(settings.issuer),)
    )
    metadata = ServerMetadata(_abilities(base, clients, routes, oauth))
    return TokenService(
        routes=routes,
        authenticators={**oauth.authenticators(), **clients.authenticators(), **consent.authenticators()},
        pages={**_pages(base, tokens, metadata, protected), **consent.pages()},
        metadata=metadata,
        protected=protected,
        delegations=delegations,
        people=consent.people,
        sweepers=(clients.sweep, consent.desk.sweep),
    )


def wire_consent(
    base: Foundation, means: OAuthMeans, requests: ClientRequests, id_tokens: IdTokens
) -> Consent:
    """Build what asks people in their browser."""
    return Consent(
        ConsentMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            directory=means.directory,
            tokens=means.tokens,
            clients=means.clients,
            requests=requests,
            id_tokens=id_tokens,
            issuer=means.issuer,
            form_key=form_key(base.root),
        )
    )


def wire_decoupled(
    base: Foundation,
    means: OAuthMeans,
    requests: ClientRequests,
    id_tokens: IdTokens,
    consent: Consent,
    approvals: CallsAsked,
) -> Decoupled:
    """Build what asks people who are elsewhere."""
    return Decoupled(
        DecoupledMeans(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=base.store.database,
            directory=means.directory,
            issuer=means.issuer,
            gateway=means.gateway,
            code_key=user_code_key(base.root),
            tokens=means.tokens,
            requests=requests,
            clients=means.clients,
            id_tokens=id_tokens,
            people=consent.people,
            frame=consent.people.frame,
            approvals=approvals,
        )
    )


def wire_delegations(
    base: Foundation, outside: Outside, identity: Identity, tokens: Tokens, clients: Clients
) -> Delegations:
    """Build who acts for whom, and keep it fresh.

    Raises:
        SetUpBroken: The file of identity assertions cannot be used.
    """
    settings = base.settings
    delegations = Delegations(
        DelegationMeans(
            clock=base.clock,
            ids=base.ids,
            database=base.store.database,
            directory=identity.directory,
            tokens=tokens,
            resources=clients,
            outside=outside.federation,
            issuer=settings.issuer,
            gateway=settings.gateway_url,
            settings=_delegation_settings(settings),
        )
    )
    delegations.follow(base.store.feed)
    return delegations


def _delegation_settings(settings: Settings) -> DelegationSettings:
    outbound = _outbound(settings.identity_assertions)
    try:
        return DelegationSettings(
            trust_domain=settings.trust_domain,
            max_actors=settings.max_actors,
            call_life_seconds=settings.call_token_seconds,
            outbound=outbound,
        )
    except ValueError as error:
        raise SetUpBroken(f"identity_assertions: {error}") from None


def workload_verifier(outside: Outside) -> Callable[[str, float], Awaitable[Foreign]]:
    """Return what says whom a workload's token attests."""
    return lambda token, now: outside.federation.verify(token, purpose=Purpose.WORKLOAD, now=now)


def _abilities(base: Foundation, clients: Clients, routes: tuple[Route, ...], oauth: OAuth) -> Abilities:
    return Abilities(
        issuer=base.settings.issuer,
        gateway=base.settings.gateway_url,
        paths=frozenset(route.path for route in routes) | {"/oauth/status-lists"},
        grant_types=oauth.endpoint.grant_types,
        acr_values=(ACR, PASSKEY_ACR),
        prompt_values=("none", "login", "consent", "select_account"),
        response_modes=("query", "form_post"),
        authorization_details_types=(*TYPES, APPROVAL_DETAIL),
        requested_token_types=(ID_JAG,),
        client_id_metadata_documents=base.settings.client_metadata_documents,
        resources=lambda: [resource.identifier for resource in clients.resources()],
    )


def _pages(
    base: Foundation, tokens: Tokens, metadata: ServerMetadata, protected: ProtectedResources
) -> dict[str, Page]:
    async def jwks(_: Inbound) -> Reply:
        return tokens.documents.jwks()

    return {JWKS_PATH: jwks, **metadata.pages(), **protected.pages(base.settings.issuer)}


class _OutboundFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    audience: tuple[OutboundAudience, ...] = ()


def _outbound(file: str) -> tuple[OutboundAudience, ...]:
    if not file:
        return ()
    try:
        return msgspec.convert(tomllib.loads(Path(file).read_text(encoding="utf-8")), _OutboundFile).audience
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SetUpBroken(f"identity_assertions: {error}") from None
