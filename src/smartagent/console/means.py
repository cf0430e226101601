# SPDX-License-Identifier: Apache-2.0
"""What the room needs from outside itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smartagent.consent import People
from smartagent.edge import House, Router
from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.storage import Database


@dataclass(frozen=True, slots=True)
class Means:
    """What the room works with.

    `api` finds the house's verbs, and `house` is what the pipeline asks.  `issuer` is the house's URL without a
    trailing slash: its host is what passkeys are bound to.  `form_key` is the same on every node, and `log_vkey` the
    key that the log's checkpoints are verified with.  `health` says of this node what works.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    directory: Directory
    people: People
    api: Router
    house: House
    issuer: str
    form_key: Secret[bytes]
    log_vkey: str
    health: Callable[[], Mapping[str, bool]]
