# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree, against the published vectors and against the definition written out naively."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import (
    EMPTY_ROOT,
    consistency_positions,
    consistency_proof,
    inclusion_positions,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    root_positions,
    verify_consistency,
    verify_inclusion,
)

# Certificate Transparency's reference vectors: the tree of the first n of these leaves.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MANY = [b"%d" % number for number in range(130)]


def naive_root(leaves):
    """RFC 6962 section 2.1, MTH, as it is written."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(index, leaves):
    """RFC 6962 section 2.1.1, PATH, as it is written."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(size, leaves, *, whole=True):
    """RFC 6962 section 2.1.2, SUBPROOF, as it is written."""
    if size == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if size <= k:
        return [*naive_proof(size, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_proof(size - k, leaves[k:], whole=False), naive_root(leaves[:k])]


class Tree:
    """Answers for complete subtrees only, and counts how often it is asked."""

    def __init__(self, leaves):
        self.leaves = leaves
        self.calls = []

    def __call__(self, positions):
        self.calls.append(positions)
        hashes = []
        for level, index in positions:
            subtree = self.leaves[index << level : (index + 1) << level]
            assert len(subtree) == 1 << level, "an incomplete subtree was asked for"
            hashes.append(naive_root(subtree))
        return hashes


def test_the_published_roots():
    assert bytes.fromhex(ROOTS[0]) == EMPTY_ROOT
    for size, expected in enumerate(ROOTS):
        assert root(size, Tree(LEAVES)).hex() == expected
    assert leaf_hash(b"").hex() == ROOTS[1]
    assert node_hash(leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])).hex() == ROOTS[2]


def test_the_published_consistency_proofs():
    six_to_eight = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    two_to_five = [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]
    assert [step.hex() for step in consistency_proof(6, 8, Tree(LEAVES))] == six_to_eight
    assert [step.hex() for step in consistency_proof(2, 5, Tree(LEAVES))] == two_to_five


def test_every_inclusion_proof_is_the_definitions_and_verifies():
    for size in range(1, 70):
        head = naive_root(MANY[:size])
        assert root(size, Tree(MANY)) == head
        for index in range(size):
            proof = inclusion_proof(index, size, Tree(MANY))
            assert proof == naive_path(index, MANY[:size])
            assert verify_inclusion(leaf_hash(MANY[index]), index, size, proof, head)


def test_every_consistency_proof_is_the_definitions_and_verifies():
    roots = [naive_root(MANY[:size]) for size in range(70)]
    for new in range(1, 70):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, Tree(MANY))
            assert proof == naive_proof(old, MANY[:new])
            assert verify_consistency(old, new, proof, roots[old], roots[new])


def test_a_proof_reads_once_and_little():
    for size in (1, 2, 100, 129, 130):
        for make in (
            lambda t, n: inclusion_proof(n // 3, n, t),
            lambda t, n: consistency_proof(n // 3 + 1, n, t),
        ):
            tree = Tree(MANY)
            make(tree, size)
            assert len(tree.calls) == 1
            assert len(tree.calls[0]) <= 2 * size.bit_length()


def test_the_positions_of_a_billion_leaves_are_few():
    size = 10**9 + 7
    assert len(root_positions(size)) == size.bit_count()
    assert len(inclusion_positions(123_456_789, size)) <= 60
    assert len(consistency_positions(123_456_789, size)) <= 60


def test_the_positions_are_what_the_proofs_read():
    tree = Tree(MANY)
    inclusion_proof(40, 101, tree)
    consistency_proof(40, 101, tree)
    root(101, tree)

    assert tree.calls == [inclusion_positions(40, 101), consistency_positions(40, 101), root_positions(101)]


SIZES = st.integers(1, 130)


@given(SIZES, st.data())
def test_an_inclusion_proof_holds_for_nothing_else(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaf, head = leaf_hash(MANY[index]), naive_root(MANY[:size])
    proof = inclusion_proof(index, size, Tree(MANY))

    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, head)
    assert not verify_inclusion(leaf, index, size, proof, leaf_hash(b"other"))
    assert not verify_inclusion(leaf, index, size, [*proof, leaf], head)
    for other in set(range(-1, size + 1)) - {index}:
        assert not verify_inclusion(leaf, other, size, proof, head)
    for position in range(len(proof)):
        assert not verify_inclusion(leaf, index, size, proof[:position] + proof[position + 1 :], head)
        changed = [*proof]
        changed[position] = bytes(32)
        assert not verify_inclusion(leaf, index, size, changed, head)


@given(SIZES, st.data())
def test_a_consistency_proof_holds_for_nothing_else(new, data):
    old = data.draw(st.integers(1, new))
    old_root, new_root = naive_root(MANY[:old]), naive_root(MANY[:new])
    proof = consistency_proof(old, new, Tree(MANY))
    forked = naive_root([*MANY[: old - 1], b"rewritten", *MANY[old:new]])

    assert not verify_consistency(old, new, proof, bytes(32), new_root)
    assert not verify_consistency(old, new, proof, old_root, bytes(32))
    assert not verify_consistency(old, new, proof, old_root, forked)
    assert not verify_consistency(old, new, [*proof, old_root], old_root, new_root)
    assert old == new or not verify_consistency(old, new, proof[:-1], old_root, new_root)
    assert old == new or not verify_consistency(new, old, proof, new_root, old_root)
    for position in range(len(proof)):
        changed = [*proof]
        changed[position] = bytes(32)
        assert not verify_consistency(old, new, changed, old_root, new_root)


def test_everything_begins_with_the_empty_tree():
    head = naive_root(MANY[:5])

    assert consistency_proof(0, 5, Tree(MANY)) == []
    assert verify_consistency(0, 5, [], EMPTY_ROOT, head)
    assert verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not verify_consistency(0, 5, [], bytes(32), head)
    assert not verify_consistency(0, 5, [head], EMPTY_ROOT, head)
    assert not verify_consistency(0, 0, [], head, head)
    assert not verify_consistency(-1, 5, [], EMPTY_ROOT, head)
    assert not verify_inclusion(head, 0, 0, [], head)


def test_hashes_of_another_length_are_refused():
    """Else a leaf of 65 bytes and an inner node could be taken for each other."""
    head = naive_root(MANY[:2])
    left, right = leaf_hash(MANY[0]), leaf_hash(MANY[1])

    assert verify_inclusion(left, 0, 2, [right], head)
    assert not verify_inclusion(left + right[:1], 0, 2, [right[1:]], head)
    assert not verify_consistency(1, 2, [right + b"x"], left, head)
    assert not verify_consistency(2, 2, [], b"", b"")


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)])
def test_a_leaf_that_is_not_there_has_no_proof(index, size):
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(index, size, Tree(MANY))


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5)])
def test_a_log_does_not_shrink(old, new):
    with pytest.raises(ValueError, match="larger"):
        consistency_proof(old, new, Tree(MANY))
