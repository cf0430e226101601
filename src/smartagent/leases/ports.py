# SPDX-License-Identifier: Apache-2.0
"""The seam to the outside: what every backend does, each for one kind of provider."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from smartagent.kernel import Secret
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind


class Backend(Protocol):
    """Makes and ends credentials at providers of one kind.

    All of it may be called by any node, more than once, and again after a crash in the middle: `issue` is
    called once for a lease and must make nothing that `revoke` of the same order would not find; `revoke` of
    what is not there is no error.  Each call is bounded in time by the caller, by cancellation.

    Raises, every verb that goes outside:
        ProviderFailed: The provider said no, or something that is not understood.
        ProviderUnreachable: There was no answer; it may have happened all the same.
    """

    @property
    def kind(self) -> str:
        """The provider's kind, e.g. `postgresql`."""
        ...

    @property
    def renewable(self) -> bool:
        """Whether `renew` can put the end of a credential off."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what `issue` makes."""
        ...

    def check_provider(self, provider: Provider) -> None:
        """Check an entry as it was written.

        Raises:
            MalformedProvider: A setting or a secret is missing, unknown or malformed; names it.
        """
        ...

    def check_credential(self, provider: Provider, credential: Credential) -> None:
        """Check an entry as it was written.

        Raises:
            MalformedCredential: The grant is not one of this kind; names the field.
        """
        ...

    def handle_of(self, lease_id: str) -> str:
        """Name what will be made for a lease, at the provider."""
        ...

    async def issue(self, order: Order) -> Made:
        """Make the credential."""
        ...

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:
        """Put the end off to `order.expires_at`; return when it dies by itself now (0: never)."""
        ...

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:
        """End the credential and every connection that was opened with it.

        `order.expires_at` is when it would have died by itself.
        """
        ...

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when the provider answers and the house may make credentials there."""
        ...


@runtime_checkable
class Narrows(Protocol):
    """A backend of which a role can name parts."""

    @property
    def narrows(self) -> ResourceKind:
        """Which blocks of a role file narrow it."""
        ...

    def narrow(
        self, provider: Provider, grant: Mapping[str, object], items: Sequence[Item]
    ) -> Mapping[str, object]:
        """Return what a grant comes to when it gives nothing but `items`: no more than either says.

        Raises:
            CannotNarrow: Nothing would be left, or more than the provider takes.
        """
        ...
