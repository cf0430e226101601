# SPDX-License-Identifier: Apache-2.0
"""What leases say to their tables, on both engines."""

import pytest
from msgspec import structs

from smartagent.leases.errors import LeasesChanged
from smartagent.leases.model import NEVER, By, Lease, LeaseState
from smartagent.leases.store import (
    Filter,
    add_lease,
    bury,
    end_by,
    end_tied,
    forget,
    lease_ties,
    leases_of_agent,
    read_counts,
    read_due,
    read_holders,
    read_lease,
    read_leases,
    set_lease,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

ONE = Lease(
    id="lse_1",
    credential="orders-read",
    provider="db",
    handle="sa_1",
    agent="agt_1",
    role="reader",
    session="ses_1",
    jti="aat_1",
    subject="agt_1",
    state=LeaseState.ACTIVE,
    created_at=100,
    expires_at=2**40,
    max_expires_at=2**41,
    due_at=200,
    ttl_seconds=900,
    version=1,
    kept=b"\x00\xff",
    grant='{"ü": 1}',
)
TWO = structs.replace(
    ONE, id="lse_2", handle="sa_2", agent="agt_2", session="ses_2", credential="orders%", due_at=150
)
REQUESTED = structs.replace(ONE, id="lse_3", handle="sa_3", state=LeaseState.REQUESTED, due_at=NEVER)


@pytest.fixture
async def three(engine):
    for lease in (ONE, TWO, REQUESTED):
        await engine.apply(*add_lease(lease, (lease.agent, lease.session, lease.jti, lease.jti, "")))
    return engine


async def states(engine):
    return {lease.id: lease.state.value for lease in await read_leases(engine, Filter())}


async def test_a_lease_is_read_as_it_was_written(three):
    assert await read_lease(three, "lse_1") == ONE
    assert await read_lease(three, "lse_9") is None
    with pytest.raises(LeasesChanged):
        await three.apply(*add_lease(ONE, ()))


async def test_due_comes_first_what_waits_longest_and_only_when_its_time_is_there(three):
    assert [lease.id for lease in await read_due(three, now=149, most=9)] == []
    assert [lease.id for lease in await read_due(three, now=200, most=9)] == ["lse_2", "lse_1"]
    assert [lease.id for lease in await read_due(three, now=200, most=1)] == ["lse_2"]


async def test_of_two_that_change_a_lease_one_succeeds(three):
    changed = structs.replace(ONE, version=2, state=LeaseState.REVOKING)
    await three.apply(set_lease(changed))
    with pytest.raises(LeasesChanged):
        await three.apply(set_lease(structs.replace(changed, failure="other")))
    assert await read_lease(three, "lse_1") == changed


@pytest.mark.parametrize(
    ("by", "which", "ended"),
    [
        (By.LEASE, "lse_1", {"lse_1"}),
        (By.SESSION, "ses_2", {"lse_2"}),
        (By.AGENT, "agt_1", {"lse_1", "lse_3"}),
        (By.ROLE, "reader", {"lse_1", "lse_2", "lse_3"}),
        (By.CREDENTIAL, "orders-read", {"lse_1", "lse_3"}),
        (By.PROVIDER, "db", {"lse_1", "lse_2", "lse_3"}),
        (By.PREFIX, "orders", {"lse_1", "lse_2", "lse_3"}),
        (By.PREFIX, "orders%", {"lse_2"}),
        (By.PREFIX, "ORDERS", set()),
        (By.ROLE, "' OR 1=1 --", set()),
    ],
)
async def test_leases_are_ended_by_what_they_are_of_and_nothing_else(three, by, which, ended):
    await three.apply(end_by(by, which, "why", now=50))
    assert {name for name, state in (await states(three)).items() if state == "revoking"} == ended
    for name in ended:
        lease = await read_lease(three, name)
        # What is still being made is ended when nobody can be making it any more.
        assert (lease.due_at, lease.version, lease.ended_why) == (NEVER if name == "lse_3" else 50, 2, "why")


async def test_what_is_dead_hangs_on_nothing_and_is_ended_no_more(three):
    dead = structs.replace(ONE, version=2, state=LeaseState.DEAD, due_at=NEVER, ended_at=300)
    await three.apply(*bury(dead))
    await three.apply(end_tied("agt_1", "why", now=50))
    assert await states(three) == {"lse_1": "dead", "lse_2": "active", "lse_3": "revoking"}
    ties = await three.fetch(lease_ties.select())
    assert {lease_id for _, lease_id in ties} == {"lse_2", "lse_3"}


async def test_the_dead_are_forgotten_when_they_and_what_outlives_them_are_over(three):
    dead = structs.replace(ONE, version=2, state=LeaseState.DEAD, ended_at=300, outlives_until=500)
    await three.apply(*bury(dead))
    await three.apply(forget(before=400))
    assert await read_lease(three, "lse_1") is not None
    await three.apply(forget(before=501))
    assert await read_lease(three, "lse_1") is None


async def test_who_holds_what_lives_is_known(three):
    holders = dict(await read_holders(three))
    assert set(holders) == {"lse_1", "lse_2", "lse_3"}
    assert (holders["lse_2"].principal, holders["lse_2"].session) == ("agt_2", "ses_2")
    assert set(holders["lse_2"].lineage) == {"agt_2", "ses_2", "aat_1"}


async def test_they_are_counted_filtered_and_paged(three):
    failing = structs.replace(TWO, version=2, state=LeaseState.REVOKING, attempts=3)
    await three.apply(set_lease(failing))
    counted = {each.state.value: (each.number, each.failing) for each in await read_counts(three)}
    assert counted == {"active": (1, 0), "requested": (1, 0), "revoking": (1, 1)}
    assert [lease.id for lease in await leases_of_agent(three, "agt_1", after="lse_1")] == ["lse_3"]
    assert [lease.id for lease in await read_leases(three, Filter(state="revoking"))] == ["lse_2"]
    assert [lease.id for lease in await read_leases(three, Filter(prefix="orders-"))] == ["lse_1", "lse_3"]
    assert len(await read_leases(three, Filter(), most=2)) == 2
