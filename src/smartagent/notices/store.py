# SPDX-License-Identifier: Apache-2.0
"""The tables `channels` and `notices`, and everything that is said to them.

`notices` has a row for each notice and each channel that it goes through.  Which those are is read where it is written:
whoever tells of something knows no channels, and where there are none nothing is kept.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import BindParameter

from smartagent.kernel import Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.notices.errors import ChannelChanged, ChannelNotFound, NoticeMoved
from smartagent.notices.model import Channel, Notice, NoticeKind, State, StoredChannel, Waiting, sealed_as
from smartagent.storage import Database, metadata

channels: Final = Table(
    "channels",
    metadata,
    Column("name", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    # The kinds it takes, each with a blank on both sides; empty for all.
    Column("takes", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("disabled_at", BigInteger, nullable=False),
    Column("failing_since", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),
    Column("delivered_at", BigInteger, nullable=False),
)
CHANNEL_SECRETS: Final = envelopes_in(
    "channels", "sealed_secret", ("name",), lambda key: sealed_as(str(key[0]))
)
notices: Final = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("lines", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    # 0 while it waits.
    Column("finished_at", BigInteger, nullable=False),
    Index("notices_finished_at_not_before", "finished_at", "not_before"),
    Index("notices_channel_kind_subject", "channel", "kind", "subject"),
)


class _ChannelRow(msgspec.Struct, array_like=True):
    name: str
    entry: str
    takes: str
    sealed_secret: bytes
    version: int
    changed_at: int
    changed_by: str
    disabled_at: int
    failing_since: int
    failure: str
    delivered_at: int


class _NoticeRow(msgspec.Struct, array_like=True):
    id: str
    channel: str
    kind: NoticeKind
    subject: str
    title: str
    lines: str
    link: str
    made_at: int
    attempts: int
    not_before: int


def _binds(names: Iterable[str]) -> dict[str, BindParameter[object]]:
    return {name: bindparam("new_" + name) for name in names}


# --- channels -----------------------------------------------------------------------------------

_ALL: Final = select(channels).order_by(channels.c.name)
_ONE: Final = select(channels).where(channels.c.name == bindparam("old_name"))
_SET: Final = tuple(name for name in _ChannelRow.__struct_fields__ if name != "name")
_ADD_CHANNEL: Final = insert(channels).values(_binds(_ChannelRow.__struct_fields__))
_SET_CHANNEL: Final = (
    update(channels)
    .where(channels.c.name == bindparam("old_name"), channels.c.version == bindparam("old_version"))
    .values(_binds(_SET))
)
_DROP_CHANNEL: Final = delete(channels).where(channels.c.name == bindparam("old_name"))
_FAILED: Final = (
    update(channels)
    .where(channels.c.name == bindparam("old_name"))
    .values(
        failure=bindparam("new_failure"),
        failing_since=case(
            (channels.c.failing_since == 0, bindparam("now", type_=BigInteger())),
            else_=channels.c.failing_since,
        ),
    )
)
_DELIVERED: Final = (
    update(channels)
    .where(channels.c.name == bindparam("old_name"))
    .values(failure="", failing_since=0, delivered_at=bindparam("now", type_=BigInteger()))
)
_DISABLE: Final = (
    update(channels)
    .where(channels.c.name == bindparam("old_name"), channels.c.version == bindparam("old_version"))
    .values(failure=bindparam("new_failure"), disabled_at=bindparam("now", type_=BigInteger()))
)


async def read_channels(database: Database, name: str = "") -> list[StoredChannel]:
    """Read the channel `name`, or all of them.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_ONE, {"old_name": name}) if name else await database.fetch(_ALL)
    return [_stored(row) for row in msgspec.convert(found, list[_ChannelRow])]


def put_channel(new: StoredChannel) -> Write:
    """Write a channel over the version before it; version 1 is a new one.  What came of it begins anew."""
    name, lost = new.channel.name, ChannelChanged(new.channel.name)
    values: dict[str, Scalar] = {
        "new_entry": msgspec.json.encode(new.channel).decode(),
        "new_takes": "".join(f" {kind} " for kind in new.channel.takes),
        "new_sealed_secret": new.sealed_secret,
        "new_version": new.version,
        "new_changed_at": new.changed_at,
        "new_changed_by": new.changed_by,
        "new_disabled_at": 0,
        "new_failing_since": 0,
        "new_failure": "",
        "new_delivered_at": 0,
    }
    if new.version == 1:
        return Write(_ADD_CHANNEL, values | {"new_name": name}, lost)
    return Write(_SET_CHANNEL, values | {"old_name": name, "old_version": new.version - 1}, lost)


def drop_channel(name: str) -> tuple[Write, ...]:
    """Delete a channel, and what waits for it."""
    seen: dict[str, Scalar] = {"old_name": name}
    lost = ChannelNotFound(name)
    return Write(_DROP_CHANNEL, seen, lost), Write(_DROP_NOTICES, seen, lost, rows=None)


def failed(name: str, failure: str, now: int) -> Write:
    """A notice did not get through a channel."""
    values: dict[str, Scalar] = {"old_name": name, "new_failure": failure, "now": now}
    return Write(_FAILED, values, ChannelNotFound(name), rows=None)


def succeeded(name: str, now: int) -> Write:
    """A notice got through a channel."""
    return Write(_DELIVERED, {"old_name": name, "now": now}, ChannelNotFound(name), rows=None)


def disable(seen: StoredChannel, failure: str, now: int) -> tuple[Write, ...]:
    """The receiver wants nothing any more: nothing goes there until an operator writes the channel anew."""
    name = seen.channel.name
    lost = NoticeMoved(name)
    values: dict[str, Scalar] = {
        "old_name": name,
        "old_version": seen.version,
        "new_failure": failure,
        "now": now,
    }
    return (
        Write(_DISABLE, values, lost),
        Write(_FINISH_ALL, {"old_name": name, "now": now}, lost, rows=None),
    )


def _stored(row: _ChannelRow) -> StoredChannel:
    return StoredChannel(
        msgspec.json.decode(row.entry, type=Channel),
        row.sealed_secret,
        row.version,
        row.changed_at,
        row.changed_by,
        State(row.disabled_at, row.failing_since, row.failure, row.delivered_at),
    )


# --- notices ------------------------------------------------------------------------------------

_SHOWN: Final = [notices.c[name] for name in _NoticeRow.__struct_fields__]
_WAITS: Final = notices.c.finished_at == 0
_earlier: Final = notices.alias("earlier")
_kind: Final = bindparam("new_kind", type_=Text())
_subject: Final = bindparam("new_subject", type_=Text())
_made_at: Final = bindparam("new_made_at", type_=BigInteger())
_ADD_NOTICE: Final = insert(notices).from_select(
    [*_NoticeRow.__struct_fields__, "finished_at"],
    select(
        bindparam("new_id", type_=Text()),
        channels.c.name,
        _kind,
        _subject,
        bindparam("new_title", type_=Text()),
        bindparam("new_lines", type_=Text()),
        bindparam("new_link", type_=Text()),
        _made_at,
        literal(0, BigInteger()),
        _made_at,
        literal(0, BigInteger()),
    ).where(
        channels.c.disabled_at == 0,
        or_(channels.c.takes == "", channels.c.takes.like(bindparam("taken", type_=Text()))),
        not_(
            exists(
                select(_earlier.c.id).where(
                    _earlier.c.channel == channels.c.name,
                    _earlier.c.kind == _kind,
                    _earlier.c.subject == _subject,
                    _earlier.c.made_at > bindparam("quiet_since", type_=BigInteger()),
                )
            )
        ),
    ),
)
_DUE_CHANNELS: Final = (
    select(notices.c.channel)
    .where(_WAITS, notices.c.not_before <= bindparam("now", type_=BigInteger()))
    .distinct()
)
_DUE: Final = (
    select(*_SHOWN)
    .where(
        _WAITS,
        notices.c.not_before <= bindparam("now", type_=BigInteger()),
        notices.c.channel == bindparam("old_channel"),
    )
    .order_by(notices.c.made_at, notices.c.id)
    .limit(bindparam("most", type_=BigInteger()))
)
_COUNTS: Final = select(notices.c.channel, func.count()).where(_WAITS).group_by(notices.c.channel)
_THIS: Final = (notices.c.id == bindparam("old_id"), notices.c.channel == bindparam("old_channel"), _WAITS)
_FINISH: Final = update(notices).where(*_THIS).values(finished_at=bindparam("now", type_=BigInteger()))
_PUT_OFF: Final = (
    update(notices)
    .where(*_THIS)
    .values(
        attempts=bindparam("new_attempts", type_=BigInteger()),
        not_before=bindparam("new_not_before", type_=BigInteger()),
    )
)
_FINISH_ALL: Final = (
    update(notices)
    .where(notices.c.channel == bindparam("old_name"), _WAITS)
    .values(finished_at=bindparam("now", type_=BigInteger()))
)
_DROP_NOTICES: Final = delete(notices).where(notices.c.channel == bindparam("old_name"))
_FORGET: Final = delete(notices).where(
    notices.c.finished_at > 0, notices.c.finished_at < bindparam("before", type_=BigInteger())
)


def add_notice(notice: Notice, quiet_since: int) -> Write:
    """Have a notice wait in every channel that takes it, and was not told of the same thing after `quiet_since`."""
    values: dict[str, Scalar] = {
        "new_id": notice.id,
        "new_kind": notice.kind.value,
        "new_subject": notice.subject,
        "new_title": notice.title,
        "new_lines": msgspec.json.encode(notice.lines).decode(),
        "new_link": notice.link,
        "new_made_at": notice.made_at,
        "taken": f"% {notice.kind.value} %",
        "quiet_since": quiet_since,
    }
    return Write(_ADD_NOTICE, values, NoticeMoved(notice.id), rows=None)


async def read_due_channels(database: Database, now: int) -> list[str]:
    """Read for which channels something is due.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [str(row[0]) for row in await database.fetch(_DUE_CHANNELS, {"now": now})]


async def read_due(database: Database, channel: str, now: int, most: int) -> list[Waiting]:
    """Read up to `most` notices that are due for a channel, the oldest first.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = await database.fetch(_DUE, {"old_channel": channel, "now": now, "most": most})
    return [_waiting(row) for row in msgspec.convert(found, list[_NoticeRow])]


async def read_counts(database: Database) -> dict[str, int]:
    """Read how many notices wait in each channel.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return dict(msgspec.convert(await database.fetch(_COUNTS), list[tuple[str, int]]))


def finish(waiting: Waiting, now: int) -> Write:
    """The notice has arrived, or is given up."""
    values: dict[str, Scalar] = {"old_id": waiting.notice.id, "old_channel": waiting.channel, "now": now}
    return Write(_FINISH, values, NoticeMoved(waiting.notice.id))


def put_off(waiting: Waiting) -> Write:
    """Keep how often the notice was tried, and when it may be tried again."""
    values: dict[str, Scalar] = {
        "old_id": waiting.notice.id,
        "old_channel": waiting.channel,
        "new_attempts": waiting.attempts,
        "new_not_before": waiting.not_before,
    }
    return Write(_PUT_OFF, values, NoticeMoved(waiting.notice.id))


def forget(before: int) -> Write:
    """Delete what was over before an instant."""
    return Write(_FORGET, {"before": before}, NoticeMoved(""), rows=None)


def _waiting(row: _NoticeRow) -> Waiting:
    lines = msgspec.json.decode(row.lines, type=tuple[str, ...])
    notice = Notice(row.id, row.kind, row.subject, row.title, lines, row.link, row.made_at)
    return Waiting(notice, row.channel, row.attempts, row.not_before)
