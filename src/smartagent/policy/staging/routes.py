# SPDX-License-Identifier: Apache-2.0
"""The routes to staged roles and policies."""

from typing import Final

from smartagent.edge import Proof, Route
from smartagent.policy.permissions import Permission
from smartagent.policy.staging.desk import StagingDesk
from smartagent.policy.staging.views import StagedList, StagedView, StageRequest, StepRequest

_MAX_BODY_BYTES: Final = 131_072


def role_staging_routes(desk: StagingDesk) -> tuple[Route, ...]:
    """Build the routes to staged roles."""
    return (
        Route(
            method="PUT",
            path="/v1/roles/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.staged",
            act=desk.store,
            summary="Store a draft of a role; it decides nothing yet",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=StageRequest,
            reply_schema=StagedView,
        ),
        Route(
            method="POST",
            path="/v1/roles/{name}/staged/stage",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.stage-changed",
            act=desk.step,
            summary="Take a staged role a step forward or back: draft, shadow, canary, on",
            request_schema=StepRequest,
            reply_schema=StagedView,
        ),
        Route(
            method="GET",
            path="/v1/roles/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="role.staged-read",
            act=desk.show,
            summary="Show what is staged of a role, and what it would have decided otherwise",
            reply_schema=StagedView,
        ),
        Route(
            method="DELETE",
            path="/v1/roles/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.staged-dropped",
            act=desk.drop,
            summary="Drop what is staged of a role; what is in force stays",
        ),
    )


def policy_staging_routes(desk: StagingDesk) -> tuple[Route, ...]:
    """Build the routes to staged policies."""
    return (
        Route(
            method="PUT",
            path="/v1/policies/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.staged",
            act=desk.store,
            summary="Store a draft of a policy; it decides nothing yet",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=StageRequest,
            reply_schema=StagedView,
        ),
        Route(
            method="POST",
            path="/v1/policies/{name}/staged/stage",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.stage-changed",
            act=desk.step,
            summary="Take a staged policy a step forward or back: draft, shadow, canary, on",
            request_schema=StepRequest,
            reply_schema=StagedView,
        ),
        Route(
            method="GET",
            path="/v1/policies/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policy.staged-read",
            act=desk.show,
            summary="Show what is staged of a policy, and what it would have decided otherwise",
            reply_schema=StagedView,
        ),
        Route(
            method="DELETE",
            path="/v1/policies/{name}/staged",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.staged-dropped",
            act=desk.drop,
            summary="Drop what is staged of a policy; what is in force stays",
        ),
    )


def staged_list_routes(roles: StagingDesk, policies: StagingDesk) -> tuple[Route, ...]:
    """Build the routes to all that is staged."""
    return (
        Route(
            method="GET",
            path="/v1/staged-roles",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="roles.staged-listed",
            act=roles.show_all,
            summary="List the staged roles",
            reply_schema=StagedList,
        ),
        Route(
            method="GET",
            path="/v1/staged-policies",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policies.staged-listed",
            act=policies.show_all,
            summary="List the staged policies",
            reply_schema=StagedList,
        ),
    )
