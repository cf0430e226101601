# SPDX-License-Identifier: Apache-2.0
"""What the authorization server needs from outside itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from smartagent.clients import Client, Resource
from smartagent.crypto import VerifyingKey
from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids
from smartagent.tokens import Tokens


class KnownClients(Protocol):
    """Finds clients, and what takes tokens."""

    async def find(self, client_id: str) -> Client | None:
        """Return the client."""
        ...

    async def key(self, client: Client, kid: str, alg: str) -> VerifyingKey | None:
        """Return the client's key of that name for that algorithm; without a name there must be no choice."""
        ...

    def resource(self, identifier: str) -> Resource | None:
        """Return the protected resource."""
        ...

    def resources(self) -> Sequence[Resource]:
        """Return all protected resources."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` and `gateway` are the house's URLs, as they stand in tokens.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    directory: Directory
    clients: KnownClients
    tokens: Tokens
    issuer: str
    gateway: str
