# SPDX-License-Identifier: Apache-2.0
"""The public key set.

Spec: RFC 7517 section 5.
"""

from typing import Final

from smartagent.edge import Reply
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.rules import JWKS_LIFE_SECONDS

JWKS_PATH: Final = "/.well-known/jwks.json"
_CACHE: Final = (("cache-control", f"public, max-age={JWKS_LIFE_SECONDS}"),)


class Documents:
    """What anybody may read, without a record."""

    def __init__(self, keys: KeyRings) -> None:
        self._keys = keys

    def jwks(self) -> Reply:
        """Return the key set; it may be kept for an hour.

        Raises:
            KeysNotReady: There are no keys on this node yet, and an empty set must not be kept.
        """
        _ = self._keys.main.active
        return Reply(200, self._keys.jwks(), "application/jwk-set+json", _CACHE)
