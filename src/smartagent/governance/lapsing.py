# SPDX-License-Identifier: Apache-2.0
"""Agents whose time is over, or that nobody used for too long, are suspended, and all that they hold ends."""

from typing import Final

from msgspec import structs

from smartagent.governance.means import Means
from smartagent.governance.model import Terms
from smartagent.governance.rules import idle_seconds, why_over
from smartagent.governance.store import read_all_terms, read_last_uses
from smartagent.identity import Agent, AgentChanged, AgentStatus, agent_changed, set_standing
from smartagent.kernel import Decision, Record, Work
from smartagent.tokens import RevocationKind, revocation_of

EVENT: Final = "agent.lapsed"
LOOK_SECONDS: Final = 30.0


class Lapsing:
    """Suspends agents by their terms."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._look_at = 0.0

    async def tend(self, now: float) -> None:
        """Suspend every agent whose terms are over at `now`.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        terms = await read_all_terms(self._means.database)
        defaults = self._means.defaults
        if not terms and not defaults.life_seconds and not defaults.idle_seconds:
            return
        uses: dict[str, int] = {}
        if defaults.idle_seconds or any(idle_seconds(each, defaults) for each in terms.values()):
            uses = await read_last_uses(self._means.database)
        for agent in self._means.directory.agents():
            if agent.status is not AgentStatus.ACTIVE:
                continue
            why = self._why(agent, terms.get(agent.id), uses.get(agent.id, 0), now)
            if why:
                await self._suspend(agent, why, now)

    def _why(self, agent: Agent, terms: Terms | None, last_used_at: int, now: float) -> str:
        return why_over(agent, terms, self._means.defaults, last_used_at=last_used_at, now=now)

    async def _suspend(self, agent: Agent, why: str, now: float) -> None:
        writes, changes = revocation_of(RevocationKind.AGENT, agent.id, now=now)
        suspended = structs.replace(agent, status=AgentStatus.SUSPENDED, last_changed_at=int(now))
        record = Record(
            event=EVENT,
            at_ms=int(now * 1000),
            request="",
            subject=agent.id,
            decision=Decision.PERMIT,
            rule="governance",
            detail={"to": suspended.status.value, "reason": why, "owner": agent.owner},
        )
        work = Work(
            (record,),
            writes=(set_standing(agent, suspended), *writes),
            changes=(agent_changed(agent.id), *changes),
        )
        try:
            await self._means.ledger.commit(work)
        except AgentChanged:
            return
