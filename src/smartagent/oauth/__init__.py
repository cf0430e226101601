# SPDX-License-Identifier: Apache-2.0
"""The authorization server's door: who asks, for which grant, and what they are told."""

from smartagent.oauth.agentclaims import AgentClaims, Delegated, agent_claims
from smartagent.oauth.challenge import challenges, completed
from smartagent.oauth.clientauth import ClientRequest, ClientRequests
from smartagent.oauth.documents import Abilities, ServerMetadata, metadata_paths
from smartagent.oauth.endpoint import TokenAnswer, TokenEndpoint
from smartagent.oauth.enquiry_routes import enquiry_routes
from smartagent.oauth.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidAuthorizationDetails,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    OAuthError,
    SlowDown,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from smartagent.oauth.grant import Grant, Granted, OtherToken, TokenRequest
from smartagent.oauth.idtoken import IdTokenClaims, IdTokens
from smartagent.oauth.introspect import Introspection
from smartagent.oauth.means import KnownClients, Means
from smartagent.oauth.ports import NoRefreshTokens, RefreshTokens
from smartagent.oauth.protected import ProtectedResources, metadata_path, metadata_url
from smartagent.oauth.revocation import Revocation
from smartagent.oauth.routes import oauth_routes
from smartagent.oauth.service import OAuth
from smartagent.oauth.stepup import Demand, SignIn, check_scope, check_sign_in, is_met, parse_demand
from smartagent.oauth.targets import one_target, scopes_at
from smartagent.oauth.userinfo import UserInfo

__all__ = [
    "Abilities",
    "AccessDenied",
    "AgentClaims",
    "AuthorizationPending",
    "ClientRequest",
    "ClientRequests",
    "Delegated",
    "Demand",
    "ExpiredToken",
    "Grant",
    "Granted",
    "IdTokenClaims",
    "IdTokens",
    "InsufficientScope",
    "InsufficientUserAuthentication",
    "Introspection",
    "InvalidAuthorizationDetails",
    "InvalidGrant",
    "InvalidScope",
    "InvalidTarget",
    "KnownClients",
    "Means",
    "NoRefreshTokens",
    "OAuth",
    "OAuthError",
    "OtherToken",
    "ProtectedResources",
    "RefreshTokens",
    "Revocation",
    "ServerMetadata",
    "SignIn",
    "SlowDown",
    "TokenAnswer",
    "TokenEndpoint",
    "TokenRequest",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "UnsupportedTokenType",
    "UserInfo",
    "agent_claims",
    "challenges",
    "check_scope",
    "check_sign_in",
    "completed",
    "enquiry_routes",
    "is_met",
    "metadata_path",
    "metadata_paths",
    "metadata_url",
    "oauth_routes",
    "one_target",
    "parse_demand",
    "scopes_at",
]
