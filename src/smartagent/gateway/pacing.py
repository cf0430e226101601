# SPDX-License-Identifier: Apache-2.0
"""A call that moved more bytes than it may: both sides wait until that has run off."""

from smartagent.gateway.limits import FREE, Allowance
from smartagent.gateway.sides import AgentSide
from smartagent.gateway.upstream import UpstreamConnection


class Pacer:
    """Counts what one call moves, and holds it back."""

    __slots__ = ("_agent", "allowance", "waits")

    def __init__(self, agent: AgentSide) -> None:
        self._agent = agent
        self.allowance: Allowance = FREE
        self.waits = False

    def moved(self, size_bytes: int, upstream: UpstreamConnection | None) -> None:
        """Count bytes in either direction; stop both when they are too many."""
        if self.allowance is not FREE and self.allowance.moved(size_bytes):
            # Each time: whoever was full and is not any more was let go on meanwhile.
            self.waits = True
            self._hold(upstream)

    def sweep(self, now: float, upstream: UpstreamConnection | None) -> bool:
        """Let both go on when it is time; tell whether they waited until now."""
        if not self.waits:
            return False
        if self.allowance.owes(now):
            self._hold(upstream)
            return True
        self.waits = False
        self._agent.release()
        if upstream is not None and not self._agent.full:
            upstream.release()
        return True

    def _hold(self, upstream: UpstreamConnection | None) -> None:
        self._agent.hold()
        if upstream is not None:
            upstream.hold()
