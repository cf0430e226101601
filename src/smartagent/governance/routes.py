# SPDX-License-Identifier: Apache-2.0
"""What governance can be asked to do."""

from smartagent.edge import Proof, Route
from smartagent.governance.access.routes import access_routes
from smartagent.governance.breakglass.routes import break_glass_routes
from smartagent.governance.elevation.routes import elevation_routes
from smartagent.governance.reviews.routes import review_routes
from smartagent.governance.scim.routes import scim_routes
from smartagent.governance.service import Governance
from smartagent.governance.signins.routes import sign_in_routes
from smartagent.governance.views import (
    AgentLine,
    CredentialsView,
    ImportRequest,
    ImportView,
    InventoryPage,
    TermsRequest,
)
from smartagent.policy import Permission


def governance_routes(governance: Governance) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        *_inventory_routes(governance),
        *scim_routes(governance.scim),
        *sign_in_routes(governance.sign_ins),
        *elevation_routes(governance.elevations),
        *access_routes(governance.access),
        *break_glass_routes(governance.break_glasses, governance.recovery_keys),
        *review_routes(governance.reviews),
    )


def _inventory_routes(governance: Governance) -> tuple[Route, ...]:
    inventory = governance.inventory
    return (
        Route(
            method="GET",
            path="/v1/inventory",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.AGENTS_READ,
            event="inventory.listed",
            act=inventory.show_all,
            summary="List agents with who answers for them, until when they may act, and when they were used last",
            reply_schema=InventoryPage,
        ),
        Route(
            method="GET",
            path="/v1/inventory/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.AGENTS_READ,
            event="inventory.read",
            act=inventory.show,
            summary="Show an agent and all that it could use: keys, sessions, tokens, leases, delegations",
            reply_schema=CredentialsView,
        ),
        Route(
            method="POST",
            path="/v1/agents/{id}/terms",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.AGENTS_WRITE,
            event="agent.terms-changed",
            act=inventory.set_terms,
            summary="Say who answers for an agent, until when it may act, and how long it may do nothing",
            request_schema=TermsRequest,
            reply_schema=AgentLine,
        ),
        Route(
            method="POST",
            path="/v1/discoveries",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.AGENTS_WRITE,
            event="agents.imported",
            act=governance.discovery.take_in,
            summary="Take in a list of agents that are known elsewhere, as discovered",
            max_body_bytes=262_144,
            request_schema=ImportRequest,
            reply_schema=ImportView,
        ),
    )
