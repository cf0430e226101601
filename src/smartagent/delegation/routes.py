# SPDX-License-Identifier: Apache-2.0
"""What can be asked of recorded delegations.  Exchanges come in by the token endpoint."""

from smartagent.delegation.service import Delegations
from smartagent.delegation.shapes import DelegationPage, DelegationRequest, DelegationView, RevokeRequest
from smartagent.edge import Proof, Route


def delegation_routes(delegations: Delegations) -> tuple[Route, ...]:
    """Return the room's routes."""
    acts = delegations.recording
    return (
        Route(
            "POST",
            "/v1/delegations",
            Proof.ACCESS_TOKEN,
            "delegations.create",
            "delegation.created",
            acts.create,
            summary="Record that an agent may act for somebody",
            max_body_bytes=8192,
            request_schema=DelegationRequest,
            reply_schema=DelegationView,
        ),
        Route(
            "GET",
            "/v1/delegations",
            Proof.ACCESS_TOKEN,
            "delegations.read",
            "delegations.listed",
            acts.list_all,
            summary="List delegations: an operator all, an agent those from it and to it",
            reply_schema=DelegationPage,
        ),
        Route(
            "GET",
            "/v1/delegations/{id}",
            Proof.ACCESS_TOKEN,
            "delegations.read",
            "delegation.read",
            acts.get,
            summary="Show a delegation",
            reply_schema=DelegationView,
        ),
        Route(
            "DELETE",
            "/v1/delegations/{id}",
            Proof.ACCESS_TOKEN,
            "delegations.revoke",
            "delegation.revoked",
            acts.revoke,
            summary="Revoke a delegation, and every token that derives from it",
            max_body_bytes=4096,
            request_schema=RevokeRequest,
            reply_schema=DelegationView,
        ),
    )
