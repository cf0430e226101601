# SPDX-License-Identifier: Apache-2.0
"""Tokens: signing keys, issuing, verifying and revoking; one code path whatever the proof was."""

from smartagent.tokens.documents import JWKS_PATH, METADATA_PATH, Documents
from smartagent.tokens.errors import (
    AudienceNotGranted,
    GrantTypeUnsupported,
    KeyNotPublishedYet,
    KeysChanged,
    KeysNotReady,
    MalformedRevocation,
    RevocationRaced,
    RoleNotGranted,
    ScopeNotGranted,
)
from smartagent.tokens.keyring import KeyRing
from smartagent.tokens.means import Means
from smartagent.tokens.model import AccessClaims, KeyState, RevocationKind
from smartagent.tokens.revoke import Revocations
from smartagent.tokens.routes import tokens_routes
from smartagent.tokens.rules import JWKS_LIFE_SECONDS, MAX_TOKEN_LIFE_SECONDS, Schedule
from smartagent.tokens.service import Tokens
from smartagent.tokens.verify import AccessTokens, Verified

__all__ = [
    "JWKS_LIFE_SECONDS",
    "JWKS_PATH",
    "MAX_TOKEN_LIFE_SECONDS",
    "METADATA_PATH",
    "AccessClaims",
    "AccessTokens",
    "AudienceNotGranted",
    "Documents",
    "GrantTypeUnsupported",
    "KeyNotPublishedYet",
    "KeyRing",
    "KeyState",
    "KeysChanged",
    "KeysNotReady",
    "MalformedRevocation",
    "Means",
    "RevocationKind",
    "RevocationRaced",
    "Revocations",
    "RoleNotGranted",
    "Schedule",
    "ScopeNotGranted",
    "Tokens",
    "Verified",
    "tokens_routes",
]
