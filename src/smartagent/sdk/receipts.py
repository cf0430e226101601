# SPDX-License-Identifier: Apache-2.0
"""Checking the audit log's documents offline: chains of custody, and exports.

All that is needed is the log's public key (`vkey`), kept from a time when it could be trusted.
Whatever is wrong raises a `ReceiptError` whose code says what.  What holds is told in two
verdicts, because they are different questions: integrity (what is shown is what was logged)
is proved or refused; completeness (all of it is shown) is proved only by an export that
reaches from the first entry to the checkpoint, and otherwise told with its gaps.

Spec: C2SP tlog-proof, tlog-checkpoint, signed-note; RFC 9162 section 2.1.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from smartagent.crypto import CryptoError, leaf_hash, node_hash, strict_json, unb64u, verify_consistency
from smartagent.kernel import Decision, IdPrefix, Record
from smartagent.sdk.checkpoints import (
    Completeness,
    Continuity,
    Verified,
    open_checkpoint,
    verify_continuity,
    verify_receipt,
)
from smartagent.sdk.receipt_errors import (
    ReceiptMalformed,
    RecordAltered,
    RecordForeign,
    RecordNotInLog,
    RecordsReordered,
    TailMissing,
)

T = TypeVar("T")

_MOST_BYTES: Final = 64 * 1024 * 1024
_EXPORT: Final = "smartagent/v1"
_ORIGINS: Final = frozenset({"agent.enrolled", "challenge.issued"})


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    index: int
    record: object
    leaf: str
    proof: str


class _Custody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    jti: str
    agent: str
    session: str
    checkpoint: str
    begin: int
    count: int
    next: int
    entries: list[_Entry]


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log: str
    begin: int
    end: int
    before: list[str]
    consistency: list[str]
    checkpoint: str


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    index: int
    record: msgspec.Raw


_read_line: Final = msgspec.json.Decoder(_Line).decode
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


def verify_custody(
    document: bytes, vkey: str, previous_checkpoint: str | None = None, consistency: Sequence[bytes] = ()
) -> Verified:
    """Check a chain of custody as `GET /v1/audit/{jti}` gave it.

    Args:
        document: As received; nothing of it is believed.
        vkey: The log's public key.
        previous_checkpoint: A signed checkpoint that the reader kept from before.
        consistency: The proof between that one and the document's.

    Raises:
        ReceiptError: It does not hold; the class and its code say why.
    """
    custody = _parse(document, _Custody)
    checkpoint = open_checkpoint(custody.checkpoint, vkey)
    if custody.count != len(custody.entries):
        raise TailMissing(f"{custody.count} entries are announced, and {len(custody.entries)} there")
    if not custody.entries:
        raise ReceiptMalformed("a chain of custody has at least one entry")
    records: list[tuple[int, Record]] = []
    for entry in custody.entries:
        if records and entry.index <= records[-1][0]:
            raise RecordsReordered("not after the one before it", entry.index)
        records.append((entry.index, _verify_entry(entry, custody.checkpoint, vkey)))
    _verify_chain(custody, records, checkpoint.size)
    gaps = _custody_gaps(custody, [record for _, record in records])
    return Verified(
        checkpoint.size,
        checkpoint.root,
        tuple(index for index, _ in records),
        Completeness.PARTIAL if gaps else Completeness.STATED,
        gaps,
        _continuity(previous_checkpoint, custody.checkpoint, vkey, consistency),
    )


def verify_export(
    lines: Iterable[bytes],
    vkey: str,
    previous_checkpoint: str | None = None,
    consistency: Sequence[bytes] = (),
) -> Verified:
    """Check an exported range of the log; of any length, in little memory.

    Nothing within the range can be missing, changed or out of order without being found, and
    when it reaches from 0 to the checkpoint its completeness is proved.

    Args:
        lines: As received, each with its line break, as a file gives them; nothing is believed.
        vkey: The log's public key.
        previous_checkpoint: A signed checkpoint that the reader kept from before.
        consistency: The proof between that one and the export's.

    Raises:
        ReceiptError: It does not hold; the class and its code say why.
    """
    following = iter(lines)
    head = _parse(next(following, b""), _Head)
    checkpoint = open_checkpoint(head.checkpoint, vkey)
    if head.log != _EXPORT or not 0 <= head.begin < head.end <= checkpoint.size:
        raise ReceiptMalformed("the first line does not describe a range of this log")
    root = _root_of_range(head, following)
    if not verify_consistency(head.end, checkpoint.size, _hashes(head.consistency), root, checkpoint.root):
        raise RecordNotInLog("the entries are not those that were signed")
    gaps = _range_gaps(head, checkpoint.size)
    return Verified(
        checkpoint.size,
        checkpoint.root,
        range(head.begin, head.end),
        Completeness.PARTIAL if gaps else Completeness.PROVED,
        gaps,
        _continuity(previous_checkpoint, head.checkpoint, vkey, consistency),
    )


def _verify_entry(entry: _Entry, checkpoint_note: str, vkey: str) -> Record:
    try:
        leaf = unb64u(entry.leaf)
    except CryptoError as error:
        raise ReceiptMalformed("the leaf is not base64url", entry.index) from error
    receipt = verify_receipt(leaf, entry.proof, vkey)
    if receipt.note != checkpoint_note:
        raise ReceiptMalformed("the receipt carries another checkpoint than the document", entry.index)
    if receipt.index != entry.index:
        raise RecordAltered(f"the receipt is for entry {receipt.index}", entry.index)
    try:
        record = Record.decode(leaf)
        shown = strict_json(leaf, len(leaf))
    except (msgspec.DecodeError, CryptoError) as error:
        raise ReceiptMalformed("the leaf is no record", entry.index) from error
    if _canonical(shown) != _canonical(entry.record):  # as text: in Python, 1 and true are equal
        raise RecordAltered("the record shown is not the one that was hashed", entry.index)
    return record


def _verify_chain(custody: _Custody, records: list[tuple[int, Record]], size: int) -> None:
    """Hold what the document says of itself against its records."""
    for index, record in records:
        if not _belongs(custody, record):
            raise RecordForeign(f"it is not part of what happened to {custody.jti}", index)
        if custody.begin and record.event in _ORIGINS:
            raise RecordAltered("only the first page tells of the token's origins", index)
        if _is_issuance(custody, record) and (record.caller, record.session) != (
            custody.agent,
            custody.session,
        ):
            raise RecordAltered("the token was issued to another agent or in another session", index)
    first, last = records[0][0], records[-1][0]
    if custody.begin not in {0, first}:
        raise RecordAltered("the page begins elsewhere than it says")
    if custody.next and not last < custody.next < size:
        raise RecordAltered("the next page begins where it cannot")


def _belongs(custody: _Custody, record: Record) -> bool:
    if custody.jti in {record.jti, record.subject}:
        return True
    owners = {custody.agent} if record.event != "revoked" else {custody.agent, custody.session}
    return record.event in {*_ORIGINS, "revoked"} and record.subject in owners - {""}


def _is_issuance(custody: _Custody, record: Record) -> bool:
    return (
        record.event == "token.issued" and record.jti == custody.jti and record.decision is not Decision.DENY
    )


def _custody_gaps(custody: _Custody, records: list[Record]) -> tuple[str, ...]:
    gaps = ["earlier-pages"] if custody.begin else list(_missing_origins(custody, records))
    if custody.next:
        return (*gaps, "later-pages")  # and the outcomes may be on those
    done = {record.request for record in records if record.event == "gateway.done"}
    calls = [record for record in records if record.event == "gateway.call"]
    gaps += [
        f"outcome of {record.request}"
        for record in calls
        if record.decision is not Decision.DENY and record.request not in done
    ]
    return tuple(gaps)


def _missing_origins(custody: _Custody, records: list[Record]) -> Iterator[str]:
    events = {record.event for record in records}
    if "agent.enrolled" not in events and custody.agent.startswith(IdPrefix.AGENT):  # operators claim a link
        yield "enrolment"
    issuance = next((record for record in records if _is_issuance(custody, record)), None)
    if issuance is None:
        yield "issuance"
    elif issuance.detail.get("challenge") and "challenge.issued" not in events:
        yield "challenge"


def _range_gaps(head: _Head, size: int) -> tuple[str, ...]:
    gaps = ["entries before the range"] if head.begin else []
    if head.end < size:
        gaps.append("entries after the range")
    return tuple(gaps)


def _root_of_range(head: _Head, lines: Iterator[bytes]) -> bytes:
    """Return the root at `head.end` that follows from the entries and what stood to their left."""
    peaks = _peaks(head.begin, _hashes(head.before))
    index = head.begin
    for line in lines:
        if index == head.end:
            raise ReceiptMalformed("there is more than the first line announces", index)
        _push(peaks, leaf_hash(_leaf_of(line, index)))
        index += 1
    if index != head.end:
        raise TailMissing(f"entries {head.begin} to {head.end - 1} are announced, and {index} is not there")
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root


def _leaf_of(line: bytes, index: int) -> bytes:
    """Return the leaf that `line` shows, which has to be written in the one way that exports are."""
    start = b'{"index":%d,"record":' % index
    if line.startswith(start) and line.endswith(b"}\n"):
        return line[len(start) : -2]
    try:
        found = _read_line(line).index
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReceiptMalformed("the line is no entry", index) from error
    if found != index:
        raise RecordsReordered(f"entry {found} stands in its place", index)
    raise ReceiptMalformed("the line is not written as it was exported", index)


def _peaks(size: int, hashes: list[bytes]) -> list[tuple[int, bytes]]:
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    if len(levels) != len(hashes):
        raise ReceiptMalformed("the left side of the range is incomplete")
    return list(zip(levels, hashes, strict=True))


def _push(peaks: list[tuple[int, bytes]], node: bytes) -> None:
    level = 0
    while peaks and peaks[-1][0] == level:
        node = node_hash(peaks.pop()[1], node)
        level += 1
    peaks.append((level, node))


def _hashes(encoded: list[str]) -> list[bytes]:
    try:
        return [unb64u(text) for text in encoded]
    except CryptoError as error:
        raise ReceiptMalformed("a hash is not base64url") from error


def _parse(raw: bytes, schema: type[T]) -> T:
    try:
        return msgspec.convert(strict_json(raw, _MOST_BYTES), schema)
    except (CryptoError, msgspec.ValidationError) as error:
        raise ReceiptMalformed(str(error)) from error


def _continuity(previous: str | None, note: str, vkey: str, consistency: Sequence[bytes]) -> Continuity:
    if previous is None:
        return Continuity.NOT_ASKED
    return verify_continuity(previous, note, vkey, consistency)
