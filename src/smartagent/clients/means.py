# SPDX-License-Identifier: Apache-2.0
"""What the room needs from outside itself."""

from collections.abc import Callable
from dataclasses import dataclass

from smartagent.federation import Getter
from smartagent.kernel import Clock, Entropy, Ids
from smartagent.storage import Database


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's URL.  `fetch` gets what strangers name.  `metadata_hosts` are the hosts whose
    clients are known by their own descriptions; none means every public host.  `metadata_documents` says
    whether such clients are taken at all, and `registration` whether clients may register themselves.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    database: Database
    fetch: Getter
    issuer: str
    known_role: Callable[[str], bool]
    metadata_hosts: frozenset[str] = frozenset()
    metadata_documents: bool = True
    registration: bool = True
    allow_http: bool = False
