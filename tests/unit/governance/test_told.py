# SPDX-License-Identifier: Apache-2.0
"""What people are told of: a review that begins, and agents whose owner left.  In the same commit, or not at all."""

import pytest

from smartagent.kernel import Work
from smartagent.notices import Channel
from smartagent.notices.model import StoredChannel
from smartagent.notices.store import put_channel, read_due
from smartagent.policy import Grants
from tests.unit.governance.test_access import asked
from tests.unit.governance.test_break_glass import confirmed, in_force, made_key, opened
from tests.unit.governance.test_scim import agent_of, directory

LATE = 2**40


@pytest.fixture
async def told(world):
    """What waits for a channel that takes everything."""
    channel = StoredChannel(Channel("ops", webhook="https://hooks.example/"), b"x", 1, 1, "opr_1")
    await world.store.commit(Work((), writes=(put_channel(channel),)))

    async def read():
        return [each.notice for each in await read_due(world.store, "ops", LATE, 100)]

    return read


async def test_a_review_that_begins_is_told_of_with_its_due_date(world, ada, bot, told):
    body = {"name": "q3", "due_seconds": 86_400, "unanswered": "remove"}
    assert (await ada.call("POST", "/v1/reviews", body))[0] == 201
    assert (await ada.call("POST", "/v1/reviews", body))[0] == 409
    (notice,) = await told()
    assert (notice.kind, notice.subject) == ("reviews", "review/q3")
    assert notice.title == "The access review q3 has begun; it is due 2027-01-16T08:00:00Z"
    assert "The unanswered then get: remove." in notice.lines[0]
    assert notice.link == "https://auth.example/v1/reviews/q3"


@pytest.mark.parametrize(("on_leave", "became"), [("suspend", "suspended"), ("retire", "retired")])
async def test_agents_whose_owner_leaves_are_told_of_and_a_hostile_name_is_shown_as_it_is(
    world, ada, told, on_leave, became
):
    hr = await directory(world, ada, on_leave=on_leave)
    bo = await hr.join("bo@example.com", displayName="Bo\u202e")
    await agent_of(world, ada, bo)
    await agent_of(world, ada, bo)
    await hr.leave(bo)
    (notice,) = await told()
    assert (notice.kind, notice.subject) == ("agents", bo)
    assert notice.title == "Bo[U+202E] left, and 2 agents lost their owner"
    assert f": {became}." in notice.lines[0]


async def test_who_leaves_without_agents_is_nobodys_concern(world, ada, told):
    hr = await directory(world, ada)
    await hr.leave(await hr.join("bo@example.com"))
    assert await told() == []


@pytest.fixture
async def bob(world, ada):
    world.roles["fixer"] = Grants((), 3600, ("fix",))
    return await world.operator("bob")


async def test_a_break_glass_is_told_of_when_it_waits_when_it_is_in_force_and_when_it_is_over(
    world, ada, bob, bot, told
):
    _, view = await opened(ada, bot)
    assert (await confirmed(ada, view))[0] == 403
    world.clock.at += 1
    await confirmed(bob, view)
    world.clock.at += 901
    await world.governance.caretaker.step()
    waits, holds, over = await told()
    assert {each.kind for each in (waits, holds, over)} == {"break-glass"}
    assert {each.subject for each in (waits, holds, over)} == {view["id"]}
    assert waits.title == f"Break-glass waits for you: {bot.id} as fixer"
    assert waits.lines[0] == "Reason: the orders database is down"
    assert waits.lines[-1].endswith(f"smartagentctl break-glass confirm {view['id']}")
    assert holds.title == f"Break-glass in force until 2027-01-15T08:15:01Z: {bot.id} as fixer"
    assert f"Confirmed by {bob.id}." in holds.lines
    assert over.title == f"Break-glass over: {bot.id} as fixer"
    assert "smartagentctl review show break-glass-" in over.lines[-1]


async def test_a_break_glass_that_is_ended_or_given_up_is_told_of_once(world, ada, bob, bot, told):
    view = await in_force(ada, bob, bot)
    world.clock.at += 1
    for _ in range(2):
        await ada.call("DELETE", f"/v1/break-glass/{view['id']}")
    world.clock.at += 1
    _, waiting = await opened(ada, bot)
    world.clock.at += 1
    await bob.call("DELETE", f"/v1/break-glass/{waiting['id']}")
    titles = [each.title.partition(":")[0] for each in (await told())[2:]]
    assert titles == ["Break-glass over", "Break-glass waits for you", "Break-glass not confirmed"]


async def test_a_recovery_key_is_named_by_its_id_and_never_shown(world, ada, bob, bot, told):
    key, shown = await made_key(ada)
    await opened(bob, bot, recovery_key=shown)
    (notice,) = await told()
    assert f"The recovery key {key} stood for a second person." in notice.lines
    assert shown not in str(notice)


async def test_an_agent_that_asks_for_access_is_told_of_once_with_its_words_cleaned(world, ada, bot, told):
    for _ in range(2):
        await asked(world, bot, wanted="the \u202earchive")
    (notice,) = await told()
    assert notice.kind == "approvals"
    assert notice.title == f"{bot.id} asks for access that order-reader does not have"
    assert notice.lines[0] == "Wanted: the [U+202E]archive"
    assert notice.link.startswith("https://auth.example/v1/access-requests/req_")
