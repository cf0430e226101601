# SPDX-License-Identifier: Apache-2.0
"""The key ring's life, as a simulation: signers, verifiers with stale key sets, and clocks that differ."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smartagent.tokens.errors import KeyNotPublishedYet
from smartagent.tokens.model import KeyState, RingKey
from smartagent.tokens.rules import (
    JWKS_LIFE_SECONDS,
    MAX_TOKEN_LIFE_SECONDS,
    Schedule,
    Step,
    check_promotable,
    due,
    is_published,
    key_in,
    ready_at,
)

HOUR = 3600
SCHEDULE = Schedule(rotation_period=24 * HOUR)


def take(ring, step, key, now, name):
    """Do to a list what the store does to the table."""
    fresh = RingKey(name, KeyState.PENDING, b"", now)
    match step:
        case Step.BEGIN:
            first = msgspec.structs.replace(
                fresh, kid=f"{name}-first", state=KeyState.ACTIVE, activated_at=now
            )
            return [*ring, first, fresh]
        case Step.PUBLISH:
            return [*ring, fresh]
        case Step.RETIRE:
            return [
                k if k.kid != key.kid else msgspec.structs.replace(k, state=KeyState.RETIRED, retired_at=now)
                for k in ring
            ]
        case Step.PROMOTE:
            moved = []
            for each in ring:
                if each.state is KeyState.ACTIVE:
                    each = msgspec.structs.replace(each, state=KeyState.RETIRING, retiring_at=now)  # noqa: PLW2901 -- the next state
                elif each.kid == key.kid:
                    each = msgspec.structs.replace(each, state=KeyState.ACTIVE, activated_at=now)  # noqa: PLW2901 -- the next state
                moved.append(each)
            return [*moved, fresh]


class RingMachine(RuleBasedStateMachine):
    """Whatever the schedule: who cached the key set up to an hour ago verifies every live token."""

    @initialize(period=st.integers(4 * HOUR, 60 * HOUR))
    def begin(self, period):
        self.schedule = Schedule(rotation_period=period)
        self.now = 1_000_000
        self.ring = []
        self.made = 0
        self.key_sets = []
        self.tokens = []
        self.tend()
        self.publish()

    def tend(self):
        while (step := due(self.ring, self.schedule, now=self.now)) is not None:
            self.made += 1
            self.ring = take(self.ring, *step, self.now, f"key{self.made}")

    def publish(self):
        self.key_sets.append((self.now, {key.kid for key in self.ring if is_published(key)}))
        self.key_sets = [(at, kids) for at, kids in self.key_sets if at >= self.now - JWKS_LIFE_SECONDS]

    @rule(seconds=st.integers(1, 3 * HOUR), tended=st.booleans())
    def time_passes(self, seconds, tended):
        # A verifier may fetch the key set at any instant; the set it gets is the one of that instant.
        before, self.now = {key.kid for key in self.ring if is_published(key)}, self.now + seconds
        self.key_sets.append((self.now, before))
        if tended:
            self.tend()
        self.publish()

    @rule(life=st.integers(1, MAX_TOKEN_LIFE_SECONDS))
    def issue(self, life):
        self.tokens.append((key_in(self.ring, KeyState.ACTIVE).kid, self.now + life))

    @rule()
    def rotate_on_command(self):
        pending = key_in(self.ring, KeyState.PENDING)
        if self.now < ready_at(self.ring, pending, self.schedule):
            with pytest.raises(KeyNotPublishedYet):
                check_promotable(self.ring, pending, self.schedule, now=self.now)
            return
        check_promotable(self.ring, pending, self.schedule, now=self.now)
        self.made += 1
        self.ring = take(self.ring, Step.PROMOTE, pending, self.now, f"key{self.made}")
        self.publish()

    @invariant()
    def every_live_token_verifies_with_every_key_set_of_the_last_hour(self):
        self.tokens = [(kid, exp) for kid, exp in self.tokens if exp > self.now]
        for kid, _ in self.tokens:
            for at, kids in self.key_sets:
                assert kid in kids, (kid, at, self.now)

    @invariant()
    def one_key_signs_and_one_is_published_ahead(self):
        states = [key.state for key in self.ring]
        assert states.count(KeyState.ACTIVE) == 1
        assert states.count(KeyState.PENDING) == 1

    @invariant()
    def the_key_that_signs_is_in_every_key_set_of_the_last_hour(self):
        active = key_in(self.ring, KeyState.ACTIVE).kid
        assert all(active in kids for _, kids in self.key_sets)


TestRing = RingMachine.TestCase
TestRing.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


def key(state, kid="k", **instants):
    return RingKey(kid, state, b"", instants.pop("created_at", 0), **instants)


def test_an_empty_ring_begins_and_one_without_a_next_key_publishes_it():
    assert due([], SCHEDULE, now=5) == (Step.BEGIN, None)
    active = key(KeyState.ACTIVE, activated_at=5)
    assert due([active], SCHEDULE, now=5) == (Step.PUBLISH, None)
    assert due([active, key(KeyState.PENDING, "p", created_at=5)], SCHEDULE, now=6) is None


def test_the_pending_key_is_promoted_when_the_active_one_is_old_enough():
    ring = [key(KeyState.ACTIVE, activated_at=0), key(KeyState.PENDING, "p", created_at=0)]
    assert due(ring, SCHEDULE, now=24 * HOUR - 1) is None
    assert due(ring, SCHEDULE, now=24 * HOUR) == (Step.PROMOTE, ring[1])


def test_however_old_the_active_key_is_the_next_must_be_published_long_enough():
    ring = [key(KeyState.ACTIVE, activated_at=0), key(KeyState.PENDING, "p", created_at=48 * HOUR)]
    assert due(ring, SCHEDULE, now=48 * HOUR + 3899) is None
    assert due(ring, SCHEDULE, now=48 * HOUR + 3900) == (Step.PROMOTE, ring[1])


def test_a_retiring_key_leaves_when_nothing_it_signed_can_be_alive():
    ring = [
        key(KeyState.ACTIVE, activated_at=100),
        key(KeyState.PENDING, "p", created_at=100),
        key(KeyState.RETIRING, "r", activated_at=0, retiring_at=100),
    ]
    assert due(ring, SCHEDULE, now=100 + 3899) is None
    assert due(ring, SCHEDULE, now=100 + 3900) == (Step.RETIRE, ring[2])


def test_a_command_is_told_when_it_will_work():
    pending = key(KeyState.PENDING, created_at=1000)
    ring = [key(KeyState.ACTIVE, created_at=999), pending]
    assert ready_at(ring, pending, SCHEDULE) == 4900
    with pytest.raises(KeyNotPublishedYet, match="1970-01-01T01:21:40Z") as caught:
        check_promotable(ring, pending, SCHEDULE, now=4899.9)
    assert caught.value.ready_at == 4900
    check_promotable(ring, pending, SCHEDULE, now=4900)


def test_the_first_two_keys_are_in_every_key_set_so_the_second_may_sign_at_once():
    pending = key(KeyState.PENDING, "p", created_at=1000)
    ring = [key(KeyState.ACTIVE, created_at=1000, activated_at=1000), pending]
    check_promotable(ring, pending, SCHEDULE, now=1000)
    third = [key(KeyState.RETIRING, "r", created_at=1000), *ring]
    with pytest.raises(KeyNotPublishedYet):
        check_promotable(third, pending, SCHEDULE, now=1000)


@given(
    st.sampled_from(
        [
            {"publish_lead": JWKS_LIFE_SECONDS},
            {"retire_after": MAX_TOKEN_LIFE_SECONDS},
            {"rotation_period": 3899},
        ]
    )
)
def test_a_schedule_that_would_break_a_promise_cannot_be_made(change):
    with pytest.raises(ValueError, match="key"):
        Schedule(**change)
