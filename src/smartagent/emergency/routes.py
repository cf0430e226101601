# SPDX-License-Identifier: Apache-2.0
"""What can be asked for in an emergency."""

from smartagent.edge import Proof, Route
from smartagent.emergency.model import EmergencyRequest, EmergencyView, ReportView
from smartagent.emergency.service import Emergencies
from smartagent.policy import Permission


def emergency_routes(emergencies: Emergencies) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        Route(
            method="POST",
            path="/v1/emergencies",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVOCATIONS_CREATE,
            event="agent.ended",
            act=emergencies.begin,
            summary="End everything of an agent: tokens, what derives from them, leases, open connections",
            request_schema=EmergencyRequest,
            reply_schema=EmergencyView,
        ),
        Route(
            method="GET",
            path="/v1/emergencies/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVOCATIONS_CREATE,
            event="emergency.reported",
            act=emergencies.report,
            summary="Say what of a revoked agent died when, and what cannot be killed from here, signed",
            reply_schema=ReportView,
        ),
    )
