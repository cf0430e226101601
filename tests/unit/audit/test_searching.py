# SPDX-License-Identifier: Apache-2.0
"""Looking for entries from the end of the log, and what the newest come to."""

import json

import pytest

from smartagent.audit import Searcher
from smartagent.audit.routes import search_routes
from smartagent.audit.searching import BUNDLES_AT_ONCE, Wanted
from smartagent.edge import Inbound, MalformedRequest, Router
from smartagent.kernel import Decision
from tests.unit.audit.story import OPERATOR, Story
from tests.unit.identity.memory import FakeClock


async def searching(story, clock=None):
    await story.store.settle()
    return Searcher(story.store, story.store.reader(), clock or FakeClock())


async def test_the_newest_come_first_a_page_at_a_time():
    story = Story()
    for _ in range(5):
        story.use()
    searcher = await searching(story)
    first = await searcher.search(Wanted(subject="aat_1"), 0, 6)
    second = await searcher.search(Wanted(subject="aat_1"), first.next, 6)
    indexes = [entry.index for entry in (*first.entries, *second.entries)]
    assert indexes == sorted(indexes, reverse=True)
    assert len(set(indexes)) == 11
    assert (len(first.entries), second.next) == (6, 0)


@pytest.mark.parametrize(
    ("wanted", "events"),
    [
        (Wanted(event="gateway."), {"gateway.call", "gateway.done"}),
        (Wanted(decision="deny"), {"refused"}),
        (Wanted(since_ms=1_800_000_000_400), {"gateway.done"}),
        (Wanted(subject="agt_bob", event="token"), {"token.issued"}),
    ],
)
async def test_what_is_wanted_is_found_and_nothing_else(wanted, events):
    story = Story()
    story.use()
    story.store.record("refused", caller="agt_ann", decision=Decision.DENY)
    found = await (await searching(story)).search(wanted, 0, 100)
    assert {entry.record.event for entry in found.entries} == events


async def test_reading_is_left_out_unless_it_was_refused():
    story = Story()
    story.store.record("looked", permission="agents.read", decision=Decision.PERMIT)
    story.store.record("tried", permission="agents.read", decision=Decision.DENY)
    searcher = await searching(story)
    found = await searcher.search(Wanted(reads=False), 0, 100)
    events = {entry.record.event for entry in found.entries}
    assert "looked" not in events
    assert "tried" in events


async def test_a_search_reads_so_much_at_once_and_says_how_to_go_on():
    story = Story(noise=256 * (BUNDLES_AT_ONCE + 2))
    searcher = await searching(story)
    pages, cursor = 0, 0
    while True:
        page = await searcher.search(Wanted(event="no.such"), cursor, 10)
        assert page.entries == []
        pages, cursor = pages + 1, page.next
        if not cursor:
            break
    assert pages == 2


async def test_activity_counts_what_agents_asked_for_by_the_hour():
    story = Story(noise=1)
    for _ in range(3):
        story.use()
    story.store.record("gateway.call", caller="agt_bob", decision=Decision.DENY)
    view = await (await searching(story)).activity()
    assert len(view.hours) == 24
    assert sum(hour.issued for hour in view.hours) == 2
    assert sum(hour.refused for hour in view.hours) == 1
    assert [(line.agent, line.refused) for line in view.busiest] == [("agt_ann", 0), ("agt_bob", 1)]
    assert view.whole


async def test_activity_is_summed_up_again_after_ten_seconds():
    story, clock = Story(noise=1), FakeClock()
    searcher = await searching(story, clock)
    before = await searcher.activity()
    story.use()
    await story.store.settle()
    assert await searcher.activity() is before
    clock.at += 11
    assert (await searcher.activity()).entries == before.entries + 2


async def test_the_routes_take_what_they_know():
    router = Router(search_routes(await searching(Story())))

    async def get(path, query=""):
        inbound = Inbound("req_x", "GET", path, query)
        return await router.match("GET", path).route.act(OPERATOR, inbound)

    found = json.loads((await get("/v1/log/search", "subject=agt_ann&limit=1")).reply.body)
    assert len(found["entries"]) == 1
    assert json.loads((await get("/v1/log/activity")).reply.body)["hours"]
    for query in ("decision=maybe", "since_ms=x", "limit=0", "nonsense=1", "reads=2"):
        with pytest.raises(MalformedRequest):
            await get("/v1/log/search", query)
