# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from smartagent.audit import Trail
from smartagent.delegation import Delegation
from smartagent.federation import Foreign, Purpose
from smartagent.governance.model import Defaults
from smartagent.identity import Directory
from smartagent.kernel import Caller, Clock, Entropy, Ids, Ledger, Record
from smartagent.leases import Lease
from smartagent.notices import Tell
from smartagent.policy import Book, Grants, Keeper
from smartagent.storage import Database
from smartagent.tokens import Revocations


class Turn(Protocol):
    """Says whose turn it is to do what only one node may do."""

    async def acquire(self) -> bool:
        """Take the turn, or keep it; say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Outside(Protocol):
    """Verifies what outside issuers say."""

    async def __call__(self, token: str, *, purpose: Purpose, now: float) -> Foreign:
        """Return what a token proves.

        Raises:
            AuthenticationFailed: Nothing.
        """
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.  `issuer` is the authority's URL.

    `records_of` reads what the log holds about a subject, the newest first, back to an instant (Unix
    milliseconds), and `trail` the same with receipts.  `book` decides by the rules in force, and `roles` brings texts into force.  `grants`
    and `credentials_of` say what a role may have, and
    what it may lease.  `strange_client` says what an OAuth client calls itself that nobody registered here, empty for
    one that an operator registered.  `outside` verifies an outside token
    that is shown for a purpose, at an instant (Unix seconds).  `tell` makes notices for people.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    ledger: Ledger
    turn: Turn
    issuer: str
    directory: Directory
    book: Book
    roles: Keeper
    grants: Callable[[str], Grants | None]
    credentials_of: Callable[[str], tuple[str, ...]]
    revocations: Revocations
    delegations: Callable[[], Sequence[Delegation]]
    leases_of: Callable[[str], Awaitable[list[Lease]]]
    trail: Callable[[str, Caller, int, int], Awaitable[Trail]]
    records_of: Callable[[str, int], Awaitable[list[Record]]]
    strange_client: Callable[[str], Awaitable[str]]
    outside: Outside
    tell: Tell
    defaults: Defaults = Defaults()
