# SPDX-License-Identifier: Apache-2.0
"""The sequencer: the tree it builds, and that nothing makes it build or sign another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.audit import LogDamaged, LogNameChanged, Sequencer
from smartagent.audit.sequencer import STEP_ENTRIES
from smartagent.crypto import Checkpoint, NoteSigner, SigningKey, open_note
from smartagent.kernel import Secret
from tests.unit.audit import naive
from tests.unit.audit.small_store import KEY, ORIGIN, SIGNER, VKEY, Fault, SmallStore, Stopped


def leaves(first: int, count: int) -> list[bytes]:
    return [
        b'{"event":"e","jti":"aat_%d","caller":"agt_%d"}' % (n // 7, n % 5)
        for n in range(first, first + count)
    ]


async def settled(*batches: int) -> SmallStore:
    store = SmallStore()
    for count in batches:
        store.append(*leaves(len(store.leaves), count))
    await store.settle()
    return store


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 511, 512, 1023, 1025, 3000])
async def test_the_signed_root_is_the_root_of_the_leaves(size):
    store = await settled(size)

    ((signed_size, root, note),) = store.checkpoints()

    assert signed_size == size
    assert root == naive.root(store.leaves)
    assert open_note(note, VKEY) == Checkpoint(ORIGIN, size, root).text()


@settings(max_examples=40)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=6), st.data())
async def test_how_entries_are_batched_and_when_the_sequencer_restarts_does_not_show(batches, data):
    store = SmallStore()
    job = store.sequencer()
    for count in batches:
        store.append(*leaves(len(store.leaves), count))
        if data.draw(st.booleans()):
            job = store.sequencer()
        for _ in range(data.draw(st.integers(0, 3))):
            await store.step(job)
    await store.settle(job)

    assert store.derived() == (await settled(sum(batches))).derived()
    assert store.checkpoints()[-1][1] == naive.root(store.leaves)


async def test_the_third_level_is_begun_when_65536_entries_are_there():
    store = await settled(65_536 + 300)

    sizes = [len(raw) // 32 for level, _, raw in store.derived()["log_tile"] if level > 0]

    assert sizes == [256, 1, 1]
    assert store.checkpoints()[0][1] == naive.root(store.leaves)


async def test_a_step_takes_no_more_than_its_share():
    store = SmallStore()
    store.append(*leaves(0, STEP_ENTRIES * 2 + 1))

    assert await store.settle() == 4  # three to integrate, one to sign


async def test_a_root_is_stored_in_one_step_and_signed_in_the_next():
    store = SmallStore()
    store.append(*leaves(0, 10))
    job = store.sequencer()

    assert await store.step(job) is True
    promised = store.checkpoints()
    assert await store.step(job) is False

    assert [row[2] for row in promised] == [""]
    assert [row[:2] for row in store.checkpoints()] == [row[:2] for row in promised]


async def test_nothing_new_is_nothing_to_do():
    store = await settled(10)
    before = store.checkpoints()

    assert await store.settle() == 1
    assert store.checkpoints() == before


async def test_only_the_last_checkpoint_of_an_hour_is_kept():
    store = SmallStore()
    job = store.sequencer()
    for _ in range(3):
        for _ in range(3):
            store.append(*leaves(len(store.leaves), 5))
            await store.settle(job)
        store.clock.at += 3600

    assert [size for size, _, _ in store.checkpoints()] == [15, 30, 45]


async def test_a_subject_is_filed_once_a_bundle():
    store = await settled(600)

    bundles = [bundle for subject, bundle in store.derived()["log_index"] if subject == "agt_1"]

    assert bundles == [0, 1, 2]


@pytest.mark.parametrize("after", [False, True], ids=["failed", "failed but happened"])
@pytest.mark.parametrize("restart", [False, True], ids=["goes on", "restarts"])
async def test_a_fault_at_any_statement_or_commit_leaves_the_same_tree(after, restart):
    wanted = (await settled(300, 300)).derived()
    at, struck = 0, True
    while struck:
        store = SmallStore()
        store.fault = Fault(at, after=after)
        job = store.sequencer()
        struck = False
        roots: dict[int, set[bytes]] = {}
        for count in (300, 300):
            store.append(*leaves(len(store.leaves), count))
            more = True
            while more:
                try:
                    more = await store.step(job)
                except Stopped:
                    struck = True
                    job = store.sequencer() if restart else job
                for size, root, _ in store.checkpoints():
                    roots.setdefault(size, set()).add(root)
        assert store.derived() == wanted, at
        assert roots == {size: {naive.root(store.leaves[:size])} for size in roots}, at
        assert max(roots) == 600
        assert all(note for _, _, note in store.checkpoints())
        at += 1
    assert at > 20


async def test_two_nodes_may_take_turns():
    store = SmallStore()
    nodes = [store.sequencer(), store.sequencer()]
    for turn in range(40):
        store.append(*leaves(len(store.leaves), 37))
        await store.step(nodes[turn % 2])
    await store.settle(nodes[0])

    assert store.derived() == (await settled(37 * 40)).derived()


async def test_a_changed_entry_at_the_edge_stops_the_sequencer_when_it_starts():
    store = await settled(300)
    entries = store.connection.execute("SELECT entries FROM log_segment").fetchone()[0]
    store.connection.execute("UPDATE log_segment SET entries = ?", (entries[:-1] + b"!",))

    with pytest.raises(LogDamaged, match="not those of the checkpoint"):
        await store.settle()


async def test_a_changed_tile_stops_the_sequencer_when_it_starts():
    store = await settled(70_000)
    store.connection.execute(
        "UPDATE log_tile SET hashes = zeroblob(length(hashes)) WHERE level = 1 AND number = 1"
    )

    with pytest.raises(LogDamaged):
        await store.settle()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log_checkpoint SET root = zeroblob(32)",
        "UPDATE log_checkpoint SET size = 299",
        "UPDATE log_checkpoint SET size = 301",
        "UPDATE log_tree SET size = 301",
        "UPDATE log_tree SET size = 299",
        "DELETE FROM log_tree",
        "DELETE FROM log_tile WHERE level = 1",
        'UPDATE head SET "next" = 200',
        "UPDATE log_checkpoint SET note = replace(note, 'authority', 'autority')",
    ],
)
async def test_a_store_that_contradicts_its_checkpoint_stops_the_sequencer(change):
    store = await settled(300)
    store.connection.execute(change)

    with pytest.raises((LogDamaged, LogNameChanged)):
        await store.settle()


async def test_another_key_or_name_does_not_go_on_with_the_log():
    store = await settled(3)
    other = SigningKey.from_seed(Secret(b"\x08" * 32))

    for signer in (NoteSigner(ORIGIN, other), NoteSigner("elsewhere.example/log", KEY)):
        with pytest.raises(LogNameChanged):
            await store.settle(Sequencer(signer, store.clock))


async def test_a_promised_root_that_is_not_the_trees_is_never_signed():
    store = SmallStore()
    store.append(*leaves(0, 10))
    job = store.sequencer()
    await store.step(job)
    store.connection.execute("UPDATE log_checkpoint SET root = zeroblob(32)")

    with pytest.raises(LogDamaged):
        await store.step(job)
    assert [note for _, _, note in store.checkpoints()] == [""]


def test_the_signer_is_the_logs():
    assert SIGNER.vkey.startswith(ORIGIN)
