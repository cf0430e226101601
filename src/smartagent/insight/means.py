# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from smartagent.audit import LogReader
from smartagent.delegation import Delegation
from smartagent.identity import Agent
from smartagent.kernel import Clock
from smartagent.leases import Credential, Provider
from smartagent.policy import Book, Item
from smartagent.vault import Upstream


class Means(msgspec.Struct, frozen=True):
    """What history needs: the rules in force, the log, and the role that an agent has now."""

    book: Book
    log: LogReader
    role_of: Callable[[str], str | None]


class ReachMeans(msgspec.Struct, frozen=True):
    """What is known of agents, and of what they can reach.

    `credential` returns a credential with its provider, and `grant_of` what a lease of one gives when a role narrows it.  `delegations_from` and `delegations_to` return those
    of an agent that are live at an instant (Unix seconds).  `gateway` is the gateway's URL.
    """

    clock: Clock
    book: Book
    agent: Callable[[str], Agent | None]
    upstreams: Callable[[], Sequence[Upstream]]
    credential: Callable[[str], tuple[Credential, Provider] | None]
    grant_of: Callable[[Credential, Sequence[Item] | None], Mapping[str, object]]
    delegations_from: Callable[[str, float], Sequence[Delegation]]
    delegations_to: Callable[[str, float], Sequence[Delegation]]
    gateway: str
