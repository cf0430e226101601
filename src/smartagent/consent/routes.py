# SPDX-License-Identifier: Apache-2.0
"""What people and clients can ask of this room."""

from smartagent.consent.asking import AUTHORIZE_PATH, CONSENT_PATH, PAR_PATH, PushedView
from smartagent.consent.desk import GrantPage
from smartagent.consent.people import SIGN_IN_PATH, SignInCodeView
from smartagent.consent.service import Consent
from smartagent.consent.sessions import BrowserSessionList
from smartagent.edge import Proof, Route

_FORM = ("application/x-www-form-urlencoded",)


def consent_routes(consent: Consent) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_signing_in(consent), *_asking(consent), *_deciding(consent), *_operating(consent))


def _signing_in(consent: Consent) -> tuple[Route, ...]:
    people = consent.people
    render = people.frame.refusal
    return (
        Route(
            "POST",
            "/v1/sign-in-codes",
            Proof.ACCESS_TOKEN,
            "sign-in-codes.create",
            "sign-in-code.created",
            people.make_code,
            summary="Make a code with which an operator signs in to a browser",
            reply_schema=SignInCodeView,
        ),
        Route(
            "GET",
            SIGN_IN_PATH,
            Proof.NONE,
            "sign-in",
            "sign-in.shown",
            people.show,
            summary="Show the sign-in page",
            render=render,
        ),
        Route(
            "POST",
            SIGN_IN_PATH,
            Proof.NONE,
            "sign-in",
            "signed-in",
            people.sign_in,
            summary="Sign in to a browser with a code",
            render=render,
            media_types=_FORM,
            max_body_bytes=4096,
        ),
        Route(
            "POST",
            "/oauth/sign-out",
            Proof.SIGNED_IN,
            "authorizations.decide",
            "signed-out",
            people.sign_out,
            summary="End the browser's session",
            render=render,
            media_types=_FORM,
            max_body_bytes=4096,
        ),
    )


def _asking(consent: Consent) -> tuple[Route, ...]:
    asking = consent.asking
    render = consent.people.frame.refusal
    return (
        Route(
            "POST",
            PAR_PATH,
            Proof.CLIENT_AUTHENTICATION,
            "authorizations.push",
            "authorization.pushed",
            asking.push,
            summary="Push an authorization request (RFC 9126)",
            oauth=True,
            media_types=_FORM,
            max_body_bytes=32_768,
            reply_schema=PushedView,
        ),
        Route(
            "GET",
            AUTHORIZE_PATH,
            Proof.NONE,
            "authorizations.request",
            "authorization.asked",
            asking.authorize,
            summary="Ask a person for authorization",
            render=render,
        ),
        Route(
            "POST",
            AUTHORIZE_PATH,
            Proof.NONE,
            "authorizations.request",
            "authorization.asked",
            asking.authorize,
            summary="Ask a person for authorization",
            render=render,
            media_types=_FORM,
            max_body_bytes=16_384,
        ),
    )


def _deciding(consent: Consent) -> tuple[Route, ...]:
    deciding = consent.deciding
    render = consent.people.frame.refusal
    return (
        Route(
            "GET",
            CONSENT_PATH,
            Proof.NONE,
            "authorizations.request",
            "authorization.shown",
            deciding.show,
            summary="Show the consent page",
            render=render,
        ),
        Route(
            "POST",
            CONSENT_PATH,
            Proof.SIGNED_IN,
            "authorizations.decide",
            "authorization.decided",
            deciding.decide,
            summary="Allow or deny a request",
            render=render,
            media_types=_FORM,
            max_body_bytes=4096,
        ),
    )


def _operating(consent: Consent) -> tuple[Route, ...]:
    desk = consent.desk
    return (
        Route(
            "GET",
            "/v1/grants",
            Proof.ACCESS_TOKEN,
            "grants.read",
            "grants.listed",
            desk.list_grants,
            summary="List what people granted to clients",
            reply_schema=GrantPage,
        ),
        Route(
            "DELETE",
            "/v1/grants/{id}",
            Proof.ACCESS_TOKEN,
            "grants.write",
            "grant.ended",
            desk.end,
            summary="End a grant, with all that came of it",
        ),
        Route(
            "GET",
            "/v1/browser-sessions",
            Proof.ACCESS_TOKEN,
            "sign-ins.manage",
            "browser-sessions.listed",
            consent.sessions.show_all,
            summary="List the caller's sessions in browsers",
            reply_schema=BrowserSessionList,
        ),
        Route(
            "DELETE",
            "/v1/browser-sessions/{id}",
            Proof.ACCESS_TOKEN,
            "sign-ins.manage",
            "browser-session.ended",
            consent.sessions.end,
            summary="End one of the caller's sessions in a browser",
        ),
    )
