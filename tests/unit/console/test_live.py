# SPDX-License-Identifier: Apache-2.0
"""Live views: told what changed, and no longer than they may stay."""

import asyncio

import pytest
from msgspec import structs

from smartagent.console import TooManyViews
from smartagent.console import live as module
from smartagent.console.live import Live


class Pauses:
    """Waits no time, and counts."""

    def __init__(self):
        self.taken = []

    async def __call__(self, seconds):
        self.taken.append(seconds)


@pytest.fixture
def pauses():
    return Pauses()


@pytest.fixture
def live(house, pauses):
    return Live(house.means, pauses)


@pytest.fixture
async def stream(house, cookie, live):
    inbound = house.world.inbound("GET", "/console/live", headers={"cookie": cookie})
    caller = await house.world.authenticate(inbound, "console-session")
    outcome = await live.follow(caller, inbound)
    assert outcome.reply.media_type == "text/event-stream"
    stream = outcome.reply.body
    assert (await anext(stream)).startswith(b"retry: ")
    yield stream
    await stream.aclose()
    assert live.number == 0


async def test_a_view_is_told_which_topics_changed_and_at_most_once_a_second(live, stream, pauses):
    live.heard(frozenset({"agents", "gateway-usage"}))
    live.heard(frozenset({"leases"}))
    assert await anext(stream) == b'event: changed\ndata: ["agents","leases"]\n\n'
    live.heard(frozenset({"agents"}))
    assert await anext(stream) == b'event: changed\ndata: ["agents"]\n\n'
    assert pauses.taken == [module.AT_MOST_EVERY_SECONDS]


async def test_what_changes_with_every_call_wakes_nobody(live, stream):
    live.heard(frozenset({"gateway-usage"}))
    waiting = asyncio.ensure_future(anext(stream))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waiting.done()
    live.heard(frozenset({"roles"}))
    assert b"roles" in await waiting


async def test_a_view_ends_with_its_session(house, ada, live, stream):
    _, listed = await ada.call("GET", "/v1/browser-sessions")
    await ada.call("DELETE", f"/v1/browser-sessions/{listed['sessions'][0]['id']}")
    live.heard(frozenset({"revocations"}))
    assert await anext(stream) == b"event: ended\ndata: {}\n\n"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_view_ends_with_its_hour_and_with_the_node(house, live, stream):
    house.later(3600)
    live.heard(frozenset({"agents"}))
    assert b"ended" in await anext(stream)


async def test_a_node_that_leaves_ends_its_views_and_takes_no_more(house, cookie, live, stream):
    live.close()
    assert b"ended" in await anext(stream)
    inbound = house.world.inbound("GET", "/console/live", headers={"cookie": cookie})
    caller = await house.world.authenticate(inbound, "console-session")
    with pytest.raises(TooManyViews):
        await live.follow(caller, inbound)


async def test_a_node_has_so_many_views_and_no_more(house, cookie, live):
    inbound = house.world.inbound("GET", "/console/live", headers={"cookie": cookie})
    caller = await house.world.authenticate(inbound, "console-session")
    streams = [(await live.follow(caller, inbound)).reply.body for _ in range(module.MOST_VIEWS)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(TooManyViews):
        await live.follow(caller, inbound)
    for stream in streams:
        await stream.aclose()
    assert live.number == 0


async def test_who_may_not_see_the_console_any_more_is_told_nothing(house, cookie, live):
    inbound = house.world.inbound("GET", "/console/live", headers={"cookie": cookie})
    caller = await house.world.authenticate(inbound, "console-session")
    nobody = structs.replace(caller, role="nobody")
    stream = (await live.follow(nobody, inbound)).reply.body
    await anext(stream)
    assert b"ended" in await anext(stream)
