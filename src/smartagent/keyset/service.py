# SPDX-License-Identifier: Apache-2.0
"""The keyset as this node holds it: what every room seals with, and opens with."""

from collections.abc import Sequence

from smartagent.crypto import ROOT_NUMBER, mark_of, number_of, rewrap, seal, unseal
from smartagent.kernel import Entropy, Secret
from smartagent.keyset.errors import SealingKeyUnknown
from smartagent.keyset.model import SealingState
from smartagent.keyset.rules import in_state, sealed_as
from smartagent.keyset.store import read_keys
from smartagent.storage import Database


class Keyset:
    """Seals with the active sealing key; opens with whichever wraps an envelope.

    Until there is an active one, the root key wraps.  A key that went is remembered until the process ends:
    memory may hold envelopes that it wraps.

    Args:
        database: Where the keys are.
        root: The root key, 32 bytes.
        entropy: For data keys.
    """

    def __init__(self, database: Database, root: Secret[bytes], entropy: Entropy) -> None:
        self._database = database
        self._entropy = entropy
        self._root = root
        self._keys: dict[int, Secret[bytes]] = {ROOT_NUMBER: root}
        self.active = ROOT_NUMBER
        """The number of the key that seals."""

    async def reload(self, keys: Sequence[str]) -> None:  # noqa: ARG002 -- the feed's shape; there are few
        """Read all keys again.

        Raises:
            CannotUnseal: The root key is another store's.
            StoreUnavailable: The store cannot be read.
        """
        found = await read_keys(self._database)
        for key in found:
            if key.number not in self._keys:
                self._keys[key.number] = unseal(key.sealed, self._root, sealed_as(key.number))
        active = in_state(found, SealingState.ACTIVE)
        self.active = ROOT_NUMBER if active is None else active.number

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        return seal(plaintext, self._keys[self.active], identity, self._entropy, self.active)

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made.

        Raises:
            CannotUnseal: It is something else, or was touched.
            SealingKeyUnknown: Its key is not on this node.
        """
        return unseal(envelope, self._key(number_of(envelope)), identity)

    def rewrap(self, envelope: bytes, identity: str) -> bytes:
        """Wrap an envelope with the active key.

        Raises:
            CannotUnseal: It is something else, or was touched.
            SealingKeyUnknown: Its key is not on this node.
        """
        new = self.active, self._keys[self.active]
        return rewrap(envelope, self._key(number_of(envelope)), new, identity, self._entropy)

    @property
    def mark(self) -> bytes:
        """How the envelopes begin that the active key wraps."""
        return mark_of(self.active)

    def fresh(self, number: int) -> bytes:
        """Make a sealing key, and return it sealed with the root key."""
        return seal(Secret(self._entropy(32)), self._root, sealed_as(number), self._entropy)

    def _key(self, number: int) -> Secret[bytes]:
        try:
            return self._keys[number]
        except KeyError:
            raise SealingKeyUnknown(f"sealing key {number}") from None
