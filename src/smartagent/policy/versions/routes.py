# SPDX-License-Identifier: Apache-2.0
"""The routes to versions of roles and of policies."""

from smartagent.edge import Proof, Route
from smartagent.policy.permissions import Permission
from smartagent.policy.versions.desk import VersionsDesk
from smartagent.policy.versions.views import DiffView, RollbackRequest, VersionList, VersionText
from smartagent.policy.views import PolicyView, RoleView


def role_version_routes(desk: VersionsDesk) -> tuple[Route, ...]:
    """Build the routes to the versions of roles."""
    return (
        Route(
            method="GET",
            path="/v1/roles/{name}/versions",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="role.versions-read",
            act=desk.show_all,
            summary="List the versions of a role: who wrote them, when and why",
            reply_schema=VersionList,
        ),
        Route(
            method="GET",
            path="/v1/roles/{name}/versions/{version}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="role.version-read",
            act=desk.show,
            summary="Show what a version of a role said",
            reply_schema=VersionText,
        ),
        Route(
            method="GET",
            path="/v1/roles/{name}/versions/{version}/diff",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="role.versions-compared",
            act=desk.compare,
            summary="Say what changed in a role from another version, by default the one before",
            reply_schema=DiffView,
        ),
        Route(
            method="POST",
            path="/v1/roles/{name}/rollback",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.rolled-back",
            act=desk.roll_back,
            summary="Bring what an old version of a role said into force again, as a new version",
            request_schema=RollbackRequest,
            reply_schema=RoleView,
        ),
    )


def policy_version_routes(desk: VersionsDesk) -> tuple[Route, ...]:
    """Build the routes to the versions of policies."""
    return (
        Route(
            method="GET",
            path="/v1/policies/{name}/versions",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policy.versions-read",
            act=desk.show_all,
            summary="List the versions of a policy: who wrote them, when and why",
            reply_schema=VersionList,
        ),
        Route(
            method="GET",
            path="/v1/policies/{name}/versions/{version}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policy.version-read",
            act=desk.show,
            summary="Show what a version of a policy said",
            reply_schema=VersionText,
        ),
        Route(
            method="GET",
            path="/v1/policies/{name}/versions/{version}/diff",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policy.versions-compared",
            act=desk.compare,
            summary="Say what changed in a policy from another version, by default the one before",
            reply_schema=DiffView,
        ),
        Route(
            method="POST",
            path="/v1/policies/{name}/rollback",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.rolled-back",
            act=desk.roll_back,
            summary="Bring what an old version of a policy said into force again, as a new version",
            request_schema=RollbackRequest,
            reply_schema=PolicyView,
        ),
    )
