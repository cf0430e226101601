# SPDX-License-Identifier: Apache-2.0
"""What the authorization server can be asked to do."""

from smartagent.edge import Proof, Route
from smartagent.oauth.clientauth import TOKEN_PATH
from smartagent.oauth.endpoint import EVENT, TokenAnswer
from smartagent.oauth.enquiry_routes import FORM, enquiry_routes
from smartagent.oauth.service import OAuth


def oauth_routes(oauth: OAuth) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        Route(
            "POST",
            TOKEN_PATH,
            Proof.CLIENT_AUTHENTICATION,
            "tokens.issue",
            EVENT,
            oauth.endpoint.token,
            summary="Get a token by OAuth",
            oauth=True,
            media_types=FORM,
            max_body_bytes=32_768,
            reply_schema=TokenAnswer,
        ),
        *enquiry_routes(oauth.introspection, oauth.revocation, oauth.userinfo),
    )
