# SPDX-License-Identifier: Apache-2.0
"""The tables of status entries, streams and waiting events; and the store's changes, which are only read.

`status_entries` has one row for every place that was ever given, and loses none.  `slot` is unique: the
agent's id for its current entry, `list/idx` for one that is over; so an agent has one current entry, on
any number of nodes.  `batch` names the write that touched a row last, for the others to read.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from smartagent.kernel import Change, Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.signals.errors import CursorMoved, StatusEntryTaken, StreamChanged
from smartagent.signals.model import ChangeRow, EntryState, StatusEntry, Stream, Waiting, sealed_as
from smartagent.storage import Database, metadata, new_values

ENTRIES_TOPIC: Final = "status-entries"
STREAMS_TOPIC: Final = "ssf-streams"
OUTBOX_TOPIC: Final = "ssf-outbox"

_change: Final = metadata.tables["change"]
_lease: Final = metadata.tables["lease"]

status_entries: Final = Table(
    "status_entries",
    metadata,
    Column("list", BigInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False),
    Column("state", BigInteger, nullable=False),
    Column("after_ms", BigInteger, nullable=False),
    Column("slot", Text, nullable=False, unique=True),
    Column("batch", Text, nullable=False),
    Index("ix_status_entries_batch", "batch"),
)
ssf_streams: Final = Table(
    "ssf_streams",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("sealed_header", LargeBinary, nullable=False),
    Column("requested", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("verified_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("excluded", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
SEALED_HEADERS: Final = envelopes_in(
    "ssf_streams", "sealed_header", ("id",), lambda key: sealed_as(str(key[0]))
)
ssf_outbox: Final = Table(
    "ssf_outbox",
    metadata,
    Column("jti", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Index("ix_ssf_outbox_stream_seq_jti", "stream", "seq", "jti"),
)
ssf_cursor: Final = Table(
    "ssf_cursor",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row: up to which change events were put into the outbox."""


# --- what the store changed ---------------------------------------------------------------------

_TOPICS: Final = or_(
    _change.c.topic == "revocations", _change.c.topic == "agents", _change.c.topic == "signing-keys"
)
_CHANGES: Final = (
    select(_change.c.version, _change.c.topic, _change.c["key"])
    .where(_change.c.version > bindparam("after"), _TOPICS)
    .order_by(_change.c.version)
    .limit(bindparam("most", type_=BigInteger()))
)
_LAST_CHANGES: Final = (
    select(_change.c.version, _change.c.topic, _change.c["key"])
    .where(_TOPICS)
    .order_by(_change.c.version.desc())
    .limit(bindparam("most", type_=BigInteger()))
)
_ENDS: Final = select(
    func.coalesce(func.min(_change.c.version), 0), func.coalesce(func.max(_change.c.version), 0)
)


async def read_changes(database: Database, *, after: int, most: int) -> list[ChangeRow]:
    """Read up to `most` changes that concern this room, after a version, in their order."""
    return msgspec.convert(await database.fetch(_CHANGES, {"after": after, "most": most}), list[ChangeRow])


async def read_last_changes(database: Database, *, most: int) -> list[ChangeRow]:
    """Read the last `most` changes that concern this room, in their order."""
    return msgspec.convert(await database.fetch(_LAST_CHANGES, {"most": most}), list[ChangeRow])[::-1]


async def read_ends(database: Database) -> tuple[int, int]:
    """Read the versions of the oldest change that is kept, of any topic, and of the newest; 0 when there is none."""
    oldest, newest = msgspec.convert(await database.fetch(_ENDS), list[tuple[int, int]])[0]
    return oldest, newest


# --- status entries -----------------------------------------------------------------------------

_ENTRY: Final = (
    status_entries.c.list,
    status_entries.c.idx,
    status_entries.c.subject,
    status_entries.c.state,
    status_entries.c.after_ms,
    case((status_entries.c.slot == status_entries.c.subject, 1), else_=0),
)
_ENTRIES_AFTER: Final = (
    select(*_ENTRY)
    .where(
        or_(
            status_entries.c.list > bindparam("list"),
            and_(status_entries.c.list == bindparam("list"), status_entries.c.idx > bindparam("idx")),
        )
    )
    .order_by(status_entries.c.list, status_entries.c.idx)
    .limit(bindparam("most", type_=BigInteger()))
)
_ENTRIES_OF_BATCH: Final = select(*_ENTRY).where(status_entries.c.batch == bindparam("old_batch"))
_ENTRY_OF_SUBJECT: Final = select(*_ENTRY).where(status_entries.c.slot == bindparam("old_subject"))
_ADD_ENTRY: Final = insert(status_entries).values(
    new_values("list", "idx", "subject", "state", "after_ms", "slot", "batch")
)
_END_ENTRY: Final = (
    update(status_entries)
    .where(
        status_entries.c.list == bindparam("old_list"),
        status_entries.c.idx == bindparam("old_idx"),
        status_entries.c.slot == bindparam("old_slot"),
    )
    .values(
        state=EntryState.INVALID.value,
        slot=bindparam("new_slot", type_=Text()),
        batch=bindparam("new_batch", type_=Text()),
    )
)


async def read_entries(database: Database, *, after: tuple[int, int], most: int) -> list[StatusEntry]:
    """Read up to `most` entries after a place (list, index), in the order of their places."""
    place = {"list": after[0], "idx": after[1], "most": most}
    return msgspec.convert(await database.fetch(_ENTRIES_AFTER, place), list[StatusEntry])


async def read_entries_of(database: Database, batch: str) -> list[StatusEntry]:
    """Read the entries that the write `batch` touched last."""
    return msgspec.convert(await database.fetch(_ENTRIES_OF_BATCH, {"old_batch": batch}), list[StatusEntry])


async def read_entry_of(database: Database, subject: str) -> StatusEntry | None:
    """Read the current entry of an agent."""
    found = await database.fetch(_ENTRY_OF_SUBJECT, {"old_subject": subject})
    return msgspec.convert(found[0], StatusEntry) if found else None


def add_entry(entry: StatusEntry, batch: str) -> Write:
    """Give an agent a place; lost when the place or the agent is taken."""
    values: dict[str, Scalar] = {
        "new_list": entry.number,
        "new_idx": entry.idx,
        "new_subject": entry.subject,
        "new_state": entry.state,
        "new_after_ms": entry.after_ms,
        "new_slot": entry.subject,
        "new_batch": batch,
    }
    return Write(_ADD_ENTRY, values, lost=StatusEntryTaken(entry.subject))


def end_entry(number: int, idx: int, subject: str, batch: str) -> Write:
    """Make an agent's current entry invalid for good, and free the agent for another."""
    values: dict[str, Scalar] = {
        "old_list": number,
        "old_idx": idx,
        "old_slot": subject,
        "new_slot": f"{number}/{idx}",
        "new_batch": batch,
    }
    return Write(_END_ENTRY, values, lost=StatusEntryTaken(subject))


def entries_changed(batch: str) -> Change:
    """Tell every node to read what `batch` wrote."""
    return Change(ENTRIES_TOPIC, batch)


# --- streams ------------------------------------------------------------------------------------

_ALL_STREAMS: Final = select(ssf_streams).order_by(ssf_streams.c.id)
_ONE_STREAM: Final = select(ssf_streams).where(ssf_streams.c.id == bindparam("old_id"))
_ADD_STREAM: Final = insert(ssf_streams).values(new_values(*Stream.__struct_fields__))
_SEEN: Final = (ssf_streams.c.id == bindparam("old_id"), ssf_streams.c.revision == bindparam("old_revision"))
_CHANGEABLE: Final = (
    "method", "endpoint", "sealed_header", "requested", "description", "status", "reason",
    "verified_at", "excluded", "revision",
)  # fmt: skip
_SET_STREAM: Final = (
    update(ssf_streams)
    .where(*_SEEN)
    .values({name: bindparam("new_" + name, type_=ssf_streams.c[name].type) for name in _CHANGEABLE})
)
_DROP_STREAM: Final = delete(ssf_streams).where(*_SEEN)


async def read_streams(database: Database, stream: str = "") -> list[Stream]:
    """Read the stream of that id; without one, all."""
    if not stream:
        return msgspec.convert(await database.fetch(_ALL_STREAMS), list[Stream])
    return msgspec.convert(await database.fetch(_ONE_STREAM, {"old_id": stream}), list[Stream])


def _values_of(stream: Stream, names: tuple[str, ...]) -> dict[str, Scalar]:
    return {
        "new_" + name: msgspec.to_builtins(getattr(stream, name), builtin_types=(bytes,)) for name in names
    }


def add_stream(stream: Stream) -> Write:
    """Add a stream."""
    return Write(_ADD_STREAM, _values_of(stream, Stream.__struct_fields__), lost=StreamChanged(stream.id))


def set_stream(stream: Stream) -> Write:
    """Change a stream from the revision before; lost when it is not that any more."""
    seen: dict[str, Scalar] = {"old_id": stream.id, "old_revision": stream.revision - 1}
    return Write(_SET_STREAM, _values_of(stream, _CHANGEABLE) | seen, lost=StreamChanged(stream.id))


def drop_stream(stream: Stream) -> tuple[Write, ...]:
    """Delete a stream, and all that belongs to it."""
    seen: dict[str, Scalar] = {"old_id": stream.id, "old_revision": stream.revision}
    lost = StreamChanged(stream.id)
    return (
        Write(_DROP_STREAM, seen, lost=lost),
        drop_waiting_of(stream.id),
    )


def stream_changed(stream: str) -> Change:
    """Tell every node that a stream is not what it was."""
    return Change(STREAMS_TOPIC, stream)


# --- the outbox ---------------------------------------------------------------------------------

_ADD_WAITING: Final = insert(ssf_outbox).values(new_values(*Waiting.__struct_fields__))
_WAITING: Final = (
    select(ssf_outbox)
    .where(ssf_outbox.c.stream == bindparam("old_stream"))
    .order_by(ssf_outbox.c.seq, ssf_outbox.c.jti)
    .limit(bindparam("most", type_=BigInteger()))
)
_COUNTS: Final = select(ssf_outbox.c.stream, func.count()).group_by(ssf_outbox.c.stream)
_DROP_WAITING: Final = delete(ssf_outbox).where(
    ssf_outbox.c.jti == bindparam("old_jti"), ssf_outbox.c.stream == bindparam("old_stream")
)
_DROP_WAITING_OF: Final = delete(ssf_outbox).where(ssf_outbox.c.stream == bindparam("old_stream"))
_PUT_OFF: Final = (
    update(ssf_outbox)
    .where(ssf_outbox.c.jti == bindparam("old_jti"))
    .values(
        attempts=bindparam("new_attempts", type_=BigInteger()),
        not_before=bindparam("new_not_before", type_=BigInteger()),
    )
)
_CURSOR: Final = select(ssf_cursor.c.version)
_ADD_CURSOR: Final = insert(ssf_cursor).values(id=1, version=bindparam("new_version", type_=BigInteger()))
_MOVE_CURSOR: Final = (
    update(ssf_cursor)
    .where(ssf_cursor.c.id == 1, ssf_cursor.c.version == bindparam("old_version"))
    .values(version=bindparam("new_version", type_=BigInteger()))
)


async def read_waiting(database: Database, stream: str, *, most: int) -> list[Waiting]:
    """Read the first `most` events that wait for a stream, in their order."""
    rows = await database.fetch(_WAITING, {"old_stream": stream, "most": most})
    return msgspec.convert(rows, list[Waiting])


async def read_counts(database: Database) -> dict[str, int]:
    """Read how many events wait for each stream."""
    return dict(msgspec.convert(await database.fetch(_COUNTS), list[tuple[str, int]]))


def add_waiting(event: Waiting) -> Write:
    """Have an event wait for its receiver."""
    values: dict[str, Scalar] = {"new_" + name: getattr(event, name) for name in Waiting.__struct_fields__}
    return Write(_ADD_WAITING, values, lost=CursorMoved(event.jti))


def drop_waiting(event: str, stream: str) -> Write:
    """The event has arrived, or never will.  That it was dropped already is no error."""
    return Write(_DROP_WAITING, {"old_jti": event, "old_stream": stream}, lost=CursorMoved(event), rows=None)


def drop_waiting_of(stream: str) -> Write:
    """Drop all that waits for a stream."""
    return Write(_DROP_WAITING_OF, {"old_stream": stream}, lost=StreamChanged(stream), rows=None)


def put_off(event: Waiting) -> Write:
    """Keep how often an event was tried, and when it may be tried again."""
    values: dict[str, Scalar] = {
        "old_jti": event.jti,
        "new_attempts": event.attempts,
        "new_not_before": event.not_before,
    }
    return Write(_PUT_OFF, values, lost=CursorMoved(event.jti), rows=None)


async def read_cursor(database: Database) -> int | None:
    """Read up to which version changes became events; None before the first time."""
    found = msgspec.convert(await database.fetch(_CURSOR), list[tuple[int]])
    return found[0][0] if found else None


def move_cursor(before: int | None, version: int) -> Write:
    """Move the cursor from what was seen; lost when another node did."""
    if before is None:
        return Write(_ADD_CURSOR, {"new_version": version}, lost=CursorMoved(""))
    return Write(_MOVE_CURSOR, {"old_version": before, "new_version": version}, lost=CursorMoved(""))


def outbox_changed(stream: str) -> Change:
    """Tell every node that something waits for a stream."""
    return Change(OUTBOX_TOPIC, stream)


# --- who does what only one node does -----------------------------------------------------------

_HELD: Final = select(_lease.c.holder, _lease.c.until).where(_lease.c.name == bindparam("old_name"))
_FREE: Final = delete(_lease).where(
    _lease.c.name == bindparam("old_name"),
    or_(_lease.c.holder == bindparam("old_holder"), _lease.c.until < bindparam("now")),
)
_HOLD: Final = insert(_lease).values(new_values("name", "holder", "until"))


async def read_lease(database: Database, name: str) -> tuple[str, int]:
    """Read who holds a lease, and until when (Unix seconds); nobody, until 0, when it is free."""
    found = msgspec.convert(await database.fetch(_HELD, {"old_name": name}), list[tuple[str, int]])
    return found[0] if found else ("", 0)


def free_lease(name: str, holder: str, *, now: int) -> Write:
    """Free a lease that is the holder's own, or over."""
    values: dict[str, Scalar] = {"old_name": name, "old_holder": holder, "now": now}
    return Write(_FREE, values, lost=CursorMoved(name), rows=None)


def hold_lease(name: str, holder: str, *, until: int) -> Write:
    """Take a lease that is free; lost when it is not."""
    values: dict[str, Scalar] = {"new_name": name, "new_holder": holder, "new_until": until}
    return Write(_HOLD, values, lost=CursorMoved(name))
