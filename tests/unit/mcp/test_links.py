# SPDX-License-Identifier: Apache-2.0
"""Whose connection is whose, and how long one is kept."""

import asyncio
from typing import ClassVar

import pytest
from msgspec import structs

from smartagent.kernel import Caller, CallerKind, Secret
from smartagent.mcp.errors import McpFull, McpServerUnreachable
from smartagent.mcp.links import IDLE_SECONDS, MAX_LINKS, Links
from smartagent.mcp.model import McpServer, StoredServer

FILES = StoredServer(McpServer("files", url="https://a.example/mcp"), 1, 5, "opr_1")
ALICE = Caller("agt_a", CallerKind.AGENT)
BOB = Caller("agt_b", CallerKind.AGENT)
KEY = (Secret(b"key"),)


class Clock:
    def __init__(self):
        self.at = 1000.0

    def monotonic(self):
        return self.at


class FakeLink:
    made: ClassVar = []

    def __init__(self, server, secrets, pinner):
        self.server, self.secrets = server, secrets
        self.alive, self.opened, self.closed = True, 0, 0
        self.fails = None
        FakeLink.made.append(self)

    async def open(self):
        await asyncio.sleep(0)
        self.opened += 1
        if self.fails is not None:
            raise self.fails

    async def close(self):
        self.closed += 1


@pytest.fixture
async def links():
    FakeLink.made = []
    links = Links(Clock(), None, FakeLink)
    yield links
    await links.close()


async def used(links, stored=FILES, caller=ALICE, secrets=KEY):
    async with links.using(stored, caller, secrets) as link:
        return link


async def test_one_user_has_one_connection_to_a_server(links):
    first = await used(links)
    assert await used(links) is first
    assert (first.opened, first.closed) == (1, 0)


async def test_no_connection_is_another_users(links):
    for_bob = structs.replace(ALICE, subject="opr_b")
    found = [
        await used(links, caller=each)
        for each in (ALICE, BOB, for_bob, structs.replace(BOB, subject="opr_b"))
    ]
    assert len({id(each) for each in found}) == 4


async def test_two_calls_at_once_open_one(links):
    found = await asyncio.gather(*(used(links) for _ in range(5)))
    assert len({id(each) for each in found}) == 1 == len(FakeLink.made)


async def test_another_credential_entry_or_a_dead_one_needs_another(links):
    first = await used(links)
    second = await used(links, secrets=(Secret(b"key"),))
    changed = structs.replace(FILES, version=2)
    third = await used(links, stored=changed, secrets=second.secrets)
    third.alive = False
    fourth = await used(links, stored=changed, secrets=second.secrets)
    await asyncio.gather(*links._closing)
    assert [each.closed for each in (first, second, third, fourth)] == [1, 1, 1, 0]


async def test_one_that_is_replaced_lives_until_its_calls_are_over(links):
    async with links.using(FILES, ALICE, KEY) as first:
        assert await used(links, secrets=(Secret(b"new"),)) is not first
        await asyncio.gather(*links._closing)
        assert first.closed == 0
    await asyncio.gather(*links._closing)
    assert first.closed == 1


async def test_what_nobody_uses_is_closed_after_a_while(links):
    async with links.using(FILES, BOB, KEY) as busy:
        idle = await used(links)
        links._clock.at += IDLE_SECONDS - 1
        links.sweep()
        assert idle.closed == 0
        links._clock.at += 2
        links.sweep()
        await asyncio.gather(*links._closing)
        assert (idle.closed, busy.closed) == (1, 0)


async def test_the_one_that_was_idle_longest_makes_room_and_none_that_is_used(links):
    for number in range(MAX_LINKS):
        links._clock.at += 1
        await used(links, caller=structs.replace(ALICE, principal=f"agt_{number}"))
    await used(links, caller=BOB)
    await asyncio.gather(*links._closing)
    assert [each.closed for each in FakeLink.made[:2]] == [1, 0]
    for held in links._held.values():
        held.users = 1
    with pytest.raises(McpFull):
        await used(links)


async def test_one_that_cannot_be_opened_is_not_kept(links):
    def failing(*given):
        link = FakeLink(*given)
        link.fails = McpServerUnreachable("no")
        return link

    links._make = failing
    for _ in range(2):
        with pytest.raises(McpServerUnreachable):
            await used(links)
    assert len(FakeLink.made) == 2


async def test_what_was_a_revoked_users_is_closed_when_nothing_goes_on_there(links):
    other = await used(links, caller=BOB)
    async with links.using(FILES, ALICE, KEY) as link:
        links.drop(lambda caller: caller is BOB)
        assert link.closed == 0
    await asyncio.gather(*links._closing)
    assert (link.closed, other.closed) == (1, 0)
    links.drop(lambda caller: False)
    await asyncio.gather(*links._closing)
    assert other.closed == 1


async def test_all_are_closed_at_the_end(links):
    found = [await used(links, caller=each) for each in (ALICE, BOB)]
    await links.close()
    assert [each.closed for each in found] == [1, 1]
