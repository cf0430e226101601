# SPDX-License-Identifier: Apache-2.0
"""What identity needs from outside itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from smartagent.federation import Foreign
from smartagent.kernel import Change, Clock, Entropy, Ids, Secret, Write
from smartagent.storage import Database

Ending = Callable[[str, float], tuple[tuple[Write, ...], tuple[Change, ...]]]


async def nobody_else(_owner: str) -> bool:
    """Let operators alone own agents."""
    return False


def nothing_ends(_agent: str, _now: float) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
    """End nothing besides what an agent's status ends."""
    return (), ()


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, as it stands in tokens and in
    everything that is signed.  `nonce_key` is the same on every node.  `known_role` says
    whether a role exists.  `verify_workload` says what an outside issuer's token (claimed) attests
    at an instant in Unix seconds, or raises `AuthenticationFailed`; without it, no workload is let in.
    `is_person` says whether somebody who is no operator may own agents, and `end` what ends all that an agent
    was given up to an instant.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    issuer: str
    nonce_key: Secret[bytes]
    known_role: Callable[[str], bool]
    verify_workload: Callable[[str, float], Awaitable[Foreign]] | None = None
    is_person: Callable[[str], Awaitable[bool]] = nobody_else
    end: Ending = nothing_ends
