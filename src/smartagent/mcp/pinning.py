# SPDX-License-Identifier: Apache-2.0
"""Tools are shown as they were approved, or not at all.

Whenever a server lists its tools, each definition is compared with what was approved.  A new one waits, and a
changed one disappears, until an operator has looked at it; both stand in the log.  So a description that was
harmless when somebody read it cannot become another one behind their back.
"""

from collections.abc import Iterable, Mapping

from smartagent.kernel import Record, Work
from smartagent.mcp.errors import McpChanged
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import McpServer, Pin, ToolState
from smartagent.mcp.pins import observed
from smartagent.mcp.store import put_pin, tools_changed


class Pinning:
    """Takes note of what servers list."""

    def __init__(self, means: Means, memory: Memory) -> None:
        self._means = means
        self._memory = memory

    async def observe(
        self, server: McpServer, tools: Iterable[Mapping[str, object]], request: str
    ) -> frozenset[str]:
        """Take note of the tools that a server lists now; return the names of those that are new or changed.

        Args:
            server: Who lists them.
            tools: As listed, and scrubbed.
            request: The id of the request on whose behalf they were listed.

        Raises:
            StoreUnavailable: It cannot be recorded, so nothing is shown.
        """
        now = self._means.clock.now()
        changed = observed(server, tools, self._memory.pins(server.name), int(now))
        for pin in changed:
            work = Work((_record(pin, request, now),), (), (put_pin(pin),), (tools_changed(server.name),))
            try:
                await self._means.ledger.commit(work)
            except McpChanged:
                # Another node saw it first; its change comes by the feed.
                continue
        return frozenset(pin.tool for pin in changed)


def _record(pin: Pin, request: str, now: float) -> Record:
    is_new = pin.state is ToolState.PENDING
    return Record(
        event="mcp.tool-seen" if is_new else "mcp.tool-changed",
        at_ms=int(now * 1000),
        request=request,
        subject=pin.server,
        target=f"mcp/{pin.server}/tool/{pin.tool[:128]}",
        detail={"offered": pin.offered, "approved": pin.approved},
    )
