# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from smartagent.accounts import Access
from smartagent.approvals import Obtained, Wish
from smartagent.clients import Resource
from smartagent.edge import Inbound
from smartagent.gateway import Pinner
from smartagent.governance import AccessAsked, Prepared
from smartagent.kernel import Caller, Clock, Committed, Ids, Ledger, NeedsApproval, Record, Secret, Work
from smartagent.policy import Book
from smartagent.storage import Database

IsSecret = Callable[[str], bool]


class Approve(Protocol):
    """Obtains leave for an act that has to be approved."""

    async def __call__(
        self, caller: Caller, needs: NeedsApproval, wish: Wish, *, is_secret: IsSecret
    ) -> Obtained:
        """Return leave; `is_secret` says whether a text must not be shown to people.

        Raises:
            ApprovalsError: There is none, or not yet.
        """
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `commit` makes a work durable and looks again whether the caller may go on; `authenticate` takes a token that is
    meant for one of some audiences; `live` says whether a caller still is.  `client_role` is the role that
    bounds the client that a caller came by.  `secret` opens a secret of the vault, the value in force first;
    `account` returns the access token of an account at a provider.  `trail` are the newest records about somebody.
    `prepare` says what is to be written so that somebody has asked for access.
    `approval_wait_seconds` is how long a call waits for `approve`.
    `programs` are the paths of what commands may start, with blanks between them.
    """

    clock: Clock
    ids: Ids
    database: Database
    ledger: Ledger
    commit: Callable[[Work, Caller], Awaitable[Committed]]
    authenticate: Callable[[Inbound, frozenset[str]], Caller]
    live: Callable[[Caller], bool]
    client_role: Callable[[Caller], Awaitable[str]]
    book: Book
    resource: Callable[[str], Resource | None]
    secret: Callable[[str], Awaitable[tuple[Secret[bytes], ...]]]
    secret_exists: Callable[[str], bool]
    account: Callable[[str, str], Awaitable[Access]]
    trail: Callable[[str, int], Awaitable[Sequence[Record]]]
    prepare: Callable[[Caller, AccessAsked], Awaitable[Prepared]]
    pinner: Pinner
    issuer: str
    approve: Approve
    approval_wait_seconds: float
    programs: str = ""

    @property
    def base(self) -> str:
        """The address that servers are beneath, and that the house's own is at."""
        return f"{self.issuer}/mcp"

    def address_of(self, server: str) -> str:
        """Return where a server is reached, which is also what its tokens are for; the house's own when empty."""
        return f"{self.base}/{server}" if server else self.base
