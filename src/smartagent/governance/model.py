# SPDX-License-Identifier: Apache-2.0
"""What is known of an agent besides its identity: until when it may act, where it was seen, when it was used."""

from typing import Final, Protocol

import msgspec

DAY_SECONDS: Final = 86_400
ANYTHING: Final = ""
"""In uses: the agent did anything at all."""


class Dated(Protocol):
    """An agent, as far as its age matters.  Instants are Unix seconds."""

    @property
    def created_at(self) -> int:
        """When it was enrolled."""
        ...

    @property
    def last_changed_at(self) -> int:
        """When its status or its key changed last."""
        ...


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """How long an agent may act.  None is the house's default, 0 no limit.

    From `expires_at` (Unix seconds) on it is suspended, and when it did nothing for `idle_seconds`.
    """

    agent: str
    expires_at: int | None = None
    idle_seconds: int | None = None
    version: int = 0


class Defaults(msgspec.Struct, frozen=True):
    """What holds for agents about which nothing else is said; 0 is no limit.

    `life_seconds` count from the agent's enrolment.
    """

    life_seconds: int = 0
    idle_seconds: int = 0


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """Where an agent that nobody had registered was seen.

    `reference` is what it is called there, and names it once: a client's id, an outside workload, what an
    imported list says.
    """

    reference: str
    agent: str
    source: str
    seen_at: int


class Use(msgspec.Struct, frozen=True, array_like=True):
    """When an agent last used something: `credential/NAME`, `delegation/ID`, `upstream/NAME`, or `ANYTHING`."""

    agent: str
    what: str
    last_used_at: int
