# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a receipt, a custody document or an exported log.

ReceiptError
    ReceiptMalformed        it cannot be read, or says something twice or in another form
    CheckpointNotSigned     the log's key did not sign the checkpoint
    RecordNotInLog          the inclusion proof does not lead to the checkpoint's root
    RecordAltered           what is shown is not what was hashed
    RecordForeign           a genuine record that belongs to something else
    RecordsReordered        entries are not in the log's order, or one comes twice
    TailMissing             fewer entries than the document says it has
    LogForked               two checkpoints that cannot be of one log
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class ReceiptError(SmartAgentError):
    """Base of these errors; catch it to say "does not hold".

    `index` is the entry that does not (-1: it is not about one).
    """

    kind: ClassVar[Kind] = Kind.INVALID

    def __init__(self, detail: str, index: int = -1) -> None:
        super().__init__(detail if index < 0 else f"entry {index}: {detail}")
        self.index = index


class ReceiptMalformed(ReceiptError):
    """It cannot be read as what it should be."""

    code: ClassVar[str] = "receipt-malformed"
    title: ClassVar[str] = "The document is malformed."


class CheckpointNotSigned(ReceiptError):
    """The checkpoint does not carry a valid signature of the log's key."""

    code: ClassVar[str] = "checkpoint-not-signed"
    title: ClassVar[str] = "The checkpoint is not signed by the log's key."


class RecordNotInLog(ReceiptError):
    """The proof does not lead from the record to the signed root."""

    code: ClassVar[str] = "record-not-in-log"
    title: ClassVar[str] = "The record is not in the log that was signed."


class RecordAltered(ReceiptError):
    """What the document shows is not what was hashed."""

    code: ClassVar[str] = "record-altered"
    title: ClassVar[str] = "The document does not show what the log holds."


class RecordForeign(ReceiptError):
    """The record is genuine, and has no place in this chain of custody."""

    code: ClassVar[str] = "record-foreign"
    title: ClassVar[str] = "A record belongs to something else."


class RecordsReordered(ReceiptError):
    """Entries are out of order, or one is repeated."""

    code: ClassVar[str] = "records-reordered"
    title: ClassVar[str] = "The records are not in the log's order."


class TailMissing(ReceiptError):
    """The document breaks off before its end."""

    code: ClassVar[str] = "tail-missing"
    title: ClassVar[str] = "Records are missing at the end."


class LogForked(ReceiptError):
    """Two signed checkpoints contradict each other: the log was rewritten, or shown in two versions."""

    code: ClassVar[str] = "log-forked"
    title: ClassVar[str] = "Two checkpoints of the log contradict each other."
