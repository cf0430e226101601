# SPDX-License-Identifier: Apache-2.0
"""One worker at a time, on a store that all of them share."""

import pytest

from smartagent.kernel import Work
from smartagent.signals import LedgerLease
from smartagent.signals.lease import LIFE_SECONDS
from smartagent.signals.store import free_lease, hold_lease
from tests.unit.identity.world import FakeClock
from tests.unit.signals.world import ChangingStore


@pytest.fixture
def store():
    store = ChangingStore(FakeClock())
    yield store
    store.close()


@pytest.fixture
def clock(store):
    return store._clock


def lease_of(store, clock, holder):
    return LedgerLease(store, store, clock, "signals", holder)


async def test_one_holds_it_and_the_other_waits_until_it_is_over(store, clock):
    one, two = lease_of(store, clock, "one"), lease_of(store, clock, "two")
    assert await one.acquire()
    assert not await two.acquire()
    clock.at += LIFE_SECONDS
    assert not await two.acquire()

    clock.at += 1

    assert await two.acquire()
    assert not await one.acquire()


async def test_the_holder_keeps_it_and_writes_only_now_and_then(store, clock):
    one, two = lease_of(store, clock, "one"), lease_of(store, clock, "two")
    for _ in range(100):
        assert await one.acquire()
        clock.at += 1
        assert not await two.acquire()

    assert store._connection.total_changes < 50


async def test_what_is_let_go_is_free_at_once(store, clock):
    one, two = lease_of(store, clock, "one"), lease_of(store, clock, "two")
    await one.acquire()
    await two.release()
    assert not await two.acquire()

    await one.release()

    assert await two.acquire()


async def test_of_two_who_see_it_free_one_gets_it(store, clock):
    one = lease_of(store, clock, "one")
    now = int(clock.now())
    # Another worker was quicker, after this one had looked.
    taken = Work(
        (), writes=(free_lease("signals", "two", now=now), hold_lease("signals", "two", until=now + 9))
    )

    class Slow(ChangingStore):
        async def commit(self, work):
            await store.commit(taken)
            return await store.commit(work)

    assert not await LedgerLease(store, Slow(clock), clock, "signals", "three").acquire()
    assert not await one.acquire()
