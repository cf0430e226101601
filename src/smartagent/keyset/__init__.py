# SPDX-License-Identifier: Apache-2.0
"""The keyset: what every room seals with, and how all of it is wrapped anew while everything goes on."""

from smartagent.keyset.errors import KeysetMoved, RewrapRuns, SealingKeyUnknown
from smartagent.keyset.model import SealingKey, SealingState
from smartagent.keyset.rewrapping import Means, Progress, Rewrapping
from smartagent.keyset.service import Keyset
from smartagent.keyset.store import KEYSET_TOPIC, Envelopes, envelopes_in

__all__ = [
    "KEYSET_TOPIC",
    "Envelopes",
    "Keyset",
    "KeysetMoved",
    "Means",
    "Progress",
    "RewrapRuns",
    "Rewrapping",
    "SealingKey",
    "SealingKeyUnknown",
    "SealingState",
    "envelopes_in",
]
