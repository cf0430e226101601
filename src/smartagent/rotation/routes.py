# SPDX-License-Identifier: Apache-2.0
"""What rotation can be asked to do."""

from smartagent.edge import Proof, Route
from smartagent.policy import Permission
from smartagent.rotation.desk import Desk
from smartagent.rotation.service import Rotations
from smartagent.rotation.views import (
    PlanView,
    RotationList,
    RotationRequest,
    RotationView,
    RunRequest,
    RunView,
)


def rotation_routes(rotations: Rotations) -> tuple[Route, ...]:
    """Return the room's routes."""
    desk = rotations.desk
    return (
        Route(
            method="PUT",
            path="/v1/rotations/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_WRITE,
            event="rotation.written",
            act=desk.put,
            summary="Describe a rotation of a secret",
            request_schema=RotationRequest,
            reply_schema=RotationView,
        ),
        Route(
            method="GET",
            path="/v1/rotations",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_READ,
            event="rotations.read",
            act=desk.show_all,
            summary="List the rotations",
            reply_schema=RotationList,
        ),
        Route(
            method="GET",
            path="/v1/rotations/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_READ,
            event="rotation.read",
            act=desk.show,
            summary="Show a rotation",
            reply_schema=RotationView,
        ),
        *_running_routes(desk),
    )


def _running_routes(desk: Desk) -> tuple[Route, ...]:
    return (
        Route(
            method="DELETE",
            path="/v1/rotations/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_WRITE,
            event="rotation.deleted",
            act=desk.drop,
            summary="Delete a rotation that is not running",
        ),
        Route(
            method="POST",
            path="/v1/rotations/{name}/run",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_WRITE,
            event="rotation.asked-for",
            act=desk.run,
            summary="Rotate now, or say whether it could begin",
            request_schema=RunRequest,
            reply_schema=RunView,
        ),
        Route(
            method="GET",
            path="/v1/rotation-plan",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROTATIONS_READ,
            event="rotation.planned",
            act=desk.plan,
            summary="Say what is rotated when",
            reply_schema=PlanView,
        ),
    )
