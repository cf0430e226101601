# SPDX-License-Identifier: Apache-2.0
"""What governance says to its tables, on both engines."""

import pytest

from smartagent.governance.errors import GovernanceChanged
from smartagent.governance.model import Sighting, Terms, Use
from smartagent.governance.store import (
    add_sighting,
    put_terms,
    put_uses,
    read_all_terms,
    read_last_uses,
    read_position,
    read_sighting,
    read_terms,
    read_uses,
    set_position,
    sighting_of,
)
from smartagent.identity import Agent, AgentChanged, AgentStatus, add_agent, read_agent, set_standing
from smartagent.identity.store import take_up
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]


async def test_terms_are_written_over_what_was_seen_and_no_limit_is_not_the_houses(engine):
    await engine.apply(put_terms(Terms("agt_1", None, 0, 1)))
    await engine.apply(put_terms(Terms("agt_1", 2**40, None, 2)))
    assert await read_terms(engine, "agt_1") == Terms("agt_1", 2**40, None, 2)
    assert await read_all_terms(engine) == {"agt_1": Terms("agt_1", 2**40, None, 2)}
    for late in (Terms("agt_1", 5, 5, 2), Terms("agt_1", 5, 5, 1)):
        with pytest.raises(GovernanceChanged):
            await engine.apply(put_terms(late))
    assert await read_terms(engine, "agt_2") is None


async def test_a_reference_is_noted_once(engine):
    seen = Sighting("crm/ü", "agt_1", "crm", 7)
    await engine.apply(add_sighting(seen))
    with pytest.raises(GovernanceChanged):
        await engine.apply(add_sighting(Sighting("crm/ü", "agt_2", "crm", 8)))
    assert await read_sighting(engine, "crm/ü") == seen
    assert await sighting_of(engine, "agt_1") == seen
    assert await sighting_of(engine, "agt_2") is None


async def test_of_each_thing_the_last_use_is_kept(engine):
    await engine.apply(
        *put_uses([Use("agt_1", "", 5), Use("agt_1", "upstream/shop", 5), Use("agt_2", "", 6)])
    )
    await engine.apply(*put_uses([Use("agt_1", "", 9)]))
    assert await read_uses(engine, "agt_1") == {"": 9, "upstream/shop": 5}
    assert await read_last_uses(engine) == {"agt_1": 9, "agt_2": 6}


async def test_two_followers_of_the_log_do_not_both_go_on(engine):
    assert await read_position(engine, "governance") is None
    await engine.apply(set_position("governance", None, 10))
    for seen in (None, 9):
        with pytest.raises(GovernanceChanged):
            await engine.apply(set_position("governance", seen, 20))
    await engine.apply(set_position("governance", 10, 20))
    assert await read_position(engine, "governance") == 20


async def test_standing_changes_from_what_was_seen_and_a_pending_agent_is_taken_up_once(engine):
    waiting = Agent("agt_1", "bot", "opr_1", "reader", AgentStatus.DISCOVERED, b"", 1, 1)
    await engine.apply(add_agent(waiting))
    pending = Agent("agt_1", "bot", "opr_2", "writer", AgentStatus.PENDING, b"", 1, 2)
    await engine.apply(set_standing(waiting, pending))
    with pytest.raises(AgentChanged):
        await engine.apply(set_standing(waiting, pending))
    active = Agent("agt_1", "named", "opr_2", "writer", AgentStatus.ACTIVE, b"k" * 32, 3, 3)
    await engine.apply(take_up(active))
    assert await read_agent(engine, "agt_1") == active
    with pytest.raises(AgentChanged):
        await engine.apply(take_up(active))
