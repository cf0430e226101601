# SPDX-License-Identifier: Apache-2.0
"""The gateway: forwards a call with a credential that the caller never sees."""

from smartagent.gateway.errors import (
    CredentialUnusable,
    DestinationRefused,
    GatewayError,
    GatewayFull,
    UpgradeUnsupported,
    UpstreamMalformed,
    UpstreamTimeout,
    UpstreamUnknown,
    UpstreamUnreachable,
)
from smartagent.gateway.gateway import Gateway
from smartagent.gateway.intercept import Interception
from smartagent.gateway.limits import TOPIC as USAGE_TOPIC
from smartagent.gateway.pin import Pinner
from smartagent.gateway.ports import Asked, Doors, Upstream
from smartagent.gateway.scrub import Scrubber
from smartagent.gateway.settings import GatewaySettings
from smartagent.gateway.variants import Variants

__all__ = [
    "USAGE_TOPIC",
    "Asked",
    "CredentialUnusable",
    "DestinationRefused",
    "Doors",
    "Gateway",
    "GatewayError",
    "GatewayFull",
    "GatewaySettings",
    "Interception",
    "Pinner",
    "Scrubber",
    "UpgradeUnsupported",
    "Upstream",
    "UpstreamMalformed",
    "UpstreamTimeout",
    "UpstreamUnknown",
    "UpstreamUnreachable",
    "Variants",
]
