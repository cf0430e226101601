# SPDX-License-Identifier: Apache-2.0
"""What can be asked about a token, and its end.  The metadata are plain pages: `ServerMetadata`."""

from smartagent.edge import Proof, Route
from smartagent.oauth import introspect, revocation, userinfo
from smartagent.oauth.documents import INTROSPECT_PATH, REVOKE_PATH, USERINFO_PATH
from smartagent.oauth.introspect import Introspected, Introspection
from smartagent.oauth.revocation import Revocation
from smartagent.oauth.userinfo import UserInfo, UserInfoView

FORM = ("application/x-www-form-urlencoded",)
MAX_BODY_BYTES = 32_768


def enquiry_routes(
    introspection: Introspection, revocations: Revocation, about: UserInfo
) -> tuple[Route, ...]:
    """Return the routes."""
    return (*_about_tokens(introspection, revocations), *_about_people(about))


def _about_tokens(introspection: Introspection, revocations: Revocation) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            INTROSPECT_PATH,
            Proof.CLIENT_OR_TOKEN,
            "tokens.introspect",
            introspect.EVENT,
            introspection.introspect,
            summary="Ask whether a token holds, and for what",
            oauth=True,
            media_types=FORM,
            max_body_bytes=MAX_BODY_BYTES,
            reply_schema=Introspected,
        ),
        Route(
            "POST",
            REVOKE_PATH,
            Proof.CLIENT_AUTHENTICATION,
            "tokens.revoke",
            revocation.EVENT,
            revocations.revoke,
            summary="Revoke a token that this client was given",
            oauth=True,
            media_types=FORM,
            max_body_bytes=MAX_BODY_BYTES,
        ),
    )


def _about_people(about: UserInfo) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            USERINFO_PATH,
            Proof.ACCESS_TOKEN,
            "userinfo.read",
            userinfo.EVENT,
            about.show,
            summary="Read about the subject of a token",
            reply_schema=UserInfoView,
        ),
        Route(
            "POST",
            USERINFO_PATH,
            Proof.ACCESS_TOKEN,
            "userinfo.read",
            userinfo.EVENT,
            about.show,
            summary="Read about the subject of a token",
            media_types=FORM,
            max_body_bytes=4096,
            reply_schema=UserInfoView,
        ),
    )
