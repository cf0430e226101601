# SPDX-License-Identifier: Apache-2.0
"""What this room needs from outside itself."""

from dataclasses import dataclass

from smartagent.consent import Frame, People
from smartagent.decoupled.ports import Approvals
from smartagent.identity import Directory
from smartagent.kernel import Clock, Entropy, Ids, Secret
from smartagent.oauth import ClientRequests, IdTokens, KnownClients
from smartagent.storage import Database
from smartagent.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL without a trailing slash, and `gateway` the gateway's.  `code_key` is the same
    on every node and hides the user codes in the store.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    directory: Directory
    issuer: str
    gateway: str
    code_key: Secret[bytes]
    tokens: Tokens
    requests: ClientRequests
    clients: KnownClients
    id_tokens: IdTokens
    people: People
    frame: Frame
    approvals: Approvals
