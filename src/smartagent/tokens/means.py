# SPDX-License-Identifier: Apache-2.0
"""What tokens needs from outside itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.policy import Grants
from smartagent.storage import Database
from smartagent.tokens.rules import Schedule


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, and `gateway` the gateway's; both
    stand in tokens as they are here.  `grants` says what a role's tokens may hold.  `root`
    seals the seeds of the signing keys.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    directory: Directory
    grants: Callable[[str], Grants | None]
    issuer: str
    gateway: str
    root: Secret[bytes]
    schedule: Schedule = field(default_factory=Schedule)
