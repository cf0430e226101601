# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from smartagent.drivers import WebAnswer
from smartagent.kernel import Clock, Ids, Ledger, Secret
from smartagent.keyset import Keyset
from smartagent.storage import Database


class Turn(Protocol):
    """Says whose turn it is to do what only one node may do."""

    async def acquire(self) -> bool:
        """Take the turn, or keep it; say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Sender(Protocol):
    """Sends one request to an address: `drivers.Web`."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> WebAnswer:
        """Return the answer, whatever its status."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `node` names this process among all.  `secret` opens a secret of the vault.  `fetch` must give up sooner
    than a claim lasts (`rules.CLAIM_SECONDS`), with seconds to spare.
    """

    clock: Clock
    ids: Ids
    database: Database
    ledger: Ledger
    turn: Turn
    sealing: Keyset
    fetch: Sender
    secret: Callable[[str], Awaitable[Secret[bytes]]]
    secret_exists: Callable[[str], bool]
    node: str
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
