# SPDX-License-Identifier: Apache-2.0
"""Notices on real stores: told in the commit of what they tell of, delivered once over all nodes, or again under one id."""

import asyncio

import pytest

from smartagent.crypto import SystemClock
from smartagent.kernel import Work
from smartagent.notices import ChannelNotFound, NoticeKind
from smartagent.notices.store import drop_channel
from smartagent.signals import LedgerLease
from smartagent.storage import PostgresStore, SqliteStore
from tests.stores.sites import SqliteSite
from tests.stores.test_identity_and_tokens import Node
from tests.unit.identity.memory import FakeClock
from tests.unit.notices.world import HOOK, NoticesWorld, Receivers


class Leases:
    """Turns as they are in the store."""

    def __init__(self, node, clock):
        self._node, self._clock = node, clock

    def of(self, name):
        return LedgerLease(self._node, self._node, self._clock, "notices", name)


@pytest.fixture
def open_world(site):
    clock, receivers = FakeClock(int(SystemClock().now())), Receivers()

    async def open_one(name):
        store = (
            SqliteStore(site.path)
            if isinstance(site, SqliteSite)
            else PostgresStore(site.url, clock=SystemClock())
        )
        site._nodes.append(store)
        node = Node(store)
        return await NoticesWorld(clock, node, name, receivers, Leases(node, clock)).start()

    return open_one


async def test_of_two_nodes_one_delivers_and_each_notice_once(open_world):
    one, two = await open_world("one"), await open_world("two")
    ada = await one.operator()
    await ada.call("PUT", "/v1/channels/ops", {"webhook": HOOK})
    await ada.call("PUT", "/v1/channels/some", {"webhook": HOOK, "takes": ["alarms"]})
    for number in range(5):
        await (one, two)[number % 2].tell(f"n{number}", subject=f"apr_{number}")
    for _ in range(3):
        await asyncio.gather(*(node.notices.deliverer.step() for node in (one, two)))
        await asyncio.gather(*(node.notices.deliverer.settle() for node in (one, two)))
    assert sorted(one.receivers.titles("ops")) == [f"n{number}" for number in range(5)]
    assert one.receivers.titles("some") == []


async def test_a_node_that_dies_between_sending_and_saying_so_leaves_a_repeat_with_the_same_id(open_world):
    one, two = await open_world("one"), await open_world("two")
    ada = await one.operator()
    await ada.call("PUT", "/v1/channels/ops", {"webhook": HOOK})
    await one.tell()
    one.receivers.dies_after_taking = True
    await one.deliver()
    one.receivers.dies_after_taking = False
    # Its turn lives on for a while; nobody else delivers meanwhile.
    await two.deliver()
    assert len(one.receivers.got) == 1
    one.clock.at += 21
    await two.deliver()
    first, second = one.receivers.ids("ops")
    assert first == second
    await two.deliver()
    assert len(one.receivers.got) == 2


async def test_a_notice_of_what_did_not_happen_does_not_exist(open_world):
    world = await open_world("one")
    ada = await world.operator()
    await ada.call("PUT", "/v1/channels/ops", {"webhook": HOOK})
    told = world.notices.tell(NoticeKind.REVIEWS, "review/q3", "It has begun", (), "/v1/reviews/q3")
    with pytest.raises(ChannelNotFound):
        await world.store.commit(Work((), writes=(told, *drop_channel("none"))))
    await world.deliver()
    assert world.receivers.got == []
    await world.store.commit(Work((), writes=(told,)))
    await world.deliver()
    assert world.receivers.titles("ops") == ["It has begun"]
