# SPDX-License-Identifier: Apache-2.0
"""Everything is wrapped anew, a page at a time, and nothing that is read meanwhile fails."""

import asyncio
import logging

import pytest

from smartagent.crypto import CannotUnseal, number_of
from smartagent.kernel import Secret, Work, Write
from smartagent.keyset import KEYSET_TOPIC, Keyset, Means, Rewrapping, RewrapRuns, SealingKeyUnknown
from smartagent.keyset.rules import KEEP_SECONDS, SETTLE_SECONDS
from smartagent.vault import Elsewhere, Vault, Writer
from smartagent.vault.store import SEALED_VALUES, SECRETS_TOPIC
from tests.unit.identity.memory import FakeClock, FakeEntropy, MemoryStore
from tests.unit.vault.fakes import no_account

ROOT = Secret(b"r" * 32)


class Turn:
    def __init__(self):
        self.held = True

    async def acquire(self):
        return self.held

    async def release(self):
        self.held = False


class Node:
    """A node with a keyset and a vault."""

    def __init__(self, store, clock, seed):
        entropy = FakeEntropy(seed)
        self.keyset = Keyset(store, ROOT, entropy)
        self.turn = Turn()
        self.rewrapping = Rewrapping(Means(clock, store, store, self.turn, (SEALED_VALUES,)), self.keyset)
        store.register(KEYSET_TOPIC, self.rewrapping.reload)
        self.vault = Vault(store, self.keyset, Elsewhere(clock, no_account))
        store.register(SECRETS_TOPIC, self.vault.reload_secrets)
        self.writer = Writer(self.vault, self.keyset, clock, entropy)
        self._store = store

    async def put(self, name, value):
        written = self.writer.put(name, Secret(value), "opr_1")
        await self._store.commit(Work((), writes=written.writes, changes=written.changes))

    async def read(self, name):
        return (await self.vault.obtain(name))[0].reveal()

    async def publish(self):
        _, work = await self.rewrapping.publish()
        await self._store.commit(work)


class World:
    def __init__(self):
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.one, self.two = Node(self.store, self.clock, "one"), Node(self.store, self.clock, "two")

    async def numbers(self):
        rows = await self.store.fetch(SEALED_VALUES.page, {"length": 1, "mark": b"\x00"})
        return sorted({number_of(row[-1]) for row in rows})

    async def states(self):
        return {key.number: key.state.value for key in (await self.one.rewrapping.progress()).keys}


@pytest.fixture
async def world():
    made = World()
    await made.store.start()
    yield made
    made.store.close()


async def test_the_first_key_is_made_once_whoever_comes_first(world):
    await world.one.rewrapping.begin(world.store)
    await world.two.rewrapping.begin(world.store)

    assert await world.states() == {1: "active"}
    assert world.one.keyset.active == world.two.keyset.active == 1
    assert [record.event for record in world.store.records] == ["sealing-key.activated"]


async def test_what_the_root_key_wrapped_still_opens_and_is_wrapped_by_the_next_key(world):
    await world.one.put("old", b"from before")
    await world.one.rewrapping.begin(world.store)
    assert await world.numbers() == [0]

    await world.one.publish()
    world.clock.at += SETTLE_SECONDS
    await world.one.rewrapping.step()
    await world.one.rewrapping.step()

    assert await world.numbers() == [2]
    assert await world.two.read("old") == b"from before"


async def test_a_new_key_seals_only_when_every_node_can_know_it(world):
    await world.one.rewrapping.begin(world.store)
    await world.one.publish()
    world.clock.at += SETTLE_SECONDS - 1
    await world.one.rewrapping.step()
    assert await world.states() == {1: "active", 2: "pending"}

    world.clock.at += 1
    await world.one.rewrapping.step()
    assert await world.states() == {1: "retiring", 2: "active"}


async def test_more_than_a_page_is_wrapped_anew_and_every_read_in_between_succeeds(world):
    await world.one.rewrapping.begin(world.store)
    for number in range(230):
        await world.one.put(f"s{number}", b"value %d" % number)
    await world.one.publish()
    world.clock.at += SETTLE_SECONDS
    await world.one.rewrapping.step()

    reads = 0

    async def read_all():
        nonlocal reads
        while await world.numbers() != [2]:
            await world.two.vault.reload_secrets(())
            for number in range(0, 230, 7):
                assert await world.two.read(f"s{number}") == b"value %d" % number
                reads += 1
            await asyncio.sleep(0)

    await asyncio.gather(read_all(), world.one.rewrapping.step())
    assert (await world.one.rewrapping.progress()).left == {"secret_versions.sealed": 0}
    await world.two.vault.reload_secrets(())
    assert [await world.two.read(f"s{number}") for number in range(230)] == [
        b"value %d" % number for number in range(230)
    ]


async def test_the_old_key_goes_when_nothing_can_hold_an_envelope_of_it(world):
    await world.one.rewrapping.begin(world.store)
    await world.one.put("key", b"value")
    await world.one.publish()
    world.clock.at += SETTLE_SECONDS
    for _ in range(3):
        await world.one.rewrapping.step()
    assert await world.states() == {1: "retiring", 2: "active"}

    world.clock.at += KEEP_SECONDS
    await world.one.rewrapping.step()
    assert await world.states() == {2: "active"}
    fresh = Node(world.store, world.clock, "three")
    await fresh.rewrapping.reload(())
    await fresh.vault.reload_secrets(())
    assert await fresh.read("key") == b"value"


async def test_a_second_rewrap_waits_for_the_first(world):
    await world.one.rewrapping.begin(world.store)
    await world.one.publish()
    with pytest.raises(RewrapRuns):
        await world.two.publish()


async def test_two_that_ask_at_once_come_to_one_key(world):
    await world.one.rewrapping.begin(world.store)
    _, first = await world.one.rewrapping.publish()
    _, second = await world.two.rewrapping.publish()
    await world.store.commit(first)
    with pytest.raises(type(second.writes[0].lost)):
        await world.store.commit(second)
    assert await world.states() == {1: "active", 2: "pending"}


async def test_only_who_has_the_turn_wraps(world):
    await world.one.rewrapping.begin(world.store)
    await world.one.publish()
    world.clock.at += SETTLE_SECONDS
    world.two.turn.held = False
    await world.two.rewrapping.step()
    assert await world.states() == {1: "active", 2: "pending"}


async def test_a_damaged_envelope_stays_shows_and_keeps_its_key(world, caplog):
    await world.one.rewrapping.begin(world.store)
    await world.one.put("good", b"value")
    await world.one.put("bad", b"value")
    bad = world.one.vault.secret("bad")
    touched = bytearray(bad.versions[0].sealed)
    touched[20] ^= 1
    row = {"old_secret_id": bad.id, "old_version": 1, "old_envelope": bad.versions[0].sealed}
    write = Write(SEALED_VALUES.put, row | {"new_envelope": bytes(touched)}, SealingKeyUnknown("x"))
    await world.store.commit(Work((), writes=(write,)))
    await world.one.publish()
    world.clock.at += SETTLE_SECONDS
    with caplog.at_level(logging.ERROR):
        await world.one.rewrapping.step()
        world.clock.at += KEEP_SECONDS
        await world.one.rewrapping.step()

    assert (await world.one.rewrapping.progress()).left == {"secret_versions.sealed": 1}
    assert await world.states() == {1: "retiring", 2: "active"}
    assert "cannot be wrapped anew" in caplog.text
    assert await world.one.read("good") == b"value"


async def test_an_envelope_of_a_key_that_is_not_here_says_so(world):
    await world.one.rewrapping.begin(world.store)
    envelope = world.one.keyset.seal(Secret(b"value"), "x")
    stranger = Keyset(world.store, ROOT, FakeEntropy("other"))
    with pytest.raises(SealingKeyUnknown):
        stranger.open(envelope, "x")


async def test_another_root_key_opens_no_sealing_key(world):
    await world.one.rewrapping.begin(world.store)
    with pytest.raises(CannotUnseal):
        await Keyset(world.store, Secret(b"x" * 32), FakeEntropy("other")).reload(())
