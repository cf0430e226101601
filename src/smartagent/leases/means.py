# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from smartagent.approvals import Obtained, Wish
from smartagent.kernel import Caller, Clock, Ids, Ledger, NeedsApproval, Permitted, Secret, Verdict
from smartagent.leases.ports import Backend
from smartagent.leases.rules import ISSUE_SECONDS
from smartagent.policy import Item
from smartagent.storage import Database


class Turn(Protocol):
    """Says whose turn it is to do what only one node may do."""

    async def acquire(self) -> bool:
        """Take the turn, or keep it; say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Sealing(Protocol):
    """Seals what must be kept to end a credential."""

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        ...

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `decide` says whether a caller may lease a credential, `granted` what a role names, `narrowed` what of a
    credential its lease may give (None: all of it), `approve` obtains leave for what has to be approved, `live` whether what a caller holds is still good, and `secret`
    opens a secret of the vault.  `backends` are by kind.
    """

    clock: Clock
    ids: Ids
    database: Database
    ledger: Ledger
    turn: Turn
    sealing: Sealing
    backends: Mapping[str, Backend]
    decide: Callable[[Caller, str], Verdict]
    granted: Callable[[str], tuple[str, ...]]
    live: Callable[[Caller], bool]
    narrowed: Callable[[Caller, str], Sequence[Item] | None]
    approve: Callable[[Caller, NeedsApproval, Wish], Awaitable[Obtained]]
    secret: Callable[[str], Awaitable[Secret[bytes]]]
    secret_exists: Callable[[str], bool]
    issue_seconds: float = ISSUE_SECONDS

    def allows(self, caller: Caller, credential: str) -> bool:
        """Say whether `caller` may lease `credential`, at once or when somebody has approved it."""
        return isinstance(self.decide(caller, credential), Permitted | NeedsApproval)
