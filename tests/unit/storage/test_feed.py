# SPDX-License-Identifier: Apache-2.0
"""How memory follows the store."""

import asyncio

import pytest

from smartagent.kernel import Change
from smartagent.storage import Feed, StoreUnavailable


class Memory:
    def __init__(self) -> None:
        self.calls = []

    def of(self, topic):
        async def reload(keys) -> None:
            self.calls.append((topic, list(keys)))

        return reload


@pytest.fixture
async def memory():
    return Memory()


@pytest.fixture
async def feed(memory):
    feed = Feed(patience_seconds=1)
    feed.register("a", memory.of("a"))
    feed.register("b", memory.of("b"))
    feed.start_over(10)
    await feed.start()
    feed.confirmed = True
    memory.calls.clear()
    yield feed
    await feed.close()


async def test_everything_is_loaded_at_the_start():
    memory, feed = Memory(), Feed()
    feed.register("a", memory.of("a"))
    feed.start_over(7)
    await feed.start()
    assert (memory.calls, feed.applied) == ([("a", [])], 7)
    await feed.close()


async def test_changes_are_applied_in_their_order_neighbours_together(feed, memory):
    feed.offer(12, [Change("a", "1"), Change("a", "2")])
    feed.offer(15, [Change("b", "3"), Change("c", "nobody's"), Change("a", "4")])
    await feed.reached(15)
    assert memory.calls == [("a", ["1", "2"]), ("b", ["3"]), ("a", ["4"])]


async def test_a_gap_loads_everything(feed, memory):
    feed.offer(11, [Change("a", "1")])
    feed.start_over(99)
    await feed.reached(99)
    assert memory.calls == [("a", []), ("b", [])]


async def test_more_changes_than_a_queue_should_hold_load_everything(feed, memory):
    feed.offer(20_010, [Change("a", str(number)) for number in range(20_000)])
    await feed.reached(20_010)
    assert memory.calls == [("a", []), ("b", [])]


async def test_a_topic_is_registered_once_and_before_the_start(feed, memory):
    with pytest.raises(RuntimeError):
        feed.register("late", memory.of("late"))
    other = Feed()
    other.register("a", memory.of("a"))
    with pytest.raises(RuntimeError):
        other.register("a", memory.of("a"))


async def test_an_unconfirmed_feed_is_not_healthy(feed):
    assert feed.healthy
    feed.confirmed = False
    assert not feed.healthy


async def test_a_version_that_does_not_come_is_given_up(feed):
    feed._patience_seconds = 0.01
    with pytest.raises(StoreUnavailable):
        await feed.reached(11)
    assert feed._waiting == []


async def test_those_who_wait_are_woken_at_their_version(feed):
    waiting = [asyncio.ensure_future(feed.reached(version)) for version in (11, 12)]
    await asyncio.sleep(0)
    feed.offer(11, [Change("a", "1")])
    await waiting[0]
    assert not waiting[1].done()
    feed.offer(12, [Change("a", "2")])
    await waiting[1]


async def test_who_watches_is_told_which_topics_changed_after_memory_has_them(feed, memory):
    told = []
    feed.watch(lambda topics: told.append((topics, len(memory.calls))))
    feed.offer(12, (Change("a", "1"), Change("b", "2"), Change("unknown", "3")))
    await feed.reached(12)
    assert told == [(frozenset({"a", "b", "unknown"}), 2)]
    feed.start_over(13)
    await feed.reached(13)
    assert told[-1][0] == frozenset({"a", "b"})
