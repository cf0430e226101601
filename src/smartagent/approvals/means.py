# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from collections.abc import Awaitable, Callable

import msgspec

from smartagent.approvals.model import Lives
from smartagent.approvals.rules import Stands
from smartagent.kernel import Caller, Clock, Committed, Ids, Work
from smartagent.notices import Tell
from smartagent.storage import Database

Commit = Callable[[Work, Caller], Awaitable[Committed]]
OwnerOf = Callable[[str], str]
"""Returns who answers for an agent; empty when there is no such agent."""
Alive = Callable[[str, str, int], bool]
"""Says whether an agent, a session (empty for any) and what they got at an instant (Unix milliseconds) are still good."""


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `commit` makes a work durable and looks again whether the caller may go on.  `stands` says whether somebody may
    still decide, so that what they said at an instant counts.  `tell` has people hear of what waits.
    """

    clock: Clock
    ids: Ids
    issuer: str
    database: Database
    commit: Commit
    owner_of: OwnerOf
    stands: Stands
    alive: Alive
    tell: Tell
    lives: Lives = Lives()
