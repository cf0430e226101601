# SPDX-License-Identifier: Apache-2.0
"""What people are told of: a review that begins, and agents whose owner left.  In the same commit, or not at all."""

import pytest

from smartagent.kernel import Work
from smartagent.notices import Channel
from smartagent.notices.model import StoredChannel
from smartagent.notices.store import put_channel, read_due
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
