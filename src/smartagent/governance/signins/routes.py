# SPDX-License-Identifier: Apache-2.0
"""What can be asked about issuers whose groups are followed, and by people who sign in."""

from smartagent.edge import Proof, Route
from smartagent.governance.signins.desk import (
    GroupSourceRequest,
    GroupSourceView,
    SignInRequest,
    SignIns,
    SignInView,
)
from smartagent.policy import Permission


def sign_in_routes(sign_ins: SignIns) -> tuple[Route, ...]:
    """Return the routes on group sources and sign-ins."""
    return (
        Route(
            method="PUT",
            path="/v1/group-sources/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.SCIM_SOURCES_WRITE,
            event="group-source.written",
            act=sign_ins.put,
            summary="Let an OIDC issuer's groups say who can answer for agents",
            request_schema=GroupSourceRequest,
            reply_schema=GroupSourceView,
        ),
        Route(
            method="POST",
            path="/v1/people/sign-ins",
            proof=Proof.NONE,
            permission=Permission.PEOPLE_SIGN_IN,
            event="owner.signed-in",
            act=sign_ins.sign_in,
            summary="Take what an ID token says of its person's groups",
            request_schema=SignInRequest,
            reply_schema=SignInView,
        ),
    )
