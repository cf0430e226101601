# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from smartagent.federation import Answer
from smartagent.kernel import Clock, Ids, Ledger, Secret
from smartagent.storage import Database


class Sealing(Protocol):
    """Seals tokens."""

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        ...

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made."""
        ...


class Sender(Protocol):
    """Sends one request to an address: `federation.SafeFetch`."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
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
    sealing: Sealing
    fetch: Sender
    secret: Callable[[str], Awaitable[Secret[bytes]]]
    secret_exists: Callable[[str], bool]
    node: str
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
