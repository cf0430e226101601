# SPDX-License-Identifier: Apache-2.0
"""Leases under everything that goes wrong at once, in any order: nothing lost, nothing left alive.

Two nodes share a store and a provider.  The provider refuses, does not answer, or answers after it did it; the store
fails before or after it has written; nodes are killed in the middle; the clock jumps; sessions and agents are revoked.
"""

import asyncio
import logging

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smartagent.leases import ProviderFailed, ProviderUnreachable
from smartagent.leases.rules import CLAIM_SECONDS, LONGEST_PAUSE_SECONDS, SETTLE_SECONDS
from smartagent.storage import StoreUnavailable
from tests.unit.identity.memory import FakeClock, MemoryStore
from tests.unit.leases.world import FakeProvider, LeasesWorld

LONGEST_LIFE = 3600
LIVE = {"requested", "active", "revoking"}


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Troubled(MemoryStore):
    """Fails the next commits, before or after they are written."""

    def __init__(self, clock):
        super().__init__(clock)
        self.trouble = []

    async def commit(self, work):
        how = self.trouble.pop(0) if self.trouble else ""
        if how == "before":
            raise StoreUnavailable("no space left")
        done = await super().commit(work)
        if how == "after":
            raise StoreUnavailable("the answer is lost")
        if how == "killed":
            raise Killed
        return done


class Moody(FakeProvider):
    """Fails the next time it is asked, and then no more."""

    def __init__(self):
        super().__init__()
        self.once = {}

    def _fail(self, verb):
        # `issue` asks twice: before it makes something, and after.
        if verb == "issue" and self.half_made and not self.alive_since(verb):
            return
        error = self.once.pop(verb, None)
        if error is not None:
            raise error

    def alive_since(self, verb):
        return self.orders[-1][1].handle in self.alive


class LeaseMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        logging.disable(logging.CRITICAL)
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.latest = self.clock.at
        self.store = Troubled(self.clock)
        self.provider = Moody()
        self.nodes = [LeasesWorld(self.clock, self.store, name, self.provider) for name in ("one", "two")]
        self.nodes[1].turn.mine = False
        self.answered, self.ended = {}, set()
        self.do(self._begin())

    async def _begin(self):
        one = await self.nodes[0].start()
        self.ada = await one.operator()
        await one.furnish(self.ada)
        self.leaser = await one.leaser(self.ada)

    def do(self, work):
        return self.loop.run_until_complete(work)

    def teardown(self):
        try:
            if hasattr(self, "loop"):
                self.do(self._end())
        finally:
            if hasattr(self, "loop"):
                self.loop.close()
                self.store.close()
            logging.disable(logging.NOTSET)

    # --- what people and agents do ---

    @rule(node=st.integers(0, 1), ttl=st.sampled_from([None, 30, 900, 3600, 86_400]))
    def lease(self, node, ttl):
        """Ask for a lease; what was answered must live, until something ends it."""
        more = {} if ttl is None else {"ttl_seconds": ttl}
        world = self.nodes[node]

        async def ask():
            try:
                headers = self.leaser.headers
                body = {"credential": "db", **more}
                return await world.call("POST", "/v1/leases", body, headers)
            except (Killed, StoreUnavailable):
                return 0, {}

        status, view = self.do(ask())
        if status == 201:
            self.answered[view["lease_id"]] = view["fields"]["username"]

    @rule()
    def begin_another_session(self):
        trouble, self.store.trouble = self.store.trouble, []
        self.do(self.leaser.begin())
        self.store.trouble = trouble

    @precondition(lambda self: self.answered)
    @rule(node=st.integers(0, 1), data=st.data())
    def renew(self, node, data):
        lease = data.draw(st.sampled_from(sorted(self.answered)))

        async def ask():
            try:
                await self.nodes[node].call("POST", f"/v1/leases/{lease}/renew", {}, self.leaser.headers)
            except (Killed, StoreUnavailable):
                return

        self.do(ask())

    @precondition(lambda self: self.answered)
    @rule(by=st.sampled_from(["lease", "session", "agent", "role", "credential", "prefix"]), data=st.data())
    def end(self, by, data):
        lease = data.draw(st.sampled_from(sorted(self.answered)))
        value = {
            "lease": lease,
            "session": self.leaser.session,
            "agent": self.leaser.id,
            "role": "leaser",
            "credential": "db",
            "prefix": "d",
        }[by]

        async def ask():
            try:
                body = {"by": by, "value": value, "reason": "the test"}
                return (await self.ada.call("POST", "/v1/lease-revocations", body))[0]
            except (Killed, StoreUnavailable):
                return 0

        if self.do(ask()) in {200, 201, 202}:
            self.ended.add(lease)

    # --- what goes wrong ---

    @rule(
        verb=st.sampled_from(["issue", "renew", "revoke"]),
        how=st.sampled_from([ProviderFailed("42501"), ProviderUnreachable("timeout"), Killed()]),
        half=st.booleans(),
    )
    def break_provider(self, verb, how, half):
        self.provider.once[verb] = how
        self.provider.half_made = half

    @rule(how=st.lists(st.sampled_from(["before", "after", "killed", ""]), min_size=1, max_size=3))
    def break_store(self, how):
        self.store.trouble = how

    @rule(seconds=st.sampled_from([1, 20, 40, 400, 1000, -600]))
    def time_passes(self, seconds):
        self.clock.at += seconds
        self.latest = max(self.latest, self.clock.at)

    @rule()
    def another_takes_the_turn(self):
        for node in self.nodes:
            node.turn.mine = not node.turn.mine

    @rule()
    def sweep(self):
        self.do(self._sweep())

    async def _sweep(self):
        for node in self.nodes:
            try:
                await node.settle()
            except (Killed, StoreUnavailable):
                continue

    # --- what must hold ---

    async def _leases(self):
        trouble, self.store.trouble = self.store.trouble, []
        rows = await self.store.fetch(_everything())
        self.store.trouble = trouble
        return {row[0]: (row[1], row[2]) for row in rows}

    @invariant()
    def whatever_lives_outside_has_a_lease_that_is_not_dead(self):
        if hasattr(self, "loop"):
            leases = self.do(self._leases())
            known = {handle for handle, state in leases.values() if state in LIVE}
            assert set(self.provider.alive) <= known

    async def _end(self):
        self.provider.once.clear()
        self.store.trouble = []
        # What was due stays due; a clock that was set back has to come to it again.
        self.clock.at = self.latest
        for _ in range(4):
            self.clock.at += SETTLE_SECONDS + CLAIM_SECONDS + LONGEST_PAUSE_SECONDS
            await self._sweep()
        leases = await self._leases()
        told = {handle for lease, handle in self.answered.items() if lease not in self.ended}
        assert set(self.provider.alive) <= told, "what nobody was given lives"
        for lease in self.ended:
            assert leases[lease][1] == "dead", "what was ended lives"
        for _ in range(4):
            self.clock.at += LONGEST_LIFE * 24 + SETTLE_SECONDS
            await self._sweep()
        assert self.provider.alive == {}
        assert {state for _, state in (await self._leases()).values()} <= {"dead"}


def _everything():
    from sqlalchemy import select

    from smartagent.leases.store import leases

    return select(leases.c.id, leases.c.handle, leases.c.state)


TestLeases = LeaseMachine.TestCase
TestLeases.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
