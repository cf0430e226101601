# SPDX-License-Identifier: Apache-2.0
"""What delegation needs from outside itself."""

from dataclasses import dataclass, field

from smartagent.delegation.model import Settings
from smartagent.delegation.ports import OutsideIssuers, Resources
from smartagent.identity import Directory
from smartagent.kernel import Clock, Ids
from smartagent.storage import Database
from smartagent.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Means:
    """What the room's verbs work with.

    `issuer` and `gateway` are the house's URLs, as they stand in tokens.
    """

    clock: Clock
    ids: Ids
    database: Database
    directory: Directory
    tokens: Tokens
    resources: Resources
    outside: OutsideIssuers
    issuer: str
    gateway: str
    settings: Settings = field(default_factory=Settings)

    @property
    def endpoint(self) -> str:
        """The token endpoint's URL: the audience of what can be exchanged and nothing else."""
        return f"{self.issuer}/oauth/token"
