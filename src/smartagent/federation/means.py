# SPDX-License-Identifier: Apache-2.0
"""What federation needs from outside itself."""

from collections.abc import Callable
from dataclasses import dataclass

from smartagent.federation.fetching import Getter
from smartagent.kernel import Clock
from smartagent.storage import Database


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` is the house's own URL, the audience of outside tokens unless an entry says another.
    `known_role` says whether a role exists.  `allow_http` is for tests and a developer's machine.
    """

    clock: Clock
    database: Database
    fetch: Getter
    issuer: str
    known_role: Callable[[str], bool]
    allow_http: bool = False
