# SPDX-License-Identifier: Apache-2.0
"""What identity needs from outside itself."""

from collections.abc import Callable
from dataclasses import dataclass

from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.storage import Database


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, as it stands in tokens and in
    everything that is signed.  `nonce_key` is the same on every node.  `known_role` says
    whether a role exists.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    issuer: str
    nonce_key: Secret[bytes]
    known_role: Callable[[str], bool]
