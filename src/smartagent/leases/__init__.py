# SPDX-License-Identifier: Apache-2.0
"""Leases: credentials that are made for one session of one agent, and are dead when it ends."""

from smartagent.leases.catalog.store import CREDENTIALS_TOPIC, PROVIDERS_TOPIC
from smartagent.leases.errors import (
    CannotNarrow,
    CredentialNotFound,
    CredentialNotGranted,
    LeaseError,
    LeaseNeedsApproval,
    LeaseNotFound,
    LeaseOver,
    LeasesChanged,
    LeaseTooLong,
    MalformedCredential,
    MalformedLease,
    MalformedProvider,
    NotRenewable,
    ProviderFailed,
    ProviderInUse,
    ProviderNotFound,
    ProviderUnreachable,
)
from smartagent.leases.hosts import PATH as SSH_HOSTS_PATH
from smartagent.leases.means import Means, Sealing, Turn
from smartagent.leases.model import (
    UNTIL_ROTATED,
    By,
    Credential,
    Ended,
    Lease,
    LeaseState,
    Made,
    Order,
    Provider,
)
from smartagent.leases.ports import Backend
from smartagent.leases.routes import leases_routes
from smartagent.leases.service import Leases
from smartagent.leases.store import LEASES_TOPIC, leases_of_agent

__all__ = [
    "CREDENTIALS_TOPIC",
    "LEASES_TOPIC",
    "PROVIDERS_TOPIC",
    "SSH_HOSTS_PATH",
    "UNTIL_ROTATED",
    "Backend",
    "By",
    "CannotNarrow",
    "Credential",
    "CredentialNotFound",
    "CredentialNotGranted",
    "Ended",
    "Lease",
    "LeaseError",
    "LeaseNeedsApproval",
    "LeaseNotFound",
    "LeaseOver",
    "LeaseState",
    "LeaseTooLong",
    "Leases",
    "LeasesChanged",
    "Made",
    "MalformedCredential",
    "MalformedLease",
    "MalformedProvider",
    "Means",
    "NotRenewable",
    "Order",
    "Provider",
    "ProviderFailed",
    "ProviderInUse",
    "ProviderNotFound",
    "ProviderUnreachable",
    "Sealing",
    "Turn",
    "leases_of_agent",
    "leases_routes",
]
