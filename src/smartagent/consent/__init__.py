# SPDX-License-Identifier: Apache-2.0
"""Consent: people in front of a browser, what clients ask of them, and what they grant."""

from smartagent.consent.errors import (
    AuthorizationRefused,
    CodeUsedAgain,
    GrantChanged,
    GrantNotFound,
    NotSignedIn,
    PushedRequestRefused,
    RefreshTokenUsedAgain,
    RequestGone,
    SessionNotFound,
    SignInFailed,
)
from smartagent.consent.frame import CSRF_FIELD, Frame, shown, visible
from smartagent.consent.means import Means
from smartagent.consent.model import ACR, PASSKEY_ACR, Grant, Session, SignedIn, Way
from smartagent.consent.people import Begun, People
from smartagent.consent.routes import consent_routes
from smartagent.consent.service import Consent
from smartagent.consent.store import add_grant, end_grant, see_session

__all__ = [
    "ACR",
    "CSRF_FIELD",
    "PASSKEY_ACR",
    "AuthorizationRefused",
    "Begun",
    "CodeUsedAgain",
    "Consent",
    "Frame",
    "Grant",
    "GrantChanged",
    "GrantNotFound",
    "Means",
    "NotSignedIn",
    "People",
    "PushedRequestRefused",
    "RefreshTokenUsedAgain",
    "RequestGone",
    "Session",
    "SessionNotFound",
    "SignInFailed",
    "SignedIn",
    "Way",
    "add_grant",
    "consent_routes",
    "end_grant",
    "see_session",
    "shown",
    "visible",
]
