# SPDX-License-Identifier: Apache-2.0
"""What notices say to their tables, on both engines."""

import pytest
from msgspec import structs

from smartagent.notices import Channel, ChannelChanged, ChannelNotFound, Notice, NoticeKind, NoticeMoved
from smartagent.notices.model import State, StoredChannel, Waiting
from smartagent.notices.store import (
    add_notice,
    disable,
    drop_channel,
    failed,
    finish,
    forget,
    put_channel,
    put_off,
    read_channels,
    read_counts,
    read_due,
    read_due_channels,
    succeeded,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

HOOK = Channel("hook", webhook="https://hooks.example/ü", allow_private=True)
MAIL = Channel("mail", email="ada@example.com", takes=(NoticeKind.REVIEWS, NoticeKind.BREAK_GLASS))
OPS = StoredChannel(HOOK, b"\x00\xff", 1, 5, "opr_1")
ADA = StoredChannel(MAIL, b"", 1, 6, "opr_1")
LATE = 2**40


def notice(name="ntc_1", kind=NoticeKind.ALARMS, subject="secret/a", made_at=LATE):
    return Notice(name, kind, subject, "ü ' %", ("one", "zwö"), "https://a/x", made_at)


async def waiting(engine, now=LATE):
    return {
        name: [each.notice.id for each in await read_due(engine, name, now, 10)]
        for name in sorted(await read_due_channels(engine, now))
    }


@pytest.fixture
async def both(engine):
    await engine.apply(put_channel(OPS), put_channel(ADA))
    return engine


async def test_a_channel_is_read_as_it_was_written_and_changed_from_the_version_before(both):
    assert await read_channels(both) == [OPS, ADA]
    assert await read_channels(both, "mail") == [ADA]
    assert await read_channels(both, "none") == []
    with pytest.raises(ChannelChanged):
        await both.apply(put_channel(OPS))
    changed = structs.replace(OPS, sealed_secret=b"x", version=2, changed_by="opr_2")
    await both.apply(put_channel(changed))
    with pytest.raises(ChannelChanged):
        await both.apply(put_channel(changed))
    assert await read_channels(both, "hook") == [changed]


async def test_a_notice_waits_in_each_channel_that_takes_its_kind(both):
    for number, kind in enumerate(NoticeKind):
        await both.apply(add_notice(notice(f"ntc_{number}_{kind}", kind), LATE))
    found = await waiting(both)
    assert [each.partition("_")[2][2:] for each in found["hook"]] == [kind.value for kind in NoticeKind]
    assert [each.partition("_")[2][2:] for each in found["mail"]] == ["reviews", "break-glass"]
    (first, *_) = await read_due(both, "hook", LATE, 1)
    assert first == Waiting(notice("ntc_0_approvals", NoticeKind.APPROVALS), "hook", 0, LATE)
    assert await read_counts(both) == {"hook": len(NoticeKind), "mail": 2}


async def test_nothing_is_due_before_its_time(both):
    await both.apply(add_notice(notice(), LATE))
    assert await waiting(both, LATE - 1) == {}
    (found,) = await read_due(both, "hook", LATE, 10)
    await both.apply(put_off(structs.replace(found, attempts=3, not_before=LATE + 7)))
    assert await waiting(both, LATE + 6) == {}
    ((again),) = await read_due(both, "hook", LATE + 7, 10)
    assert (again.attempts, again.not_before) == (3, LATE + 7)


async def test_what_is_over_is_over_once(both):
    await both.apply(add_notice(notice(), LATE))
    (found,) = await read_due(both, "hook", LATE, 10)
    await both.apply(finish(found, LATE))
    for write in (finish(found, LATE), put_off(found)):
        with pytest.raises(NoticeMoved):
            await both.apply(write)
    assert await waiting(both) == await read_counts(both) == {}


async def test_the_same_thing_is_not_told_again_for_a_while_also_when_it_was_delivered(both):
    await both.apply(add_notice(notice("ntc_1"), LATE - 600))
    (found,) = await read_due(both, "hook", LATE, 10)
    await both.apply(finish(found, LATE))
    await both.apply(add_notice(notice("ntc_2", made_at=LATE + 599), LATE - 1))
    await both.apply(add_notice(notice("ntc_3", subject="secret/b", made_at=LATE + 599), LATE - 1))
    await both.apply(add_notice(notice("ntc_4", kind=NoticeKind.AGENTS, made_at=LATE + 599), LATE - 1))
    await both.apply(add_notice(notice("ntc_5", made_at=LATE + 600), LATE))
    assert await waiting(both, LATE + 600) == {"hook": ["ntc_3", "ntc_4", "ntc_5"]}


async def test_a_channel_keeps_what_came_of_it(both):
    await both.apply(failed("hook", "status 500", 10))
    await both.apply(failed("hook", "status 502", 20))
    assert (await read_channels(both, "hook"))[0].state == State(0, 10, "status 502", 0)
    await both.apply(succeeded("hook", 30))
    assert (await read_channels(both, "hook"))[0].state == State(delivered_at=30)
    assert (await read_channels(both, "mail"))[0].state == State()
    await both.apply(failed("none", "x", 1), succeeded("none", 1))


async def test_a_disabled_channel_takes_nothing_until_it_is_written_anew(both):
    await both.apply(add_notice(notice("ntc_1"), LATE))
    await both.apply(*disable(OPS, "status 410", 40))
    await both.apply(add_notice(notice("ntc_2"), LATE))
    assert await waiting(both) == {}
    assert (await read_channels(both, "hook"))[0].state == State(40, 0, "status 410", 0)
    await both.apply(put_channel(structs.replace(OPS, version=2)))
    with pytest.raises(NoticeMoved):
        # Whoever wrote it anew knows more than an answer from before.
        await both.apply(*disable(OPS, "status 410", 50))
    await both.apply(add_notice(notice("ntc_3"), LATE))
    assert await waiting(both) == {"hook": ["ntc_3"]}


async def test_a_deleted_channel_takes_what_waits_along(both):
    await both.apply(add_notice(notice(kind=NoticeKind.REVIEWS), LATE))
    await both.apply(*drop_channel("hook"))
    with pytest.raises(ChannelNotFound):
        await both.apply(*drop_channel("hook"))
    assert await waiting(both) == {"mail": ["ntc_1"]}


async def test_what_is_over_is_forgotten_and_what_waits_is_not(both):
    await both.apply(add_notice(notice("ntc_1"), LATE), add_notice(notice("ntc_2"), LATE))
    first, _ = await read_due(both, "hook", LATE, 10)
    await both.apply(finish(first, LATE))
    await both.apply(forget(LATE))
    await both.apply(add_notice(notice("ntc_3"), LATE - 1))
    assert await waiting(both) == {"hook": ["ntc_2"]}
    await both.apply(forget(LATE + 1))
    assert await read_counts(both) == {"hook": 1}
