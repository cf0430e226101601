# SPDX-License-Identifier: Apache-2.0
"""How far an agent is trusted: set by operators, with a reason."""

import pytest


async def test_a_standing_is_set_with_a_reason_and_seen_at_once(world, ada, bot):
    asked = {"standing": "watched", "reason": "it asked for odd things"}
    status, view = await ada.call("POST", f"/v1/agents/{bot.id}/standing", asked)

    assert (status, view["standing"]) == (200, "watched")
    assert world.identity.directory.agent(bot.id).standing == "watched"
    record = world.store.records[-1]
    assert (record.event, record.subject) == ("agent.standing-changed", bot.id)
    assert record.detail == {"from": "normal", "to": "watched", "reason": "it asked for odd things"}


@pytest.mark.parametrize(
    "asked",
    [{"standing": "watched", "reason": ""}, {"standing": "odd", "reason": "x"}, {"standing": "watched"}],
)
async def test_a_standing_without_a_reason_or_a_meaning_is_refused(world, ada, bot, asked):
    assert (await ada.call("POST", f"/v1/agents/{bot.id}/standing", asked))[0] == 400
    assert world.identity.directory.agent(bot.id).standing == "normal"


async def test_an_agent_that_is_suspended_and_resumed_keeps_its_standing(world, ada, bot):
    await ada.call("POST", f"/v1/agents/{bot.id}/standing", {"standing": "restricted", "reason": "x"})
    for status in ("suspended", "active"):
        await ada.call("POST", f"/v1/agents/{bot.id}/status", {"status": status, "reason": "x"})

    assert world.identity.directory.agent(bot.id).standing == "restricted"
