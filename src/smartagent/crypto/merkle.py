# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of the log: hashes, proofs, and their verification.

A proof is made in two steps: the positions it needs are computed (`*_positions`), all of them
are read at once, and the hashes are folded.  A position is (level, index): the root of the
complete subtree over the leaves from index << level up to (index + 1) << level.  These never
change once the leaves are there, whatever the tree's size.

Spec: RFC 6962 section 2.1 (hashing and proofs), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (verification).
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

Position = tuple[int, int]
"""(level, index) of a complete subtree."""
HashReader = Callable[[list[Position]], list[bytes]]
"""Returns the hashes at those positions, in their order."""

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
_Range = tuple[int, int]


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one entry."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def root_positions(size: int) -> list[Position]:
    """Return what the root of the first `size` leaves is made of, left to right."""
    return list(_complete((0, size)))


def root(size: int, reader: HashReader) -> bytes:
    """Return the root of the first `size` leaves."""
    return _fold(reader(root_positions(size))) if size else EMPTY_ROOT


def inclusion_positions(index: int, size: int) -> list[Position]:
    """Return all positions that `inclusion_proof` reads.

    Raises:
        ValueError: There is no leaf `index` in a tree of `size`.
    """
    return [position for span in _inclusion(index, size) for position in _complete(span)]


def inclusion_proof(index: int, size: int, reader: HashReader) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of the first `size` leaves, from the leaf up.

    Raises:
        ValueError: There is no leaf `index` in a tree of `size`.
    """
    return _read(_inclusion(index, size), reader)


def consistency_positions(old_size: int, new_size: int) -> list[Position]:
    """Return all positions that `consistency_proof` reads.

    Raises:
        ValueError: The old tree is larger than the new.
    """
    return [position for span in _consistency(old_size, new_size) for position in _complete(span)]


def consistency_proof(old_size: int, new_size: int, reader: HashReader) -> list[bytes]:
    """Return the proof that the tree of `new_size` only appended to the tree of `old_size`.

    It is empty when the sizes are equal, and when the old tree was empty.

    Raises:
        ValueError: The old tree is larger than the new.
    """
    return _read(_consistency(old_size, new_size), reader)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the leaf with the hash `leaf` stands at `index` in the tree with that size and root.

    Spec: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    node, last, value = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(step, value)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, step)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
) -> bool:
    """Say whether the new tree begins with the whole old tree.

    Everything begins with the empty tree, whose root has to be `EMPTY_ROOT`.

    Spec: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old_size <= new_size or not _are_hashes(old_root, new_root, *proof):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (old_size > 0 or old_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    # A complete old tree is a node of the new one, and the proof leaves it out.
    steps = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    return bool(steps) and _climb(old_size, new_size, steps) == (old_root, new_root)


def _climb(old_size: int, new_size: int, steps: list[bytes]) -> tuple[bytes, bytes] | None:
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def _inclusion(index: int, size: int) -> list[_Range]:
    # RFC 6962 section 2.1.1, PATH(m, D[n]), from the root down and then reversed.
    if not 0 <= index < size:
        message = "no such leaf in a tree of that size"
        raise ValueError(message)
    siblings: list[_Range] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low = middle
    return siblings[::-1]


def _consistency(old_size: int, new_size: int) -> list[_Range]:
    # RFC 6962 section 2.1.2, SUBPROOF(m, D[n], b), from the root down and then reversed.
    if not 0 <= old_size <= new_size:
        message = "the old tree is larger than the new"
        raise ValueError(message)
    if old_size in (0, new_size):
        return []
    siblings: list[_Range] = []
    low, high, whole = 0, new_size, True
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            siblings.append((middle, high))
            high = middle
        else:
            siblings.append((low, middle))
            low, whole = middle, False
    if not whole:
        siblings.append((low, high))
    return siblings[::-1]


def _split(width: int) -> int:
    """Return the largest power of two below `width`, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _complete(span: _Range) -> Iterator[Position]:
    """Cut a range that begins on its own boundary into complete subtrees, left to right."""
    low, high = span
    while low < high:
        level = (high - low).bit_length() - 1
        yield level, low >> level
        low += 1 << level


def _read(spans: list[_Range], reader: HashReader) -> list[bytes]:
    cut = [list(_complete(span)) for span in spans]
    hashes = iter(reader([position for positions in cut for position in positions]))
    return [_fold([next(hashes) for _ in positions]) for positions in cut]


def _fold(hashes: list[bytes]) -> bytes:
    value = hashes[-1]
    for left in hashes[-2::-1]:
        value = node_hash(left, value)
    return value
