# SPDX-License-Identifier: Apache-2.0
"""Reading the store's changes in their order."""

from smartagent.identity import AGENTS_TOPIC
from smartagent.kernel import Change, Work
from smartagent.signals.model import What
from smartagent.signals.store import read_changes
from smartagent.signals.watch import _MOST
from smartagent.tokens.store import KEYS_TOPIC, REVOCATIONS_TOPIC


async def test_the_topics_are_those_that_the_other_rooms_write(world):
    topics = [REVOCATIONS_TOPIC, AGENTS_TOPIC, KEYS_TOPIC, "roles"]
    before = world.store.version
    await world.store.commit(Work((), changes=tuple(Change(topic, "x:x") for topic in topics)))

    found = await read_changes(world.store, after=before, most=10)

    assert [row.topic for row in found] == topics[:3]


async def test_what_happened_is_told_once_and_in_order(world, ada, bot):
    heard = []
    world.signals.watch.on_happened(heard.extend)

    await world.revoke(ada, "agent", bot.id)
    await world.settle()

    assert [each.what for each in heard] == [What.REVOKED, What.AGENT]
    assert [each.version for each in heard] == sorted({each.version for each in heard})


async def test_more_changes_than_are_read_at_once_are_all_told(world, ada, bot):
    heard = []
    world.signals.watch.on_happened(heard.extend)
    many = tuple(Change(KEYS_TOPIC, f"kid-{number}") for number in range(_MOST + 5))
    world.store.reloads[KEYS_TOPIC] = []
    await world.store.commit(Work((), changes=many))

    await world.signals.watch.catch_up()

    assert [each.id for each in heard] == [f"kid-{number}" for number in range(_MOST + 5)]


async def test_changes_of_other_rooms_move_the_position_and_are_never_missed(world):
    lost = []
    world.signals.watch.on_lost(lambda: lost.append(1))
    for number in range(3):
        await world.store.commit(Work((), changes=(Change("roles", str(number)),)))
        await world.signals.watch.catch_up()
        world.store.forget_changes(world.store.version)

    assert world.signals.watch.position == world.store.version
    assert lost == []


async def test_a_revocation_that_memory_has_forgotten_means_nothing(world, ada):
    await world.revoke(ada, "token", "aat_00000000000000000000000001")
    heard = []
    world.signals.watch.on_happened(heard.extend)
    world.clock.at += 10_000

    await world.store.commit(
        Work((), changes=(Change(REVOCATIONS_TOPIC, "token:aat_00000000000000000000000001"),))
    )
    await world.signals.watch.catch_up()

    assert heard == []
