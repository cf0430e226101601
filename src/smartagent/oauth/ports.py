# SPDX-License-Identifier: Apache-2.0
"""What the room's verbs ask of the rooms above it."""

from typing import Protocol


class RefreshTokens(Protocol):
    """Knows the refresh tokens.  They are kept by a room above, as hashes."""

    async def family_of(self, token: str, client_id: str) -> str | None:
        """Return the id (`gnt_`) of the grant that a refresh token belongs to; None when there is no such token.

        Args:
            token: As received; it may be anything.
            client_id: None but this client's tokens are known.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        ...


class NoRefreshTokens:
    """A house that gives none."""

    async def family_of(self, token: str, client_id: str) -> str | None:  # noqa: ARG002 -- the port's shape
        """Know nothing."""
        return None
