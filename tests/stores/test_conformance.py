# SPDX-License-Identifier: Apache-2.0
"""What every store promises, on each engine."""

import asyncio
from collections import Counter

import pytest

from smartagent.kernel import Committed, Record, Work, Write
from smartagent.storage import StoreUnavailable, read_leaves, read_size
from tests.stores.sites import Site, until
from tests.stores.works import (
    ALL,
    BROKEN,
    Taken,
    changing,
    claim,
    holding,
    insertion,
    plain,
    record,
    writing,
)


class Memory:
    """Remembers what the feed told it; can be told to fail."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.failures = 0

    async def reload(self, keys) -> None:
        if self.failures:
            self.failures -= 1
            raise ValueError("memory fails")
        self.calls.append(list(keys))

    def keys(self) -> list[str]:
        return [key for call in self.calls for key in call]


async def names(node) -> list[str]:
    leaves = await read_leaves(node.database, 0, 100_000)
    return [Record.decode(leaf).request for leaf in leaves]


async def outcomes(*commits):
    return await asyncio.gather(*commits, return_exceptions=True)


async def test_a_commit_returns_where_its_first_record_stands(site: Site):
    node = await site.node()
    first = await node.ledger.commit(Work((record("a"), record("b"))))
    second = await node.ledger.commit(plain("c"))
    assert (first.index, second.index) == (0, 2)
    assert await names(node) == ["a", "b", "c"]
    assert await read_size(node.database) == 3
    assert [Record.decode(leaf).request for leaf in await read_leaves(node.database, 1, 1)] == ["b"]
    assert await read_leaves(node.database, 3, 5) == []


async def test_the_works_of_all_nodes_stand_in_one_sequence_without_gaps(site: Site):
    nodes = [await site.node(), await site.node()]
    works = [(nodes[number % 2], f"r{number}") for number in range(300)]
    committed = await asyncio.gather(*[node.ledger.commit(plain(name)) for node, name in works])
    assert sorted(each.index for each in committed) == list(range(300))
    in_log = await names(nodes[0])
    assert all(in_log[each.index] == name for each, (_, name) in zip(committed, works, strict=True))


async def test_a_claim_works_once_however_often_and_wherever_it_is_replayed(site: Site):
    nodes = [await site.node(), await site.node()]
    replays = [(number, copy) for copy in range(12) for number in range(20)]
    results = await outcomes(
        *[nodes[copy % 2].ledger.commit(plain(f"n{number}", claim(number))) for number, copy in replays]
    )
    admitted = Counter(
        number for (number, _), result in zip(replays, results, strict=True) if isinstance(result, Committed)
    )
    assert admitted == Counter(range(20))
    refused = [result for result in results if not isinstance(result, Committed)]
    assert {type(result) for result in refused} == {Taken}
    assert sorted(await names(nodes[1])) == sorted(f"n{number}" for number in range(20))


async def test_the_claim_that_was_lost_is_the_one_that_is_raised(site: Site):
    node = await site.node()
    await node.ledger.commit(plain("first", claim(2)))
    with pytest.raises(Taken, match="claim 2"):
        await node.ledger.commit(plain("second", claim(1), claim(2), claim(3)))
    for number in (1, 3):  # nothing of the refused work happened, so these are free
        assert await node.ledger.commit(plain("third", claim(number)))


async def test_one_work_cannot_claim_the_same_thing_twice(site: Site):
    node = await site.node()
    with pytest.raises(Taken):
        await node.ledger.commit(plain("greedy", claim(1), claim(1)))
    assert await node.ledger.commit(plain("modest", claim(1)))


async def test_a_refused_work_leaves_its_neighbours_alone(site: Site):
    node = await site.node()
    await node.ledger.commit(writing("before", insertion("x")))
    results = await outcomes(
        node.ledger.commit(writing("a", insertion("a"))),
        node.ledger.commit(writing("x again", insertion("b"), insertion("x"), claims=(claim(1),))),
        node.ledger.commit(writing("nobody", holding("nobody", "h"))),
        node.ledger.commit(Work((record("broken"),), writes=(Write(BROKEN, {"name": "n"}, Taken("no")),))),
        node.ledger.commit(
            writing(
                "number",
                Write(insertion("n").statement, {"name": "n", "holder": "", "until": 1 << 70}, Taken("")),
            )
        ),
        node.ledger.commit(writing("surrogate", insertion("\ud800"))),
        node.ledger.commit(writing("c", insertion("c"), holding("c", "me"), claims=(claim(1),))),
    )
    assert [type(result) for result in results[:3]] == [Committed, Taken, Taken]
    assert [str(result) for result in results[1:3]] == ["write x", "rename nobody"]
    assert isinstance(results[3], RuntimeError)
    assert isinstance(results[4], RuntimeError | OverflowError)
    assert isinstance(results[5], RuntimeError | ValueError)
    assert isinstance(results[6], Committed)
    assert await node.database.fetch(ALL) == [("a", ""), ("c", "me"), ("x", "")]
    assert await names(node) == ["before", "a", "c"]


async def test_any_number_of_rows_may_be_touched_when_the_write_says_so(site: Site):
    node = await site.node()
    write = holding("nobody", "h")
    loose = Write(write.statement, write.parameters, write.lost, rows=None)
    assert await node.ledger.commit(writing("loose", loose))


async def test_what_was_committed_can_be_read_at_once_on_every_node(site: Site):
    one, other = await site.node(), await site.node()
    for number in range(20):
        await one.ledger.commit(writing(f"w{number}", insertion(f"n{number:02}")))
        assert len(await other.database.fetch(ALL)) == number + 1


async def test_changes_reach_every_node_in_their_order(site: Site):
    memories = [Memory(), Memory()]
    nodes = [
        await site.node(lambda feed, memory=memory: feed.register("things", memory.reload))
        for memory in memories
    ]
    for number in range(30):
        committed = await nodes[number % 2].ledger.commit(changing(f"k{number}", f"l{number}"))
        assert committed.version == 2 * number + 2
    for node, memory in zip(nodes, memories, strict=True):
        await node.feed.reached(60)
        assert memory.calls[0] == []
        assert memory.keys() == [f"{letter}{number}" for number in range(30) for letter in "kl"]


async def test_a_commit_tells_the_newest_version_of_the_whole_store(site: Site):
    one, other = await site.node(), await site.node()
    await one.ledger.commit(changing("a", "b", "c"))
    committed = await other.ledger.commit(plain("later"))
    assert committed.version == 3
    await other.feed.reached(committed.version)
    assert other.feed.applied >= 3


async def test_a_version_that_never_comes_is_not_waited_for_without_end(site: Site):
    node = await site.node()
    node.feed._patience_seconds = 0.05
    with pytest.raises(StoreUnavailable):
        await node.feed.reached(99)


async def test_a_memory_that_fails_makes_the_node_unhealthy_until_all_is_loaded_again(site: Site):
    memory = Memory()
    node = await site.node(lambda feed: feed.register("things", memory.reload))
    memory.failures = 1
    committed = await node.ledger.commit(changing("a"))
    await until(lambda: not node.healthy)
    await node.feed.reached(committed.version)
    assert memory.calls == [[], []]
    assert node.healthy


async def test_a_dead_store_fails_what_waits_and_makes_the_node_unhealthy_until_it_is_back(site: Site):
    memory = Memory()
    node = await site.node(lambda feed: feed.register("things", memory.reload))
    await node.ledger.commit(writing("before", insertion("x"), claims=(claim(1),)))
    assert node.healthy
    await site.die()
    with pytest.raises(StoreUnavailable):
        async with asyncio.timeout(5):
            await node.ledger.commit(plain("dead"))
    await until(lambda: not node.healthy)
    await site.revive()
    await until(lambda: node.healthy)
    assert (await node.ledger.commit(plain("after"))).index == 1
    assert node.healthy
    with pytest.raises(Taken):
        await node.ledger.commit(plain("replay", claim(1)))
    assert await names(node) == ["before", "after"]


async def test_a_node_that_was_cut_off_catches_up(site: Site):
    memory = Memory()
    node = await site.node(lambda feed: feed.register("things", memory.reload))
    await node.ledger.commit(changing("before"))
    await node.feed.reached(1)
    await site.die()
    await until(lambda: not node.feed.healthy)
    await site.revive()
    other = await site.node()
    committed = await other.ledger.commit(changing("meanwhile"))
    await node.feed.reached(committed.version)
    assert memory.keys() == ["before", "meanwhile"]


async def test_a_work_that_nobody_waits_for_happens_all_the_same(site: Site):
    node = await site.node()
    node.ledger.commit_later(plain("later"))
    await node.ledger.commit(plain("waited for"))
    assert await names(node) == ["later", "waited for"]


async def test_a_cancelled_commit_harms_nobody(site: Site):
    node = await site.node()
    commits = [asyncio.ensure_future(node.ledger.commit(plain(f"c{number}"))) for number in range(5)]
    await asyncio.sleep(0)
    commits[2].cancel()
    results = await outcomes(*commits)
    assert [type(result) for result in results].count(Committed) == 4
    assert (await node.ledger.commit(plain("next"))).index in (4, 5)


async def test_works_without_records_may_write_and_change(site: Site):
    node = await site.node()
    committed = await node.ledger.commit(Work((), writes=(insertion("x"),), changes=changing("k").changes))
    assert committed == Committed(index=0, version=1)
    with pytest.raises(ValueError, match="record beside"):
        await node.ledger.commit(Work((), claims=(claim(1),)))


async def test_values_that_a_statement_does_not_know_or_lacks_are_refused(site: Site):
    node = await site.node()
    for parameters in ({"name": "x"}, {"name": "x", "holder": "", "until": 1, "extra": 1}):
        with pytest.raises(TypeError):
            await node.ledger.commit(
                writing("typo", Write(insertion("x").statement, parameters, Taken("no")))
            )
    assert await names(node) == []
