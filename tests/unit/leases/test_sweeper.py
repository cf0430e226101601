# SPDX-License-Identifier: Apache-2.0
"""What ends leases: time, revocation, operators; and what happens when the outside does not play along."""

import asyncio

import pytest

from smartagent.kernel import Secret
from smartagent.leases import ProviderUnreachable
from smartagent.leases.rules import CLAIM_SECONDS, KEPT_SECONDS, LONGEST_PAUSE_SECONDS, SETTLE_SECONDS
from smartagent.leases.store import read_lease
from tests.unit.leases.world import failed


async def revoke(ada, kind, subject):
    status, view = await ada.call("POST", "/v1/revocations", {"kind": kind, "id": subject, "reason": "test"})
    assert status == 201, view


async def test_a_lease_dies_when_its_time_is_over_and_not_before(world, ada, bot):
    view = await bot.lease(ttl_seconds=60)
    world.clock.at += 59
    await world.settle()
    assert len(world.provider.alive) == 1

    world.clock.at += 1
    await world.settle()

    assert world.provider.alive == {}
    shown = await world.state(ada, view["lease_id"])
    assert (shown["state"], shown["ended_why"], shown["expires_in"]) == ("dead", "expired", 0)


async def test_the_end_is_recorded_before_and_after_with_everything_that_traces_it(world, bot):
    view = await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    await world.settle()

    ending, ended = world.store.records[-2:]
    assert (ending.event, ended.event) == ("lease.ending", "lease.ended")
    for record in (ending, ended):
        assert (record.subject, record.session, record.target) == (
            bot.id,
            bot.session,
            f"lease/{view['lease_id']}",
        )
        assert record.detail["handle"] == view["fields"]["username"]
    assert ended.detail["severed"] == 2


async def test_a_renewed_lease_lives_on(world, bot):
    view = await bot.lease(ttl_seconds=60)
    world.clock.at += 50
    await bot.call("POST", f"/v1/leases/{view['lease_id']}/renew", {})
    world.clock.at += 50
    await world.settle()
    assert len(world.provider.alive) == 1


@pytest.mark.parametrize("what", ["agent", "session", "token"])
async def test_revoking_what_a_lease_hangs_on_ends_it_at_once(world, ada, bot, what):
    session = await bot.begin()
    await bot.lease()
    other = await world.leaser(ada)
    kept = await other.lease()

    await revoke(ada, what, {"agent": bot.id, "session": bot.session, "token": session["jti"]}[what])
    await world.settle()

    assert list(world.provider.alive) == [kept["fields"]["username"]]


async def test_a_suspended_agents_leases_end(world, ada, bot):
    await bot.lease()
    status, _ = await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": "x"})
    assert status == 200
    await world.settle()
    assert world.provider.alive == {}


async def test_what_was_revoked_while_nobody_had_the_turn_ends_when_somebody_takes_it(world, ada, bot):
    await bot.lease()
    world.turn.mine = False
    await world.settle()
    await revoke(ada, "session", bot.session)
    await world.settle()
    assert len(world.provider.alive) == 1

    heir = world.another_node("two")
    await heir.start()
    await heir.settle()

    assert world.provider.alive == {}


async def test_only_who_has_the_turn_ends_leases(world, bot):
    await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    other = world.another_node("two")
    await other.start()
    other.turn.mine = False

    await other.settle()
    assert world.provider.verbs == ["issue"]
    await world.settle()
    assert world.provider.verbs == ["issue", "revoke"]


async def test_two_that_believe_they_have_the_turn_end_a_lease_once(world, bot):
    await bot.lease(ttl_seconds=60)
    other = world.another_node("two")
    await other.start()
    world.clock.at += 60
    world.provider.gate = asyncio.Event()
    world.provider.reached.clear()

    await world.leases.sweeper.step()
    await other.leases.sweeper.step()
    await world.provider.reached.wait()
    world.provider.gate.set()
    await world.leases.sweeper.settle()
    await other.leases.sweeper.settle()

    assert world.provider.verbs == ["issue", "revoke"]


async def test_a_failed_end_is_tried_again_twice_as_late_each_time_shown_and_never_given_up(world, ada, bot):
    view = await bot.lease(ttl_seconds=60)
    world.provider.failing["revoke"] = ProviderUnreachable("refused")
    world.clock.at += 60
    pauses = []
    for _ in range(12):
        await world.settle()
        lease = await read_lease(world.store, view["lease_id"])
        pauses.append(lease.due_at - int(world.clock.now()))
        world.clock.at = lease.due_at

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[LONGEST_PAUSE_SECONDS] * 3]
    assert (lease.state, lease.attempts, lease.failure) == ("revoking", 12, "refused")
    await world.leases.count()
    assert (world.leases.number_live, world.leases.number_failing) == (1, 1)

    del world.provider.failing["revoke"]
    world.clock.at += LONGEST_PAUSE_SECONDS
    await world.settle()
    assert (await read_lease(world.store, view["lease_id"])).state == "dead"
    assert world.provider.alive == {}


async def test_who_dies_while_ending_a_lease_leaves_it_to_the_next(world, bot):
    await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    world.provider.gate = asyncio.Event()
    world.provider.reached.clear()
    await world.leases.sweeper.step()
    await world.provider.reached.wait()
    for task in list(world.leases.sweeper._running.values()):
        task.cancel()
    await world.leases.sweeper.settle()
    world.provider.gate.set()

    heir = world.another_node("two")
    await heir.start()
    await heir.settle()
    assert len(world.provider.alive) == 1
    world.clock.at += CLAIM_SECONDS
    await heir.settle()
    assert world.provider.alive == {}


async def test_a_lease_that_nobody_heard_of_again_is_ended(world, bot):
    """What a crash between making and writing down leaves behind."""
    world.provider.gate = asyncio.Event()
    asking = asyncio.create_task(bot.call("POST", "/v1/leases", {"credential": "db"}))
    await world.provider.reached.wait()
    asking.cancel()
    await asyncio.wait([asking])
    order = world.provider.orders[0][1]
    world.provider.alive[order.handle] = order.expires_at
    world.provider.gate.set()

    world.clock.at += SETTLE_SECONDS - 1
    await world.settle()
    assert len(world.provider.alive) == 1
    world.clock.at += 1
    await world.settle()
    assert world.provider.alive == {}


@pytest.mark.parametrize(
    ("by", "value", "left"),
    [
        ("credential", "db", {"db-admin"}),
        ("provider", "orders", set()),
        ("role", "leaser", set()),
        ("role", "another", {"db", "db-admin"}),
        ("prefix", "db-", {"db"}),
        ("prefix", "db", set()),
        ("prefix", "%", {"db", "db-admin"}),
        ("agent", "agt_none", {"db", "db-admin"}),
    ],
)
async def test_operators_end_leases_by_what_they_are_of(world, ada, bot, by, value, left):
    made = {name: (await bot.lease(name))["fields"]["username"] for name in ("db", "db-admin")}

    body = {"by": by, "value": value, "reason": "leaked"}
    assert (await ada.call("POST", "/v1/lease-revocations", body))[0] == 202
    await world.settle()

    assert set(world.provider.alive) == {made[name] for name in left}


@pytest.mark.parametrize("by", ["lease", "session", "agent"])
async def test_operators_end_leases_by_id_session_and_agent(world, ada, bot, by):
    view = await bot.lease()
    other = await (await world.leaser(ada)).lease()
    value = {"lease": view["lease_id"], "session": bot.session, "agent": bot.id}[by]
    await ada.call("POST", "/v1/lease-revocations", {"by": by, "value": value, "reason": "leaked"})
    await world.settle()
    assert list(world.provider.alive) == [other["fields"]["username"]]
    assert (await world.state(ada, view["lease_id"]))["ended_why"] == "leaked"


async def test_what_lives_on_outside_is_said_with_its_deadline(world, ada, bot):
    world.provider.outlives = int(world.clock.now()) + 500
    view = await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    await world.settle()
    shown = await world.state(ada, view["lease_id"])
    assert shown["outlives_until"]
    ended = next(record for record in world.store.records if record.event == "lease.ended")
    assert ended.detail["outlives_until"] == world.provider.outlives


async def test_what_ending_needs_is_kept_sealed_and_forgotten_afterwards(world, bot):
    world.provider.keeps = Secret(b"token-to-revoke")
    view = await bot.lease(ttl_seconds=60)
    assert b"token-to-revoke" not in (await read_lease(world.store, view["lease_id"])).kept
    world.clock.at += 60
    await world.settle()
    assert world.provider.kept_at_the_end == [b"token-to-revoke"]
    assert (await read_lease(world.store, view["lease_id"])).kept == b""


async def test_dead_leases_are_forgotten_after_a_month(world, bot):
    view = await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    await world.settle()
    world.clock.at += KEPT_SECONDS + 1
    await world.settle()
    assert await read_lease(world.store, view["lease_id"]) is None


async def test_a_store_that_fails_in_the_middle_of_an_end_costs_nothing(world, bot):
    await bot.lease(ttl_seconds=60)
    world.clock.at += 60
    commit = world.store.commit

    async def failing(work):
        if any(record.event == "lease.ended" for record in work.records):
            raise failed()
        return await commit(work)

    world.store.commit = failing
    await world.settle()
    world.store.commit = commit
    world.clock.at += CLAIM_SECONDS
    await world.settle()
    assert world.provider.verbs == ["issue", "revoke", "revoke"]
    assert world.store.records[-1].event == "lease.ended"
