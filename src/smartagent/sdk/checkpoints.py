# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and receipts of the audit log, checked offline with the log's public key.

Spec: C2SP tlog-proof, tlog-checkpoint, signed-note; RFC 9162 section 2.1.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from smartagent.crypto import (
    Checkpoint,
    CryptoError,
    leaf_hash,
    open_note,
    parse_proof,
    verify_consistency,
    verify_inclusion,
)
from smartagent.sdk.receipt_errors import CheckpointNotSigned, LogForked, ReceiptMalformed, RecordNotInLog


class Integrity(StrEnum):
    """Whether what is shown is what was logged; there is no milder verdict."""

    INTACT = "intact"


class Completeness(StrEnum):
    """Whether all of it is shown."""

    PROVED = "proved"
    """Every entry up to the checkpoint is there: nothing can be missing."""
    STATED = "stated"
    """Nothing is visibly missing; that there was no more is the authority's word."""
    PARTIAL = "partial"
    """Something is missing; `gaps` says what."""


class Continuity(StrEnum):
    """How the checkpoint stands to the one that the reader knew before."""

    NOT_ASKED = "not-asked"
    PROVED = "proved"
    UNPROVED = "unproved"
    """Nothing contradicts, but no consistency proof was given."""


class Verified(msgspec.Struct, frozen=True):
    """What was found to hold.

    `gaps` are stable words: `earlier-pages`, `later-pages`, `enrolment`, `challenge`,
    `issuance`, `outcome of <request>`, `entries before the range`, `entries after the range`.
    """

    size: int
    root: bytes
    indexes: range | tuple[int, ...]
    completeness: Completeness
    gaps: tuple[str, ...] = ()
    continuity: Continuity = Continuity.NOT_ASKED
    integrity: Integrity = Integrity.INTACT


class Receipt(msgspec.Struct, frozen=True):
    """A receipt that holds: where its leaf stands, and in the log of which checkpoint."""

    index: int
    checkpoint: Checkpoint
    note: str


def open_checkpoint(note: str, vkey: str) -> Checkpoint:
    """Return the checkpoint that the log's key signed.

    Raises:
        CheckpointNotSigned: It did not, or the name is another log's.
    """
    try:
        checkpoint = Checkpoint.parse(open_note(note, vkey))
    except CryptoError as error:
        raise CheckpointNotSigned(str(error)) from error
    if checkpoint.origin != vkey.partition("+")[0]:
        raise CheckpointNotSigned("the checkpoint is another log's")
    return checkpoint


def verify_receipt(leaf: bytes, receipt: str, vkey: str) -> Receipt:
    """Return what `receipt` (a `.tlog-proof`) proves: that the log holds `leaf`, and where.

    Raises:
        ReceiptMalformed: The receipt cannot be read, or carries what nobody signed.
        CheckpointNotSigned: Its checkpoint is not the log's.
        RecordNotInLog: It is a receipt for something else.
    """
    try:
        proof = parse_proof(receipt)
    except CryptoError as error:
        raise ReceiptMalformed(str(error)) from error
    if proof.extra is not None:
        raise ReceiptMalformed("the receipt carries data that nobody signed")
    checkpoint = open_checkpoint(proof.checkpoint_note, vkey)
    if not verify_inclusion(
        leaf_hash(leaf), proof.index, checkpoint.size, list(proof.hashes), checkpoint.root
    ):
        raise RecordNotInLog("the proof does not lead to the signed root", proof.index)
    return Receipt(proof.index, checkpoint, proof.checkpoint_note)


def verify_continuity(
    old_note: str, new_note: str, vkey: str, consistency: Sequence[bytes] = ()
) -> Continuity:
    """Say whether the log of one checkpoint continues that of the other; the order does not matter.

    Args:
        old_note: A signed checkpoint that the reader kept.
        new_note: Another one.
        vkey: The log's public key.
        consistency: The proof between the two sizes; without it only a fork of equal size is found.

    Raises:
        CheckpointNotSigned: One of them is not the log's.
        LogForked: They cannot be of one log.
    """
    old, new = sorted((open_checkpoint(old_note, vkey), open_checkpoint(new_note, vkey)), key=_size)
    if old.size == new.size:
        if old.root != new.root:
            raise LogForked(f"two roots were signed for {old.size} entries")
        return Continuity.PROVED
    if not consistency and old.size:
        return Continuity.UNPROVED
    if not verify_consistency(old.size, new.size, list(consistency), old.root, new.root):
        raise LogForked(f"the log of {new.size} entries does not begin with the one of {old.size}")
    return Continuity.PROVED


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size
