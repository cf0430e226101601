# SPDX-License-Identifier: Apache-2.0
"""Tokens: signing keys, issuing, verifying and revoking; one code path whatever the proof was."""

from smartagent.tokens.documents import JWKS_PATH, Documents
from smartagent.tokens.dpop import DpopProofs, Proven
from smartagent.tokens.errors import (
    AudienceNotGranted,
    InvalidDpopProof,
    KeyNotPublishedYet,
    KeysChanged,
    KeysNotReady,
    MalformedRevocation,
    NothingLeft,
    RevocationRaced,
    RoleNotGranted,
    ScopeNotGranted,
    UseDpopNonce,
)
from smartagent.tokens.holder import CALL_DETAIL, actors_of, caller_of
from smartagent.tokens.issue import ASSERTION, Asked, Ceiling, Issued, Issuer, Wanted, narrow
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.means import Means
from smartagent.tokens.model import (
    UNREADABLE,
    AccessClaims,
    Act,
    Confirmation,
    Elevated,
    KeyState,
    MayAct,
    Revocation,
    RevocationKind,
    Status,
    StatusReference,
)
from smartagent.tokens.revoke import Revocations, revocation_of
from smartagent.tokens.routes import tokens_routes
from smartagent.tokens.rules import JWKS_LIFE_SECONDS, MAX_TOKEN_LIFE_SECONDS, Schedule
from smartagent.tokens.service import Tokens
from smartagent.tokens.sessions import NO_STORE
from smartagent.tokens.verify import AccessTokens, Verified

__all__ = [
    "ASSERTION",
    "CALL_DETAIL",
    "JWKS_LIFE_SECONDS",
    "JWKS_PATH",
    "MAX_TOKEN_LIFE_SECONDS",
    "NO_STORE",
    "UNREADABLE",
    "AccessClaims",
    "AccessTokens",
    "Act",
    "Asked",
    "AudienceNotGranted",
    "Ceiling",
    "Confirmation",
    "Documents",
    "DpopProofs",
    "Elevated",
    "InvalidDpopProof",
    "Issued",
    "Issuer",
    "KeyNotPublishedYet",
    "KeyRings",
    "KeyState",
    "KeysChanged",
    "KeysNotReady",
    "MalformedRevocation",
    "MayAct",
    "Means",
    "NothingLeft",
    "Proven",
    "Revocation",
    "RevocationKind",
    "RevocationRaced",
    "Revocations",
    "RoleNotGranted",
    "Schedule",
    "ScopeNotGranted",
    "Status",
    "StatusReference",
    "Tokens",
    "UseDpopNonce",
    "Verified",
    "Wanted",
    "actors_of",
    "caller_of",
    "narrow",
    "revocation_of",
    "tokens_routes",
]
