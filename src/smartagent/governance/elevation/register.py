# SPDX-License-Identifier: Apache-2.0
"""The elevations in force, in this node's memory: tokens are issued by it."""

from collections.abc import Callable, Sequence

from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.store import read_open
from smartagent.kernel import Clock
from smartagent.storage import Database
from smartagent.tokens import Elevated


class Register:
    """Says which role an agent has instead of its own.

    `revoked_at_ms` says until when what an agent was given is dead: a revocation ends an elevation, too.
    """

    def __init__(self, database: Database, clock: Clock, revoked_at_ms: Callable[[str], int]) -> None:
        self._database = database
        self._clock = clock
        self._revoked_at_ms = revoked_at_ms
        self._open: dict[str, Elevation] = {}

    def elevated(self, agent: str) -> Elevated | None:
        """Return what tokens are to say that are issued to `agent` at this instant; None for its own role."""
        found = self.find(agent)
        return None if found is None else Elevated(found.id, found.role, found.until)

    def find(self, agent: str) -> Elevation | None:
        """Return the elevation of `agent` that is in force."""
        found = self._open.get(agent)
        if found is None or not found.is_in_force(
            self._clock.now(), revoked_at_ms=self._revoked_at_ms(agent)
        ):
            return None
        return found

    def all(self) -> list[Elevation]:
        """Return all that are in force, oldest first."""
        found = [elevation for agent in self._open if (elevation := self.find(agent)) is not None]
        return sorted(found, key=lambda elevation: elevation.id)

    async def reload(self, agents: Sequence[str]) -> None:
        """Read these agents' elevations again; with no agents, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not agents:
            self._open = {each.agent: each for each in await read_open(self._database)}
        for agent in dict.fromkeys(agents):
            found = await read_open(self._database, agent)
            self._open.pop(agent, None)
            if found:
                self._open[agent] = found[0]
