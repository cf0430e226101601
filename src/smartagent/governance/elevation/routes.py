# SPDX-License-Identifier: Apache-2.0
"""What can be asked about elevations."""

from smartagent.edge import Proof, Route
from smartagent.governance.elevation.desk import ElevationList, ElevationRequest, Elevations, ElevationView
from smartagent.policy import Permission


def elevation_routes(elevations: Elevations) -> tuple[Route, ...]:
    """Return the routes on elevations."""
    return (
        Route(
            method="POST",
            path="/v1/elevations",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ELEVATIONS_WRITE,
            event="elevation.begun",
            act=elevations.begin,
            summary="Let an agent have another role for a while, instead of its own",
            request_schema=ElevationRequest,
            reply_schema=ElevationView,
        ),
        Route(
            method="GET",
            path="/v1/elevations",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ELEVATIONS_READ,
            event="elevations.read",
            act=elevations.show_all,
            summary="List the elevations in force",
            reply_schema=ElevationList,
        ),
        Route(
            method="DELETE",
            path="/v1/elevations/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ELEVATIONS_WRITE,
            event="elevation.ended",
            act=elevations.end,
            summary="End an elevation early, and all that was given under it",
        ),
    )
