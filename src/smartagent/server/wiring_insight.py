# SPDX-License-Identifier: Apache-2.0
"""The composition root's part that looks at everything else: history, what agents can reach, and decisions for others."""

from collections.abc import Callable, Mapping, Sequence

from smartagent.audit import CustodyReader, LogReader
from smartagent.audit.routes import routes as audit_routes
from smartagent.authzen import Evaluations, authzen_routes, configuration
from smartagent.authzen import Means as AuthzenMeans
from smartagent.delegation import Delegation, Delegations
from smartagent.edge import Route
from smartagent.identity import AgentStatus, Identity
from smartagent.insight import Insight, Means, Reach, ReachMeans, insight_routes
from smartagent.leases import Credential, CredentialNotFound, Leases, Provider, ProviderNotFound
from smartagent.policy import Book, RoleOf
from smartagent.server.asgi import Page
from smartagent.server.foundation import Foundation
from smartagent.vault import Upstream, Vault


def wire_insight(  # noqa: PLR0913, PLR0917 -- the rooms that are told of
    base: Foundation,
    identity: Identity,
    book: Book,
    vault: Vault,
    leases: Leases,
    delegations: Delegations,
    role_of: RoleOf,
) -> tuple[tuple[Route, ...], Mapping[str, Page]]:
    """Build the readers of the log and of the rules, and what decides for others: their routes, and public pages."""
    reach = wire_reach(base, identity, book, vault, leases, delegations)
    authzen, pages = wire_authzen(base, identity, book, role_of)
    return (*wire_audit(base, identity, book, reach), *authzen), pages


def standing_of(identity: Identity) -> Callable[[str], str]:
    """Return what tells how far an agent is trusted; empty for an unknown one."""

    def found(agent_id: str) -> str:
        agent = identity.directory.agent(agent_id)
        return "" if agent is None else agent.standing.value

    return found


def wire_audit(base: Foundation, identity: Identity, book: Book, reach: Reach) -> tuple[Route, ...]:
    """Build the readers of the log, and their routes."""
    log = LogReader(base.store.database, base.clock)

    def role_of(agent_id: str) -> str | None:
        agent = identity.directory.agent(agent_id)
        return None if agent is None else agent.role

    insight = Insight(Means(book, log, role_of))
    return (*audit_routes(CustodyReader(base.store.database, log), log), *insight_routes(insight, reach))


def wire_reach(
    base: Foundation, identity: Identity, book: Book, vault: Vault, leases: Leases, delegations: Delegations
) -> Reach:
    """Build what tells of an agent's reach."""

    def upstreams() -> Sequence[Upstream]:
        return [stored.upstream for stored in vault.upstreams()]

    def credential(name: str) -> tuple[Credential, Provider] | None:
        try:
            found = leases.registry.credential(name).credential
            return found, leases.registry.provider(found.provider).provider
        except (CredentialNotFound, ProviderNotFound):
            return None

    def delegations_to(agent: str, now: float) -> Sequence[Delegation]:
        return [each for each in delegations.register.all() if each.to_agent == agent and each.is_live(now)]

    return Reach(
        ReachMeans(
            clock=base.clock,
            book=book,
            agent=identity.directory.agent,
            upstreams=upstreams,
            credential=credential,
            grant_of=leases.narrowing.grant_of,
            delegations_from=lambda agent, now: delegations.register.live_from(agent, now=now),
            delegations_to=delegations_to,
            gateway=base.settings.gateway_url,
        )
    )


def wire_authzen(
    base: Foundation, identity: Identity, book: Book, role_of: RoleOf
) -> tuple[tuple[Route, ...], Mapping[str, Page]]:
    """Build what decides for other services: its routes, and its public page."""

    def active_role_of(agent_id: str) -> str | None:
        agent, role = identity.directory.agent(agent_id), role_of(agent_id)
        return role[0] if agent is not None and agent.status is AgentStatus.ACTIVE and role else None

    def is_operator(person: str) -> bool:
        return identity.directory.operator(person) is not None

    document = configuration(base.settings.issuer)
    routes = authzen_routes(
        Evaluations(AuthzenMeans(book, active_role_of, is_operator, standing_of(identity)))
    )
    return routes, {document.path: document.show}
