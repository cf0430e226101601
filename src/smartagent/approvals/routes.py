# SPDX-License-Identifier: Apache-2.0
"""What can be asked about approvals."""

from smartagent.approvals.desk import Desk
from smartagent.approvals.service import Approvals
from smartagent.approvals.views import (
    ApprovalPage,
    ApprovalView,
    ApproverList,
    DecidedView,
    DecideRequest,
    GrantList,
)
from smartagent.edge import Proof, Route
from smartagent.policy import Permission


def approvals_routes(approvals: Approvals) -> tuple[Route, ...]:
    """Return the room's routes."""
    desk = approvals.desk
    return (
        Route(
            method="GET",
            path="/v1/approvals",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_READ,
            event="approvals.read",
            act=desk.show_all,
            summary="List approvals, newest first: all of them, or an agent's own",
            reply_schema=ApprovalPage,
        ),
        Route(
            method="GET",
            path="/v1/approvals/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_READ,
            event="approval.read",
            act=desk.show,
            summary="Show an approval and its card",
            reply_schema=ApprovalView,
        ),
        Route(
            method="POST",
            path="/v1/approvals/{id}/decide",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_DECIDE,
            event="approval.decided",
            act=desk.decide,
            summary="Approve or deny what an agent would do: once, for its session, or for a pattern for a while",
            request_schema=DecideRequest,
            reply_schema=DecidedView,
        ),
        *_grant_routes(desk),
    )


def _grant_routes(desk: Desk) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/approval-grants",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_READ,
            event="approval-grants.read",
            act=desk.show_grants,
            summary="List the grants in force: all of them, or an agent's own",
            reply_schema=GrantList,
        ),
        Route(
            method="DELETE",
            path="/v1/approval-grants/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_DECIDE,
            event="approval-grant.ended",
            act=desk.end_grant,
            summary="End a grant",
        ),
        Route(
            method="GET",
            path="/v1/approvers",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.APPROVALS_DECIDE,
            event="approvers.read",
            act=desk.show_approvers,
            summary="Say who decided how often lately, and how often faster than a card can be read",
            reply_schema=ApproverList,
        ),
    )
