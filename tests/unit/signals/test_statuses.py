# SPDX-License-Identifier: Apache-2.0
"""Agents' places in the status lists: given once, never again, and what stands there."""

import pytest

from smartagent.signals import statuses
from smartagent.signals.model import EntryState
from smartagent.signals.rules import state_at
from smartagent.signals.store import read_entry_of
from tests.unit.signals.world import SignalsWorld

VALID, INVALID, SUSPENDED = EntryState.VALID, EntryState.INVALID, EntryState.SUSPENDED


def state_of(world, place):
    uri, idx = place
    number = int(uri.rpartition("/")[2])
    return state_at(world.signals.lists.list_of(number).packed, idx)


async def test_an_enrolled_agent_gets_a_place_and_its_tokens_say_where(world, bot):
    uri, idx = world.signals.lists.reference(bot.id)

    assert uri == "https://auth.example/oauth/status/1"
    assert 0 <= idx < 1 << 17
    assert state_of(world, (uri, idx)) is VALID
    status = world.signals.lists.status_of(bot.id)
    assert (status.status_list.uri, status.status_list.idx) == (uri, idx)
    assert [record.event for record in world.store.records][-1] == "status-entries.given"


async def test_nobody_unknown_has_a_place(world, bot):
    assert world.signals.lists.reference("agt_nobody") is None


async def test_a_suspended_agent_is_suspended_in_the_list_and_valid_again_afterwards(world, ada, bot):
    place = world.signals.lists.reference(bot.id)

    await world.set_status(ada, bot, "suspended")
    assert state_of(world, place) is SUSPENDED
    await world.set_status(ada, bot, "active")

    assert state_of(world, place) is VALID
    assert world.signals.lists.reference(bot.id) == place


async def test_a_retired_agent_is_invalid_for_good(world, ada, bot):
    place = world.signals.lists.reference(bot.id)

    await world.set_status(ada, bot, "retired")

    assert state_of(world, place) is INVALID
    assert world.signals.lists.reference(bot.id) is None


async def test_a_revoked_agent_stays_invalid_when_it_is_activated_and_gets_another_place(world, ada, bot):
    place = world.signals.lists.reference(bot.id)

    await world.revoke(ada, "agent", bot.id)
    assert state_of(world, place) is INVALID
    assert world.signals.lists.reference(bot.id) is None
    await world.set_status(ada, bot, "active")

    new = world.signals.lists.reference(bot.id)
    assert new is not None
    assert new != place
    assert (state_of(world, place), state_of(world, new)) == (INVALID, VALID)


async def test_a_revoked_agent_is_invalid_in_the_list_before_anything_is_written_down(world, ada, bot):
    place = world.signals.lists.reference(bot.id)
    world.lease.mine = False

    await world.revoke(ada, "agent", bot.id)

    assert state_of(world, place) is INVALID
    assert (await read_entry_of(world.store, bot.id)).state == VALID


async def test_what_is_invalid_stays_so_after_a_restart_also_when_the_revocation_is_forgotten(
    world, ada, bot
):
    place = world.signals.lists.reference(bot.id)
    await world.revoke(ada, "agent", bot.id)
    await world.set_status(ada, bot, "active")
    new = world.signals.lists.reference(bot.id)
    world.store._connection.execute("DELETE FROM revocations")

    again = await world.another_node("two").start()

    assert state_of(again, place) is INVALID
    assert again.signals.lists.reference(bot.id) == new


async def test_revoked_a_second_time_the_second_place_dies_too(world, ada, bot):
    await world.revoke(ada, "agent", bot.id)
    await world.set_status(ada, bot, "active")
    second = world.signals.lists.reference(bot.id)
    # The other node's clock runs behind: the second revocation looks older than the first.
    world.clock.at -= 5

    await world.revoke(ada, "agent", bot.id)

    assert state_of(world, second) is INVALID


async def test_two_nodes_give_an_agent_one_place(world, ada):
    other = await world.another_node("two").start()
    bot = await world.agent(ada)
    await world.signals.watch.catch_up()
    await other.signals.watch.catch_up()

    await world.signals.tend()
    await other.signals.tend()

    assert world.signals.lists.reference(bot.id) == other.signals.lists.reference(bot.id)


async def test_a_place_that_another_node_took_meanwhile_is_thrown_for_again(world, ada):
    other = await world.another_node("two").start()
    first, second = await world.agent(ada), await world.agent(ada)
    await world.signals.watch.catch_up()
    await other.signals.watch.catch_up()
    # The other node does not hear of what this one gives, and throws the same numbers.
    world.store.reloads["status-entries"] = [world.signals.lists.reload]
    world.dice.loaded, other.dice.loaded = [7, 8], [7, 8, 7, 9, 8, 10]

    await world.signals.tend()
    await other.signals.tend()

    places = [world.signals.lists.reference(each.id) for each in (first, second)]
    assert sorted(idx for _, idx in places) == [7, 8]
    assert [other.signals.lists.reference(each.id) for each in (first, second)] == places


async def test_a_place_is_thrown_for_until_a_free_one_comes(world, ada, bot):
    _, taken = world.signals.lists.reference(bot.id)
    other = await world.agent(ada)
    world.dice.loaded = [taken, taken, 11]

    await world.settle()

    assert world.signals.lists.reference(other.id)[1] == 11


async def test_agents_that_were_there_before_get_places_in_batches(world, ada):
    bots = [await world.agent(ada) for _ in range(5)]
    before = len(world.store.records)

    await world.settle()

    places = {world.signals.lists.reference(bot.id) for bot in bots}
    assert len(places) == 5
    assert None not in places
    added = [record for record in world.store.records[before:] if record.event == "status-entries.given"]
    assert [record.detail["count"] for record in added] == [5]


async def test_who_does_not_hold_the_lease_gives_nothing(world, ada):
    world.lease.mine = False
    bot = await world.agent(ada)
    await world.settle()

    assert world.signals.lists.reference(bot.id) is None


async def test_a_suspended_newcomer_waits_for_its_place_until_it_is_active(world, ada):
    bot = await world.agent(ada)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": "x"})
    await world.settle()
    assert world.signals.lists.reference(bot.id) is None

    await world.set_status(ada, bot, "active")

    assert world.signals.lists.reference(bot.id) is not None


async def test_missed_changes_are_made_up_for_by_looking_at_everybody(world, ada, bot):
    place = world.signals.lists.reference(bot.id)
    await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": "suspended", "reason": "x"})
    await world.agent(ada)
    world.store.forget_changes(world.store.version - 1)

    await world.settle()

    assert state_of(world, place) is SUSPENDED


async def test_a_full_list_is_followed_by_another(world, ada, bot):
    world.signals.lists.list_of(1).count = statuses.FULL

    other = await world.agent(ada)
    await world.settle()

    assert world.signals.lists.reference(other.id)[0].endswith("/oauth/status/2")
    assert world.signals.lists.numbers() == [1, 2]


async def test_a_store_that_does_not_answer_costs_nothing_but_time(world, ada):
    from smartagent.storage import StoreUnavailable

    bot = await world.agent(ada)
    await world.signals.watch.catch_up()
    world.store.refusing = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        await world.signals.tend()
    world.store.refusing = None

    await world.signals.tend()

    assert world.signals.lists.reference(bot.id) is not None


async def test_an_older_house_gives_places_when_it_starts(world, ada):
    bots = [await world.agent(ada) for _ in range(3)]
    fresh = SignalsWorld(world.clock, world.store, "three")
    await fresh.start()

    await fresh.signals.tend()

    assert all(fresh.signals.lists.reference(bot.id) for bot in bots)
