# SPDX-License-Identifier: Apache-2.0
"""What the room needs from outside itself."""

from dataclasses import dataclass

from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.oauth import ClientRequests, IdTokens, KnownClients
from smartagent.storage import Database
from smartagent.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash.  `form_key` is the same on every node and marks the
    forms of our own pages.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    directory: Directory
    tokens: Tokens
    clients: KnownClients
    requests: ClientRequests
    id_tokens: IdTokens
    issuer: str
    form_key: Secret[bytes]
