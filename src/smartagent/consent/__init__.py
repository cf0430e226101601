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
    SignInFailed,
)
from smartagent.consent.frame import Frame, shown, visible
from smartagent.consent.means import Means
from smartagent.consent.model import ACR, Grant, SignedIn
from smartagent.consent.people import People
from smartagent.consent.routes import consent_routes
from smartagent.consent.service import Consent
from smartagent.consent.store import add_grant, end_grant

__all__ = [
    "ACR",
    "AuthorizationRefused",
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
    "SignInFailed",
    "SignedIn",
    "add_grant",
    "consent_routes",
    "end_grant",
    "shown",
    "visible",
]
