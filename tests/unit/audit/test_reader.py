# SPDX-License-Identifier: Apache-2.0
"""Reading the log: tiles, entries and proofs, against the tree by definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.audit import LogBehind, LogDamaged, NotInLog, TileKey, check_log
from smartagent.audit.errors import LogNameChanged
from smartagent.crypto import NoteSigner, SigningKey, leaf_hash
from smartagent.kernel import Secret
from tests.unit.audit import naive
from tests.unit.audit.small_store import KEY, ORIGIN, VKEY, SmallStore


async def settled(*batches: int) -> SmallStore:
    store = SmallStore()
    job = store.sequencer()
    for count in batches:
        first = len(store.leaves)
        store.append(*[b'{"event":"e","jti":"aat_%d"}' % n for n in range(first, first + count)])
        await store.settle(job)
    return store


@settings(max_examples=25)
@given(st.integers(1, 1500), st.data())
async def test_inclusion_proofs_are_those_of_the_definition(size, data):
    store = await settled(size)
    reader = store.reader()
    for _ in range(3):
        upto = data.draw(st.integers(1, size))
        index = data.draw(st.integers(0, upto - 1))

        assert await reader.inclusion(index, upto) == naive.path(index, store.leaves[:upto])


@settings(max_examples=25)
@given(st.integers(1, 1500), st.data())
async def test_consistency_proofs_are_those_of_the_definition(size, data):
    store = await settled(size)
    new = data.draw(st.integers(1, size))
    old = data.draw(st.integers(1, new))

    assert await store.reader().consistency(old, new) == naive.proof(old, store.leaves[:new])


async def test_a_reader_that_saw_a_tile_unfinished_sees_it_grow():
    store = await settled(700)
    reader = store.reader()
    await reader.inclusion(3, 700)
    store.append(*[b'{"event":"e","jti":"late_%d"}' % n for n in range(700)])
    await store.settle()

    for index in (3, 699, 1100, 1399):
        assert await reader.inclusion(index, 1400) == naive.path(index, store.leaves)


async def test_proofs_read_few_rows_and_fewer_again():
    store = await settled(70_000)
    reader = store.reader()
    await reader.inclusion(300, 70_000)
    first = store.fetches
    await reader.inclusion(301, 70_000)

    assert first <= 4
    assert store.fetches == first + 1  # the checkpoint


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 6), (0, 0)])
async def test_there_is_no_proof_past_the_checkpoint(index, size):
    store = await settled(5)

    with pytest.raises(NotInLog):
        await store.reader().inclusion(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (3, 2), (5, 6), (-1, 3)])
async def test_there_is_no_consistency_past_the_checkpoint(old, new):
    store = await settled(5)

    with pytest.raises(NotInLog):
        await store.reader().consistency(old, new)


async def test_tiles_are_the_hashes_in_their_order():
    store = await settled(600)
    hashes = [leaf_hash(leaf) for leaf in store.leaves]
    reader = store.reader()

    assert await reader.tile(TileKey(0, 1), 256) == b"".join(hashes[256:512])
    assert await reader.tile(TileKey(0, 2), 88) == b"".join(hashes[512:])
    assert await reader.tile(TileKey(0, 2), 1) == hashes[512]
    assert await reader.tile(TileKey(1, 0), 2) == naive.root(store.leaves[:256]) + naive.root(
        store.leaves[256:512]
    )


@pytest.mark.parametrize(
    ("level", "number", "width"), [(0, 2, 89), (0, 3, 1), (1, 0, 3), (2, 0, 1), (0, 0, 0), (0, 2, 256)]
)
async def test_a_tile_is_never_wider_than_the_checkpoint(level, number, width):
    store = await settled(600)

    with pytest.raises(NotInLog):
        await store.reader().tile(TileKey(level, number), width)


async def test_bundles_are_the_entries_after_their_lengths():
    store = await settled(600)

    assert await store.reader().entries(2, 3) == b"".join(
        len(leaf).to_bytes(2) + leaf for leaf in store.leaves[512:515]
    )
    with pytest.raises(NotInLog):
        await store.reader().entries(2, 89)


async def test_what_was_just_committed_is_waited_for():
    store = await settled(5)
    reader, job = store.reader(), store.sequencer()
    index = store.append(b'{"event":"e"}')
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            await store.settle(job)

    reader._pause = pause

    assert (await reader.integrated(index)).size == 6
    assert len(pauses) == 3


async def test_the_wait_for_a_checkpoint_ends():
    store = await settled(5)
    started = store.clock.at

    with pytest.raises(LogBehind):
        await store.reader().integrated(5)
    assert store.clock.at - started == pytest.approx(2.0, abs=0.02)


async def test_before_the_first_checkpoint_there_is_none():
    with pytest.raises(LogBehind):
        await SmallStore().reader().checkpoint()


async def test_a_sound_log_passes_the_check_at_start():
    empty, store = SmallStore(), await settled(300, 300)

    assert await check_log(empty, empty.clock, VKEY) == 0
    assert await check_log(store, store.clock, VKEY) == 600


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE head SET "next" = 599',
        "UPDATE log_tile SET hashes = zeroblob(8192) WHERE level = 0 AND number = 1; UPDATE log_tile SET hashes = zeroblob(64) WHERE level = 1",
        "DELETE FROM log_segment WHERE first = 300",
        "DELETE FROM log_tile WHERE level = 1",
    ],
)
async def test_a_damaged_log_does_not_pass(change):
    store = await settled(300, 300)
    store.connection.executescript(change)

    with pytest.raises(LogDamaged):
        await check_log(store, store.clock, VKEY)


async def test_another_key_or_name_does_not_pass():
    store = await settled(3)
    other = SigningKey.from_seed(Secret(b"\x08" * 32))

    for vkey in (NoteSigner(ORIGIN, other).vkey, NoteSigner("elsewhere.example/log", KEY).vkey):
        with pytest.raises(LogNameChanged):
            await check_log(store, store.clock, vkey)
