# SPDX-License-Identifier: Apache-2.0
"""What can be asked about requests for access."""

from smartagent.edge import Proof, Route
from smartagent.governance.access.desk import Access
from smartagent.governance.access.views import (
    AccessAsked,
    AccessDecision,
    AccessDetail,
    AccessRequestList,
    AccessRequestView,
    AskedView,
    RefusalReason,
)
from smartagent.policy import Permission


def access_routes(access: Access) -> tuple[Route, ...]:
    """Return the routes on requests for access."""
    return (*_asking(access), *_deciding(access))


def _asking(access: Access) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/access-requests",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_REQUESTS_CREATE,
            event="access.requested",
            act=access.ask,
            summary="Ask for access to what was denied to the caller",
            request_schema=AccessAsked,
            reply_schema=AskedView,
        ),
        Route(
            method="GET",
            path="/v1/access-requests",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_REQUESTS_READ,
            event="access-requests.read",
            act=access.show_all,
            summary="List what agents ask operators for",
            reply_schema=AccessRequestList,
        ),
        Route(
            method="GET",
            path="/v1/access-requests/{id}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_REQUESTS_READ,
            event="access-request.read",
            act=access.show,
            summary="Show what an agent asks for, with the narrowest role file that would allow it",
            reply_schema=AccessDetail,
        ),
    )


def _deciding(access: Access) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/access-requests/{id}/acceptance",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_REQUESTS_WRITE,
            event="access-request.accepted",
            act=access.accept,
            summary="Give what an agent asks for: a new version of its role, or an elevation",
            max_body_bytes=131_072,
            request_schema=AccessDecision,
            reply_schema=AccessRequestView,
        ),
        Route(
            method="POST",
            path="/v1/access-requests/{id}/refusal",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_REQUESTS_WRITE,
            event="access-request.refused",
            act=access.refuse,
            summary="Refuse what an agent asks for",
            request_schema=RefusalReason,
            reply_schema=AccessRequestView,
        ),
    )
