# SPDX-License-Identifier: Apache-2.0
"""Gateways on one database tell each other what they let through."""

import pytest

from smartagent.gateway import USAGE_TOPIC
from smartagent.gateway.errors import LimitExceeded
from smartagent.gateway.limits import Limiter
from smartagent.kernel import Change, Limits, Work
from tests.stores.sites import Site, until

LIMITS = Limits(rate="10/d", concurrent=3)


class Process:
    """A limiter on a node of its own, whose clock stands still unless it is told."""

    def __init__(self, name: str) -> None:
        self.limiter = Limiter(name)
        self.heard: list[str] = []
        self.now = 0.0

    async def join(self, site: Site) -> "Process":
        self.node = await site.node(lambda feed: feed.register(USAGE_TOPIC, self.hear))
        return self

    async def hear(self, texts) -> None:
        self.heard.extend(text for text in texts if "agt_1" in text)
        self.limiter.hear(texts, self.now)

    def call(self):
        return self.limiter.admit([("agent/agt_1", LIMITS)], self.now)

    def tell(self) -> None:
        for text in self.limiter.news(self.now):
            self.node.ledger.commit_later(Work((), changes=(Change(USAGE_TOPIC, text),)))


async def test_what_one_node_lets_through_is_used_up_on_the_others(site: Site):
    nodes = [await Process(name).join(site) for name in "abc"]
    for _ in range(6):
        nodes[0].call().release()
    for _ in range(4):
        nodes[1].call().release()
    for node in nodes:
        node.tell()
    await until(lambda: all(len(node.heard) == 2 for node in nodes))
    for node in nodes:
        with pytest.raises(LimitExceeded):
            node.call()
        # A tenth of a day is one call, for all of them.
        node.now = 8640.0
    nodes[2].call().release()
    nodes[2].tell()
    await until(lambda: all(len(node.heard) >= 3 for node in nodes))
    for node in nodes:
        with pytest.raises(LimitExceeded):
            node.call()


async def test_calls_that_are_open_on_one_node_count_on_the_others(site: Site):
    here, there = [await Process(name).join(site) for name in "ab"]
    calls = [here.call() for _ in range(3)]
    here.tell()
    await until(lambda: len(there.heard) == 1)
    with pytest.raises(LimitExceeded):
        there.call()
    for call in calls:
        call.release()
    here.now = 1.0
    here.tell()
    await until(lambda: len(there.heard) >= 2)
    there.call()
