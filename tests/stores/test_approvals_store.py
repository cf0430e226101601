# SPDX-License-Identifier: Apache-2.0
"""What approvals say to their tables, on both engines; and two real nodes that want to use one approval at once."""

import asyncio

import pytest
from msgspec import structs

from smartagent.approvals import ApprovalChanged, ApprovalPending, ApprovalUsed, Said
from smartagent.approvals.errors import ApprovalGrantNotFound
from smartagent.approvals.model import Card, Grant, Line, Seat, State, Vote
from smartagent.approvals.rules import used
from smartagent.approvals.store import (
    Shown,
    add_approval,
    add_grant,
    end_grant,
    forget_old,
    read_approval,
    read_grants,
    read_open,
    read_over,
    read_page,
    read_slot,
    read_votes,
    set_approval,
    use_grant,
)
from smartagent.crypto import SystemClock
from smartagent.storage import PostgresStore, SqliteStore
from tests.stores.sites import SqliteSite
from tests.stores.test_identity_and_tokens import Node
from tests.stores.test_policy_store import engine, postgres_url
from tests.unit.approvals.test_rules import NOW, WAITING
from tests.unit.approvals.world import TWO, ApprovalsWorld, work_of
from tests.unit.identity.world import FakeClock

__all__ = ["engine", "postgres_url"]

CARD = Card("POST https://shop.example/refunds", (Line("amount", "1.200 \u20ac"),), ("cut",))
GRANT = Grant(
    "apg_1", "apr_1", "agt_1", "clerk", "", "prs_ada", "http", "shop", "https://shop.example", ("POST",), ("/refunds/**",),
    Seat.PEOPLE, "opr_1", NOW * 1000, NOW + 600,
)  # fmt: skip


def filed(approval):
    return add_approval(approval, "https://shop.example", CARD)


async def test_an_approval_is_read_as_it_was_filed_and_changed_once(engine):
    await engine.apply(filed(WAITING))
    assert await read_approval(engine, "apr_1") == Shown(WAITING, "https://shop.example", CARD)
    assert await read_slot(engine, "slot") == WAITING
    voted = structs.replace(
        WAITING, state=State.APPROVED, votes=(Vote("opr_1", Seat.PEOPLE, NOW * 1000, "\u00fc"),), version=2
    )
    await engine.apply(set_approval(voted))
    assert await read_open(engine) == [voted]
    assert await read_votes(engine, most=10) == [(voted.votes, WAITING.created_at_ms)]
    with pytest.raises(ApprovalChanged):
        await engine.apply(set_approval(voted))
    spent = used(voted)
    await engine.apply(set_approval(spent, ApprovalUsed("apr_1")))
    with pytest.raises(ApprovalUsed):
        await engine.apply(set_approval(spent, ApprovalUsed("apr_1")))
    assert await read_open(engine) == []


async def test_the_same_waits_once_until_it_is_over(engine):
    second = structs.replace(WAITING, id="apr_2")
    await engine.apply(filed(WAITING))
    with pytest.raises(ApprovalChanged):
        await engine.apply(filed(second))
    await engine.apply(set_approval(used(WAITING)), filed(second))
    assert await read_slot(engine, "slot") == second


async def test_what_is_over_is_found_and_what_is_old_forgotten(engine):
    other = structs.replace(WAITING, id="apr_2", slot="other", ends_at=NOW + 60)
    await engine.apply(filed(WAITING), filed(other))
    assert await read_over(engine, now=NOW + 59, most=9) == []
    assert await read_over(engine, now=NOW + 60, most=9) == [other]
    await engine.apply(set_approval(used(other)))
    await engine.apply(*forget_old(NOW + 1))
    assert [each.approval.id for each in await read_page(engine, before="apr_z", most=9)] == ["apr_1"]


async def test_pages_are_of_a_state_and_of_an_agent(engine):
    for number in range(4):
        each = structs.replace(
            WAITING, id=f"apr_{number}", slot=f"s{number}", agent=f"agt_{number % 2}",
            state=State.DENIED if number > 2 else State.PENDING,
        )  # fmt: skip
        await engine.apply(filed(each))

    async def page(**more):
        return [each.approval.id for each in await read_page(engine, before="apr_z", most=9, **more)]

    assert await page() == ["apr_3", "apr_2", "apr_1", "apr_0"]
    assert await page(state="pending") == ["apr_2", "apr_1", "apr_0"]
    assert await page(agent="agt_1") == ["apr_3", "apr_1"]
    assert await page(agent="agt_1", state="pending") == ["apr_1"]
    assert [each.approval.id for each in await read_page(engine, before="apr_2", most=1)] == ["apr_1"]


async def test_a_grant_is_used_until_it_is_ended(engine):
    await engine.apply(add_grant(GRANT))
    assert await read_grants(engine) == [GRANT]
    await engine.apply(use_grant("apg_1"))
    await engine.apply(use_grant("apg_1"))
    assert (await read_grants(engine, "apg_1"))[0].uses == 2
    await engine.apply(end_grant("apg_1", now=NOW))
    assert await read_grants(engine) == []
    with pytest.raises(ApprovalChanged):
        await engine.apply(use_grant("apg_1"))
    with pytest.raises(ApprovalGrantNotFound):
        await engine.apply(end_grant("apg_1", now=NOW))
    await engine.apply(*forget_old(NOW + 1))
    assert await read_grants(engine, "apg_1") == []


@pytest.fixture
def open_world(site):
    clock = FakeClock(int(SystemClock().now()))

    async def open_one(name):
        store = (
            SqliteStore(site.path)
            if isinstance(site, SqliteSite)
            else PostgresStore(site.url, clock=SystemClock())
        )
        site._nodes.append(store)
        return await ApprovalsWorld(clock, Node(store), name).start()

    return open_one


async def waiting_at(world, **asked):
    with pytest.raises(ApprovalPending) as caught:
        await world.obtain(**asked)
    return caught.value.approval


async def test_two_nodes_that_use_one_approval_at_once_use_it_once(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    asked = await waiting_at(nodes[0])
    done = await nodes[1].approvals.decide("opr_1", asked, Said(approve=True))
    committed = await nodes[1].store.commit(work_of(done))
    for node in nodes:
        await node.store.feed.reached(committed.version)
    leaves = [await node.obtain() for node in nodes]
    assert [leave.id for leave in leaves] == [asked, asked]
    results = await asyncio.gather(
        *(node.store.commit(work_of(leave)) for node, leave in zip(nodes, leaves, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["ApprovalUsed", "Committed"]


async def test_two_nodes_that_file_the_same_at_once_ask_once_and_both_hear_the_answer(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    held = [asyncio.create_task(node.obtain(wait=30)) for node in nodes]
    asked = await nodes[0].filed()
    done = await nodes[0].approvals.decide("opr_1", asked, Said(approve=True))
    await nodes[0].store.commit(work_of(done))
    leaves = await asyncio.gather(*held)
    assert [leave.id for leave in leaves] == [asked, asked]


async def test_two_who_approve_at_once_are_told_apart(open_world):
    nodes = [await open_world("one"), await open_world("two")]
    asked = await waiting_at(nodes[0], needs=TWO)
    votes = [
        await node.approvals.decide(voter, asked, Said(approve=True))
        for node, voter in zip(nodes, ("opr_1", "opr_2"), strict=True)
    ]
    results = await asyncio.gather(
        *(node.store.commit(work_of(vote)) for node, vote in zip(nodes, votes, strict=True)),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["ApprovalChanged", "Committed"]
    row = (await nodes[0].approvals.find(asked)).approval
    assert (row.state, len(row.votes)) == (State.PENDING, 1)
