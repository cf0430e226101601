# SPDX-License-Identifier: Apache-2.0
"""The vault: secrets sealed with the root key, and the upstreams that each may be sent to."""

from smartagent.vault.elsewhere import Elsewhere
from smartagent.vault.errors import (
    MalformedSecret,
    MalformedUpstream,
    SecretElsewhere,
    SecretInUse,
    SecretMissing,
    SecretNotFound,
    UpstreamNotFound,
    VaultChanged,
    VaultError,
)
from smartagent.vault.model import Upstream
from smartagent.vault.routes import routes
from smartagent.vault.rules import parse_base_url
from smartagent.vault.service import Vault
from smartagent.vault.store import SECRETS_TOPIC, UPSTREAMS_TOPIC
from smartagent.vault.writing import Writer, Written

__all__ = [
    "SECRETS_TOPIC",
    "UPSTREAMS_TOPIC",
    "Elsewhere",
    "MalformedSecret",
    "MalformedUpstream",
    "SecretElsewhere",
    "SecretInUse",
    "SecretMissing",
    "SecretNotFound",
    "Upstream",
    "UpstreamNotFound",
    "Vault",
    "VaultChanged",
    "VaultError",
    "Writer",
    "Written",
    "parse_base_url",
    "routes",
]
