# SPDX-License-Identifier: Apache-2.0
"""Sealing with the root key, for rooms that keep secrets of their own."""

from smartagent.crypto import seal, system_entropy, unseal
from smartagent.kernel import Secret


class RootSealing:
    """Seals with the root key."""

    def __init__(self, root: Secret[bytes]) -> None:
        self._root = root

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        """Seal `plaintext` so that it opens under `identity` only."""
        return seal(plaintext, self._root, identity, system_entropy)

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        """Open what `seal` made.

        Raises:
            CannotUnseal: It is something else.
        """
        return unseal(envelope, self._root, identity)
