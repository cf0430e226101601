# SPDX-License-Identifier: Apache-2.0
"""What time and revocations do to approvals is written down, and what is long over is forgotten.

Nothing depends on it: who looks at an approval goes by the clock.
"""

from typing import Final

from smartagent.approvals.errors import ApprovalsError
from smartagent.approvals.means import Means
from smartagent.approvals.memory import Memory
from smartagent.approvals.model import KEPT_SECONDS, Approval, State
from smartagent.approvals.rules import expired, forgotten, withdrawn
from smartagent.approvals.store import (
    approval_changed,
    end_grant,
    forget_old,
    grant_changed,
    read_over,
    set_approval,
)
from smartagent.kernel import Decision, Ledger, Record, Work

EXPIRED: Final = "approval.expired"
WITHDRAWN: Final = "approval.withdrawn"
_MOST: Final = 200
_OPEN: Final = frozenset({State.PENDING, State.APPROVED})


class Tending:
    """Writes down what nobody did."""

    def __init__(self, means: Means, memory: Memory) -> None:
        self._means = means
        self._memory = memory

    async def tend(self, ledger: Ledger) -> None:
        """Write down what is over at this instant, and forget what was over long ago.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        now = self._means.clock.now()
        for approval in await read_over(self._means.database, now=int(now), most=_MOST):
            over = forgotten(approval) if approval.state is State.DENIED else expired(approval)
            await self._write(ledger, over, EXPIRED, now)
        for approval in self._memory.approvals():
            alive = self._means.alive(approval.agent, approval.session, approval.created_at_ms)
            if approval.state in _OPEN and now < approval.ends_at and not alive:
                await self._write(ledger, withdrawn(approval), WITHDRAWN, now)
        await self._end_grants(ledger, now)
        await ledger.commit(Work((), writes=forget_old(int(now) - KEPT_SECONDS)))

    async def _write(self, ledger: Ledger, over: Approval, event: str, now: float) -> None:
        record = Record(
            event=event,
            at_ms=int(now * 1000),
            request="",
            subject=over.agent,
            session=over.session,
            target=f"approval/{over.id}",
            decision=Decision.DENY,
            rule=over.rules,
        )
        records = () if over.state is State.DENIED else (record,)
        try:
            work = Work(records, writes=(set_approval(over),), changes=(approval_changed(over.id),))
            await ledger.commit(work)
        except ApprovalsError:
            # Another node, or a person, was faster.
            return

    async def _end_grants(self, ledger: Ledger, now: float) -> None:
        for grant in self._memory.grants():
            alive = self._means.alive(grant.agent, grant.session, grant.approved_at_ms)
            if now < grant.ends_at and alive:
                continue
            try:
                writes = (end_grant(grant.id, now=int(now)),)
                await ledger.commit(Work((), writes=writes, changes=(grant_changed(grant.id),)))
            except ApprovalsError:
                continue
