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
from smartagent.vault.fitting import check_fits
from smartagent.vault.model import Upstream
from smartagent.vault.placeholders import CHARS as PLACEHOLDER_CHARS
from smartagent.vault.placeholders import PREFIX as PLACEHOLDER_PREFIX
from smartagent.vault.placeholders import Placeholders
from smartagent.vault.places import Place, PlaceKind, parse_place
from smartagent.vault.routes import routes
from smartagent.vault.rules import parse_base_url
from smartagent.vault.service import Vault
from smartagent.vault.store import HONEYTOKENS_TOPIC, SECRETS_TOPIC, UPSTREAMS_TOPIC
from smartagent.vault.writing import Writer, Written

__all__ = [
    "HONEYTOKENS_TOPIC",
    "PLACEHOLDER_CHARS",
    "PLACEHOLDER_PREFIX",
    "SECRETS_TOPIC",
    "UPSTREAMS_TOPIC",
    "Elsewhere",
    "MalformedSecret",
    "MalformedUpstream",
    "Place",
    "PlaceKind",
    "Placeholders",
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
    "check_fits",
    "parse_base_url",
    "parse_place",
    "routes",
]
