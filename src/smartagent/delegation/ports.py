# SPDX-License-Identifier: Apache-2.0
"""What the room asks of rooms beneath it, as it asks it."""

from collections.abc import Sequence
from typing import Protocol

from smartagent.clients import Resource
from smartagent.federation import Foreign, Purpose


class OutsideIssuers(Protocol):
    """Verifies tokens of outside issuers; `federation.Federation` does."""

    async def verify(self, token: str, *, purpose: Purpose, now: float) -> Foreign:
        """Return what `token` says, when an issuer that is trusted for `purpose` signed it and it holds.

        Raises:
            AuthenticationFailed: It does not.
        """
        ...


class Resources(Protocol):
    """Finds what takes our tokens."""

    def resource(self, identifier: str) -> Resource | None:
        """Return the protected resource."""
        ...

    def resources(self) -> Sequence[Resource]:
        """Return all protected resources."""
        ...
