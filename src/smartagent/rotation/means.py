# SPDX-License-Identifier: Apache-2.0
"""What the room is given: the world, and the rooms below it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from smartagent.kernel import Change, Clock, Entropy, Ledger, Secret, Write
from smartagent.rotation.model import Due
from smartagent.rotation.ports import Rotator
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
    """Seals values in transit."""

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        ...

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made."""
        ...


class Secrets(Protocol):
    """The vault's secrets, as rotation reads and replaces them."""

    async def read(self, name: str) -> Secret[bytes]:
        """Return the value in force.

        Raises:
            SmartAgentError: It cannot be had.
        """
        ...

    def exists(self, name: str) -> bool:
        """Say whether there is one."""
        ...

    def replace(
        self, name: str, value: Secret[bytes], by: str
    ) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
        """Return the writes and changes that make `value` the one in force.

        Raises:
            SmartAgentError: It does not fit where it is used.
        """
        ...


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `rotators` are by kind.  `others` tell what the house rotates by itself, or should: signing keys, agents' keys.
    """

    clock: Clock
    entropy: Entropy
    database: Database
    ledger: Ledger
    turn: Turn
    sealing: Sealing
    secrets: Secrets
    rotators: Mapping[str, Rotator]
    others: Callable[[float], Awaitable[list[Due]]]
