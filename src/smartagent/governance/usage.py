# SPDX-License-Identifier: Apache-2.0
"""What was used when, and who calls that nobody registered: read from the log, behind everybody's back.

Calls write nothing for it.  Whoever has the turn reads what the log grew by, folds it into one time for each thing
of each agent, and writes that with the position it has reached, in one commit: so nothing is counted twice or
missed, whichever node goes on.
"""

from typing import Final

import msgspec

from smartagent.governance.discovery import Discovery
from smartagent.governance.means import Means
from smartagent.governance.model import Use
from smartagent.governance.rules import stranger_in, uses_of
from smartagent.governance.store import put_uses, read_position, set_position
from smartagent.kernel import Record, Work
from smartagent.storage import read_leaves, read_size

FOLLOWER: Final = "governance"
AT_ONCE: Final = 4096


class Usage:
    """Follows the log."""

    def __init__(self, means: Means, discovery: Discovery) -> None:
        self._means = means
        self._discovery = discovery

    async def step(self) -> bool:
        """Read a piece of the log, and say whether there is more of it at hand.

        Raises:
            GovernanceChanged: Another node has done it.
            StoreUnavailable: The store cannot be asked.
        """
        database = self._means.database
        seen = await read_position(database, FOLLOWER)
        first = seen or 0
        leaves = await read_leaves(database, first, AT_ONCE)
        if not leaves:
            return False
        newest: dict[tuple[str, str], int] = {}
        strangers: dict[str, str] = {}
        for leaf in leaves:
            try:
                record = Record.decode(leaf)
            except msgspec.DecodeError:
                continue
            for use in uses_of(record):
                newest[use.agent, use.what] = max(use.last_used_at, newest.get((use.agent, use.what), 0))
            stranger = stranger_in(record)
            if stranger is not None:
                strangers.setdefault(stranger[1], stranger[0])
        for reference, source in strangers.items():
            await self._discovery.notice(reference, source)
        uses = (Use(agent, what, at) for (agent, what), at in newest.items())
        position = set_position(FOLLOWER, seen, first + len(leaves))
        await self._means.ledger.commit(Work((), writes=(position, *put_uses(uses))))
        return first + len(leaves) < await read_size(database)
