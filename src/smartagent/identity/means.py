# SPDX-License-Identifier: Apache-2.0
"""What identity needs from outside itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from smartagent.federation import Foreign
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.storage import Database


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, as it stands in tokens and in
    everything that is signed.  `nonce_key` is the same on every node.  `known_role` says
    whether a role exists.  `verify_workload` says what an outside issuer's token (claimed) attests
    at an instant in Unix seconds, or raises `AuthenticationFailed`; without it, no workload is let in.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    issuer: str
    nonce_key: Secret[bytes]
    known_role: Callable[[str], bool]
    verify_workload: Callable[[str, float], Awaitable[Foreign]] | None = None
