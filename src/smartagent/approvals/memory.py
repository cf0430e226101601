# SPDX-License-Identifier: Apache-2.0
"""The approvals and grants that matter still, in this node's memory; and who waits for one to change.

Cards are not here: they are read when somebody looks.
"""

import asyncio
from collections.abc import Sequence

from smartagent.approvals.model import Approval, Grant, State
from smartagent.approvals.store import (
    APPROVALS_TOPIC,
    GRANTS_TOPIC,
    read_approval,
    read_grants,
    read_open,
)
from smartagent.storage import Database, Feed


class Memory:
    """A copy of what is open.  Entries do not change; they are replaced."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[str, Approval] = {}
        self._slots: dict[str, str] = {}
        self._grants: dict[str, Grant] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        feed.register(APPROVALS_TOPIC, self.reload_approvals)
        feed.register(GRANTS_TOPIC, self.reload_grants)

    async def reload_approvals(self, ids: Sequence[str]) -> None:
        """Read these approvals again, and wake who waits for them; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not ids:
            found = await read_open(self._database)
            self._open = {approval.id: approval for approval in found}
            self._slots = {approval.slot: approval.id for approval in found}
        for each in dict.fromkeys(ids):
            shown = await read_approval(self._database, each)
            self._forget(each)
            if shown is not None and shown.approval.slot != each:
                self._open[each] = shown.approval
                self._slots[shown.approval.slot] = each
        for each in ids or tuple(self._waiting):
            self._wake(each)

    async def reload_grants(self, ids: Sequence[str]) -> None:
        """Read these grants again; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not ids:
            self._grants = {grant.id: grant for grant in await read_grants(self._database)}
        for each in dict.fromkeys(ids):
            found = await read_grants(self._database, each)
            self._grants.pop(each, None)
            if found and not found[0].ended_at:
                self._grants[each] = found[0]

    def approval(self, approval: str) -> Approval | None:
        """Return the approval when it matters still."""
        return self._open.get(approval)

    def in_slot(self, slot: str) -> Approval | None:
        """Return the approval that a call would join."""
        return self._open.get(self._slots.get(slot, ""))

    def pending_of(self, agent: str, now: float) -> int:
        """Count what of an agent's waits for people at `now` (Unix seconds)."""
        return sum(
            each.agent == agent and each.state is State.PENDING and now < each.ends_at
            for each in self._open.values()
        )

    def approvals(self) -> list[Approval]:
        """Return all that matter still, in no particular order."""
        return list(self._open.values())

    def grants(self) -> list[Grant]:
        """Return all grants that have not ended, oldest first."""
        return [self._grants[grant] for grant in sorted(self._grants)]

    async def changed(self, approval: str, patience_seconds: float) -> bool:
        """Wait until an approval is not what it was; tell whether that came within the patience."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(approval, set())
        waiters.add(waiting)
        try:
            async with asyncio.timeout(patience_seconds):
                await waiting
        except TimeoutError:
            return False
        finally:
            waiters.discard(waiting)
            if not waiters:
                self._waiting.pop(approval, None)
        return True

    def _forget(self, approval: str) -> None:
        known = self._open.pop(approval, None)
        if known is not None and self._slots.get(known.slot) == approval:
            del self._slots[known.slot]

    def _wake(self, approval: str) -> None:
        for waiting in self._waiting.get(approval, ()):
            if not waiting.done():
                waiting.set_result(None)
