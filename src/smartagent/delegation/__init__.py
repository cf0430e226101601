# SPDX-License-Identifier: Apache-2.0
"""Delegation: who acts for whom, proven in every token, and everything that derives from it."""

from smartagent.delegation.details import TYPES
from smartagent.delegation.errors import (
    ActorTokenRefused,
    AssertionRefused,
    ChainRefused,
    ClientRefused,
    ContextRefused,
    DelegationChanged,
    DelegationError,
    DelegationNotFound,
    DetailsRefused,
    MalformedDelegation,
    NotDelegated,
    ScopeNotDelegated,
    SubjectTokenRefused,
    TargetNotDelegated,
    TokenTypeRefused,
    TooManyDelegations,
)
from smartagent.delegation.means import Means
from smartagent.delegation.model import (
    EXCHANGE_GRANT,
    ID_JAG,
    ID_JAG_PROFILE,
    JWT_BEARER_GRANT,
    Delegation,
    OutboundAudience,
    Settings,
)
from smartagent.delegation.outward import OutwardTokens
from smartagent.delegation.routes import delegation_routes
from smartagent.delegation.service import Delegations
from smartagent.delegation.store import DELEGATIONS_TOPIC, delegation_changed, revoke_delegation
from smartagent.delegation.transaction import HEADER, TransactionTokens

__all__ = [
    "DELEGATIONS_TOPIC",
    "EXCHANGE_GRANT",
    "HEADER",
    "ID_JAG",
    "ID_JAG_PROFILE",
    "JWT_BEARER_GRANT",
    "TYPES",
    "ActorTokenRefused",
    "AssertionRefused",
    "ChainRefused",
    "ClientRefused",
    "ContextRefused",
    "Delegation",
    "DelegationChanged",
    "DelegationError",
    "DelegationNotFound",
    "Delegations",
    "DetailsRefused",
    "MalformedDelegation",
    "Means",
    "NotDelegated",
    "OutboundAudience",
    "OutwardTokens",
    "ScopeNotDelegated",
    "Settings",
    "SubjectTokenRefused",
    "TargetNotDelegated",
    "TokenTypeRefused",
    "TooManyDelegations",
    "TransactionTokens",
    "delegation_changed",
    "delegation_routes",
    "revoke_delegation",
]
