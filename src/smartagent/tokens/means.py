# SPDX-License-Identifier: Apache-2.0
"""What tokens needs from outside itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.keyset import Keyset
from smartagent.policy import Grants
from smartagent.storage import Database
from smartagent.tokens.model import Elevated, Status
from smartagent.tokens.rules import Schedule


def takes_any(_audience: str) -> bool:
    """Let every audience take bearer tokens."""
    return False


def nowhere(_agent_id: str) -> Status | None:
    """Publish no agent's state."""
    return None


def nobody(_agent_id: str) -> Elevated | None:
    """Let every agent have its own role."""
    return None


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, and `gateway` the gateway's; both
    stand in tokens as they are here.  `grants` says what a role's tokens may hold.  `sealing`
    seals the seeds of the signing keys.  `status_of` says where an agent's state is published, and
    `takes_bound_only` whether an audience takes no bearer tokens.  `elevated` says which role an agent has for a
    while instead of its own.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    directory: Directory
    grants: Callable[[str], Grants | None]
    issuer: str
    gateway: str
    sealing: Keyset
    nonce_key: Secret[bytes]
    status_of: Callable[[str], Status | None] = nowhere
    takes_bound_only: Callable[[str], bool] = takes_any
    elevated: Callable[[str], Elevated | None] = nobody
    schedule: Schedule = field(default_factory=Schedule)
