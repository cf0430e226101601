# SPDX-License-Identifier: Apache-2.0
"""From told to delivered, and every way it can be interrupted."""

import asyncio
import logging

import pytest

from smartagent.notices import NotDelivered, NoticeKind, ReceiverGone
from smartagent.notices.rules import GIVEN_UP_SECONDS, LONGEST_PAUSE_SECONDS
from tests.unit.notices.world import HOOK, NoticesWorld


@pytest.fixture
async def desk(world, ada):
    """Channels, by how their entry differs."""

    async def put(name, **entry):
        status, view = await ada.call("PUT", f"/v1/channels/{name}", {"webhook": HOOK} | entry)
        assert status in {200, 201}, view
        return view

    return put


async def listed(ada, name):
    status, view = await ada.call("GET", "/v1/channels")
    assert status == 200
    return next(each for each in view["channels"] if each["name"] == name)


async def test_a_notice_goes_through_every_channel_that_takes_its_kind(world, desk):
    await desk("all")
    await desk("some", takes=["alarms", "break-glass"])
    await world.tell("first", NoticeKind.APPROVALS)
    await world.tell("second", NoticeKind.BREAK_GLASS)
    await world.deliver()
    assert world.receivers.titles("all") == ["first", "second"]
    assert world.receivers.titles("some") == ["second"]


async def test_without_a_channel_nothing_is_kept(world, desk):
    await world.tell("before")
    await desk("late")
    await world.deliver()
    assert world.receivers.got == []


async def test_a_notice_is_delivered_once_and_the_log_says_so(world, ada, desk):
    await desk("ops")
    await world.tell("look", lines=["a", "b"], link="/v1/approvals/apr_1")
    await world.deliver()
    await world.deliver()
    ((_, notice),) = world.receivers.got
    assert (notice.kind, notice.subject, notice.lines) == (NoticeKind.APPROVALS, "apr_1", ("a", "b"))
    assert notice.link == "https://auth.example/v1/approvals/apr_1"
    (record,) = world.events("notice.delivered")
    assert (record.subject, record.target) == ("channel/ops", f"notice/{notice.id}")
    assert record.detail == {"kind": "approvals", "about": "apr_1"}
    shown = await listed(ada, "ops")
    assert (shown["state"], shown["waiting"]) == ("working", 0)
    assert shown["delivered_at"]


@pytest.mark.requirement("WH-6")
async def test_what_is_not_taken_is_sent_again_later_with_the_same_id(world, ada, desk):
    await desk("ops")
    world.receivers.failing["ops"] = [NotDelivered("status 500"), NotDelivered("status 503")]
    await world.tell()
    await world.deliver()
    shown = await listed(ada, "ops")
    assert (shown["state"], shown["failure"], shown["waiting"]) == ("failing", "status 500", 1)
    since = shown["failing_since"]
    await world.deliver()
    assert len(world.receivers.failing["ops"]) == 1
    world.clock.at += 2
    await world.deliver()
    shown = await listed(ada, "ops")
    assert (shown["failure"], shown["failing_since"]) == ("status 503", since)
    world.clock.at += 3
    await world.deliver()
    assert len(set(world.receivers.ids("ops"))) == len(world.receivers.got) == 1
    assert (await listed(ada, "ops"))["state"] == "working"


async def test_what_is_sent_again_keeps_its_id(world, desk):
    await desk("ops")
    await world.tell()
    world.receivers.dies_after_taking = True
    await world.deliver()
    world.receivers.dies_after_taking = False
    await world.another_node("two").notices.deliverer.step()
    assert len(world.receivers.got) == 1
    await world.notices.deliverer.stop()
    two = world.another_node("two")
    await two.deliver()
    first, second = world.receivers.ids("ops")
    assert first == second
    assert len(world.events("notice.delivered")) == 1


async def test_after_a_day_it_is_given_up_and_the_log_says_so(world, ada, desk, caplog):
    await desk("ops")
    await world.tell()
    tries = 0
    while not world.events("notice.given-up"):
        world.receivers.failing["ops"] = [NotDelivered("status 500")]
        await world.deliver()
        tries += not world.receivers.failing["ops"]
        world.clock.at += LONGEST_PAUSE_SECONDS / 2 + 1
    assert 96 <= tries <= 220
    (record,) = world.events("notice.given-up")
    assert record.detail["reason"] == "status 500"
    assert record.at_ms / 1000 - 1_800_000_000 >= GIVEN_UP_SECONDS
    assert "given up" in caplog.text
    await world.deliver()
    assert world.receivers.got == []
    await ada.login()
    shown = await listed(ada, "ops")
    assert (shown["state"], shown["waiting"]) == ("failing", 0)


async def test_a_slow_channel_does_not_hold_another(world, desk):
    await desk("slow")
    await desk("quick")
    world.receivers.slow["slow"] = asyncio.Event()
    await world.tell("one")
    await world.notices.deliverer.step()
    await world.receivers.taken.wait()
    assert world.receivers.titles("quick") == ["one"]
    # Nor is it sent twice meanwhile.
    await world.notices.deliverer.step()
    world.receivers.slow["slow"].set()
    await world.notices.deliverer.settle()
    assert world.receivers.titles("slow") == ["one"]


async def test_one_that_is_never_taken_does_not_hold_the_others_of_its_channel(world, desk):
    await desk("ops")
    await world.tell("poison", subject="apr_1")
    world.receivers.failing["ops"] = [NotDelivered("status 400")]
    await world.deliver()
    await world.tell("next", subject="apr_2")
    await world.deliver()
    assert world.receivers.titles("ops") == ["next"]


@pytest.mark.requirement("WH-5")
async def test_a_receiver_that_is_gone_disables_its_channel_until_it_is_written_anew(world, ada, desk):
    await desk("ops")
    await world.tell("one", subject="apr_1")
    await world.tell("two", subject="apr_2")
    world.receivers.failing["ops"] = [ReceiverGone("status 410")]
    await world.deliver()
    await world.tell("three", subject="apr_3")
    await world.deliver()
    assert world.receivers.got == []
    (record,) = world.events("channel.disabled")
    assert (record.subject, record.detail["reason"], record.detail["dropped"]) == (
        "channel/ops",
        "status 410",
        2,
    )
    shown = await listed(ada, "ops")
    assert (shown["state"], shown["failure"], shown["waiting"]) == ("disabled", "status 410", 0)
    await desk("ops")
    await world.tell("four", subject="apr_4")
    await world.deliver()
    assert world.receivers.titles("ops") == ["four"]


async def test_alarms_about_the_same_thing_are_told_once_in_a_while(world, desk):
    await desk("ops")
    for _ in range(5):
        await world.tell("leak", NoticeKind.ALARMS, "secret/a")
        await world.deliver()
    await world.tell("leak", NoticeKind.ALARMS, "secret/b")
    await world.deliver()
    assert len(world.receivers.got) == 2
    world.clock.at += 600
    await world.tell("again", NoticeKind.ALARMS, "secret/a")
    await world.deliver()
    assert world.receivers.titles("ops") == ["leak", "leak", "again"]


async def test_only_whoever_has_the_turn_delivers(world, desk):
    await desk("ops")
    two = world.another_node("two")
    await world.tell("one")
    await asyncio.gather(world.notices.deliverer.step(), two.notices.deliverer.step())
    await asyncio.gather(world.notices.deliverer.settle(), two.notices.deliverer.settle())
    assert world.receivers.titles("ops") == ["one"]


async def test_what_waits_for_a_deleted_channel_goes_with_it(world, ada, desk):
    await desk("ops")
    await world.tell()
    assert (await ada.call("DELETE", "/v1/channels/ops"))[0] == 204
    await desk("ops")
    await world.deliver()
    assert world.receivers.got == []


async def test_a_channel_that_is_deleted_while_a_notice_is_sent_leaves_nothing_behind(world, ada, desk):
    await desk("ops")
    world.receivers.slow["ops"] = asyncio.Event()
    await world.tell()
    await world.notices.deliverer.step()
    await ada.call("DELETE", "/v1/channels/ops")
    world.receivers.slow["ops"].set()
    await world.notices.deliverer.settle()
    assert world.events("notice.delivered") == []


async def test_what_is_over_is_forgotten_after_a_day(world, desk):
    await desk("ops")
    await world.tell()
    await world.deliver()
    world.clock.at += 86_399
    await world.deliver()
    assert await world.store.fetch(_all()) != []
    world.clock.at += 601
    await world.deliver()
    assert await world.store.fetch(_all()) == []


def _all():
    from sqlalchemy import select

    from smartagent.notices.store import notices

    return select(notices.c.id)


async def test_a_bug_in_one_channel_stays_there(world, desk, caplog):
    await desk("ops")
    await desk("other")
    world.receivers.failing["ops"] = [RuntimeError("a bug")]
    await world.tell("one")
    with caplog.at_level(logging.ERROR):
        await world.deliver()
    assert world.receivers.titles("other") == ["one"]
    assert "notices for ops cannot be sent" in caplog.text


async def test_the_worker_delivers_until_it_is_stopped(world, desk):
    await desk("ops")
    await world.tell("one")
    world.notices.start()
    await world.receivers.taken.wait()
    await world.notices.stop()
    assert world.turns.holder == ""


async def test_without_mail_an_address_is_no_channel_and_one_from_before_fails(world, ada, desk):
    await desk("mail", webhook="", email="ada@example.com")
    bare = NoticesWorld(world.clock, world.store, "bare", world.receivers, world.turns, mail=False)
    await world.tell()
    await bare.deliver()
    assert (await listed(ada, "mail"))["failure"] == "mail is not set up"
