# SPDX-License-Identifier: Apache-2.0
"""What signs requests: a key that never leaves, and what it is told of each."""

from typing import NamedTuple, Protocol

from smartagent.gateway.head import Pairs, RequestHead
from smartagent.kernel import Secret


class Outgoing(NamedTuple):
    """A request's head as it goes to the upstream.

    `path` is with the upstream's own before it; `fields` are `host` and what is kept of the agent's, names in lower case.
    """

    method: str
    path: str
    query: str
    fields: Pairs


class Covered(NamedTuple):
    """What is known of the body: its SHA-256 in hex or what stands for it, and all of it where that had to be read."""

    digest: str
    body: bytes = b""


class Signer(Protocol):
    """Signs requests to an upstream."""

    @property
    def dropped(self) -> frozenset[str]:
        """The fields that are ours to set; names in lower case."""
        ...

    @property
    def field(self) -> str:
        """The field that the signature, or the id of its key, stands in; in lower case."""
        ...

    @property
    def secrets(self) -> tuple[Secret[bytes], ...]:
        """What no answer may show."""
        ...

    def known(self, head: RequestHead, *, tls: bool) -> str | None:
        """Return what stands for the body's digest when the body need not be read, else None.

        Raises:
            CredentialUnusable: The body is of a kind that cannot be signed.
        """
        ...

    def sign(self, asked: Outgoing, covered: Covered, now: float) -> Pairs:
        """Return the fields that sign a request; `now` in Unix seconds."""
        ...
