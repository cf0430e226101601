# SPDX-License-Identifier: Apache-2.0
"""A house with approvals, and agents that want leave."""

import asyncio

import msgspec

from smartagent.approvals import Approvals, Deed, Means, Wish, approvals_routes
from smartagent.identity import AgentStatus
from smartagent.kernel import Caller, CallerKind, NeedsApproval, Work
from smartagent.notices.telling import Teller
from tests.unit.identity.world import ISSUER, World

FOUR_EYES = NeedsApproval("somebody else looks first", rules=("policy/refunds/1",), people=1)
TWO = NeedsApproval("two people", rules=("policy/refunds/2",), people=2)
CONFIRM = NeedsApproval("the person agrees", rules=("policy/refunds/3",), confirm=True)
BOTH = NeedsApproval("both", rules=("policy/refunds/4",), confirm=True, people=1)
REFUND = Deed(
    kind="http",
    upstream="shop",
    place="https://shop.example",
    method="POST",
    path="/refunds",
    content_type="application/json",
    body=b'{"order":"7","amount":1200}',
)
BOT = Caller("agt_1", CallerKind.AGENT, "clerk", "ses_1", "aat_1")


def nothing_is_secret(text):
    return False


def changed(struct, **values):
    return msgspec.structs.replace(struct, **values)


class ApprovalsWorld(World):
    """One node of a house with approvals.  Its agent is `BOT`, whom the test lets live or die."""

    def __init__(self, clock=None, store=None, name="one") -> None:
        super().__init__(clock, store, name)
        self.owner = "opr_owner"
        self._filed = asyncio.Event()
        self.gone = set()
        """People who lost the right to decide, and agents and sessions that are dead."""
        self.told = []
        self.approvals = Approvals(
            Means(
                clock=self.clock,
                ids=self.ids,
                issuer=ISSUER,
                database=self.store,
                commit=self._commit,
                owner_of=self._owner_of,
                stands=lambda person, at_ms: person not in self.gone,
                alive=self._alive,
                tell=self._tell,
            )
        )
        self.approvals.follow(self.store)
        self.open(approvals_routes(self.approvals), {})

    def _tell(self, *notice):
        self.told.append(notice)
        return Teller(self.clock, self.ids, ISSUER).tell(*notice)

    async def _commit(self, work, caller):
        committed = await self.store.commit(work)
        self._filed.set()
        return committed

    async def filed(self, other_than=""):
        """Return what waits, once anything does; `other_than` is what waited before."""
        while not (waiting := [each for each in self.waiting() if each != other_than]):
            self._filed.clear()
            await self._filed.wait()
        return waiting[0]

    def _owner_of(self, agent_id):
        agent = self.identity.directory.agent(agent_id)
        return self.owner if agent is None else agent.owner

    def _alive(self, agent_id, session, at_ms):
        agent = self.identity.directory.agent(agent_id)
        dead = agent is not None and agent.status is not AgentStatus.ACTIVE
        return not dead and self.gone.isdisjoint({agent_id, session})

    async def obtain(
        self, needs=FOUR_EYES, deed=REFUND, caller=BOT, wait=0.0, named="", secret=nothing_is_secret
    ):
        wish = Wish(deed, "req_1", wait, named)
        return await self.approvals.obtain(caller, needs, wish, secret)

    async def decide(self, approval_id, voter, said):
        done = await self.approvals.decide(voter, approval_id, said)
        await self.apply(done)
        return done

    async def apply(self, done):
        await self.store.commit(work_of(done))

    def waiting(self):
        return [each.id for each in self.approvals.memory.approvals()]


def work_of(done):
    return Work((), writes=done.writes, changes=done.changes)
