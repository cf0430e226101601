# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from typing import Protocol

import msgspec

from smartagent.kernel import Clock, Entropy, Ids, Ledger
from smartagent.keyset import Keyset
from smartagent.notices.ports import Sender
from smartagent.storage import Database


class Turn(Protocol):
    """Says whose turn it is to do what only one node may do."""

    async def acquire(self) -> bool:
        """Take the turn, or keep it; say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.  `issuer` is the authority's URL.

    `webhooks` and `mail` send; `mail` is None where no mail server is set.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    ledger: Ledger
    turn: Turn
    sealing: Keyset
    issuer: str
    webhooks: Sender
    mail: Sender | None
