# SPDX-License-Identifier: Apache-2.0
"""The break-glasses that wait or are in force, in this node's memory: every node warns of each, and shows them all."""

import logging
from collections.abc import Sequence

from smartagent.governance.breakglass.model import BreakGlass, State
from smartagent.governance.breakglass.store import read_open
from smartagent.kernel import Clock, rfc3339
from smartagent.storage import Database

_log = logging.getLogger(__name__)


class Watch:
    """Knows what is open, and says so in the node's log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._open: dict[str, BreakGlass] = {}

    def all(self) -> list[BreakGlass]:
        """Return those that wait or are in force, the oldest first."""
        now = self._clock.now()
        alive = {State.WAITING, State.IN_FORCE}
        return [each for each in self._open.values() if each.state(now) in alive]

    async def reload(self, keys: Sequence[str]) -> None:  # noqa: ARG002 -- the feed's shape; there are few
        """Read them all again, and warn of what is new.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        found = {each.id: each for each in await read_open(self._database)}
        now = self._clock.now()
        for each in found.values():
            if each != self._open.get(each.id):
                _warn(each, now)
        for gone in self._open.keys() - found.keys():
            _log.warning("BREAK-GLASS %s of agent %s is over", gone, self._open[gone].agent)
        self._open = found


def _warn(found: BreakGlass, now: float) -> None:
    # The reason is people's text: it stands in the audit log.
    if found.state(now) is State.IN_FORCE:
        _log.warning(
            "BREAK-GLASS %s: agent %s has the role %s until %s; opened by %s, confirmed by %s",
            found.id,
            found.agent,
            found.role,
            rfc3339(found.until),
            found.opened_by,
            found.confirmed_by or f"the recovery key {found.key}",
        )
    elif found.state(now) is State.WAITING:
        _log.warning(
            "BREAK-GLASS %s: %s asks for the role %s for agent %s, and waits for another operator",
            found.id,
            found.opened_by,
            found.role,
            found.agent,
        )
