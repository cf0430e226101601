# SPDX-License-Identifier: Apache-2.0
"""Asking somebody who is elsewhere: device codes (RFC 8628), and requests in the background (CIBA)."""

from smartagent.decoupled.backchannel import APPROVAL_DETAIL
from smartagent.decoupled.errors import (
    CodeCollided,
    CodeNotConfirmed,
    ConsentRequestChanged,
    ConsentRequestNotFound,
    ExpiredLoginHintToken,
    GuessedTooOften,
    InvalidBindingMessage,
    TooManyOpen,
    UnknownUserId,
    UserCodeUnknown,
)
from smartagent.decoupled.means import Means
from smartagent.decoupled.ports import CallCard
from smartagent.decoupled.routes import decoupled_routes
from smartagent.decoupled.service import Decoupled

__all__ = [
    "APPROVAL_DETAIL",
    "CallCard",
    "CodeCollided",
    "CodeNotConfirmed",
    "ConsentRequestChanged",
    "ConsentRequestNotFound",
    "Decoupled",
    "ExpiredLoginHintToken",
    "GuessedTooOften",
    "InvalidBindingMessage",
    "Means",
    "TooManyOpen",
    "UnknownUserId",
    "UserCodeUnknown",
    "decoupled_routes",
]
