# SPDX-License-Identifier: Apache-2.0
"""What governance says to its tables, on both engines."""

import pytest
from msgspec import structs

from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.store import add_elevation, end_elevation, read_elevation, read_open
from smartagent.governance.errors import (
    ElevatedAlready,
    GovernanceChanged,
    NotWithdrawn,
    ReviewDecided,
    ReviewTaken,
    ScimStale,
    ScimTaken,
    SourceNotFound,
)
from smartagent.governance.model import Sighting, Terms, Use
from smartagent.governance.people.model import Group, OnLeave, Person, Source
from smartagent.governance.people.store import (
    count_people,
    drop_group,
    drop_source,
    leave_groups,
    person_named,
    put_group,
    put_person,
    put_source,
    read_gone,
    read_group,
    read_groups,
    read_here,
    read_members,
    read_people,
    read_person,
    read_source,
    read_sources,
    source_of_token,
)
from smartagent.governance.reviews.model import Item, Review
from smartagent.governance.reviews.store import (
    add_review,
    close_review,
    count_unanswered,
    decide_item,
    give_back,
    read_due,
    read_item,
    read_items,
    read_review,
    read_reviews,
    read_unanswered,
    read_withdrawn,
    withdraw,
)
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
from smartagent.identity import (
    Agent,
    AgentChanged,
    AgentStatus,
    add_agent,
    read_agent,
    read_agents_of,
    set_standing,
)
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


BO = Person("prs_1", "hr", "bo", "00u1", 1, '{"userName":"Bo"}', 1, 5, 5)
OPS = Group("grp_1", "hr", "", '{"displayName":"Ops"}', 1, 5, 5)
HR = Source("hr", OnLeave.REASSIGN, "opr_1", "https://idp.example", 2**40, 1, 5, "opr_1")


async def test_a_directory_is_found_by_its_newest_token_only(engine):
    await engine.apply(put_source(HR, b"one"))
    renewed = structs.replace(HR, version=2, on_leave=OnLeave.RETIRE)
    await engine.apply(put_source(renewed, b"two"))
    with pytest.raises(GovernanceChanged):
        await engine.apply(put_source(renewed, b"three"))
    assert await source_of_token(engine, b"one") is None
    assert await source_of_token(engine, b"two") == renewed == await read_source(engine, "hr")
    assert await read_sources(engine) == [renewed]
    await engine.apply(drop_source("hr"))
    with pytest.raises(SourceNotFound):
        await engine.apply(drop_source("hr"))


async def test_a_name_is_one_persons_of_a_directory_until_they_are_deleted(engine):
    await engine.apply(put_person(BO))
    for other in (structs.replace(BO, id="prs_2"), BO):
        with pytest.raises(ScimTaken):
            await engine.apply(put_person(other))
    await engine.apply(put_person(structs.replace(BO, id="prs_3", source="other")))
    assert await person_named(engine, "hr", "bo") == BO
    gone = structs.replace(BO, user_key="deleted:prs_1", active=0, version=2, deleted_at=9)
    await engine.apply(put_person(gone))
    with pytest.raises(ScimStale):
        await engine.apply(put_person(gone))
    await engine.apply(put_person(structs.replace(BO, id="prs_2")))
    assert await read_person(engine, "prs_1") == gone
    assert await read_here(engine) == {"prs_2", "prs_3"}
    assert await read_gone(engine) == [gone]
    assert [each.id for each in await read_people(engine, "hr", start=0, most=9)] == ["prs_2"]
    assert await read_people(engine, "hr", start=1, most=9) == []
    assert await count_people(engine, "hr") == 1


async def test_a_group_and_its_people_change_together(engine):
    await engine.apply(*put_group(OPS, frozenset(), frozenset({"prs_1", "prs_2"})))
    moved = structs.replace(OPS, version=2)
    await engine.apply(*put_group(moved, frozenset({"prs_1", "prs_2"}), frozenset({"prs_2", "prs_3"})))
    with pytest.raises(ScimStale):
        await engine.apply(*put_group(moved, frozenset(), frozenset({"prs_9"})))
    assert await read_members(engine, "grp_1") == ["prs_2", "prs_3"]
    await engine.apply(leave_groups("prs_3"))
    assert await read_members(engine, "grp_1") == ["prs_2"]
    assert await read_groups(engine, "hr", start=0, most=5) == [moved]
    with pytest.raises(ScimStale):
        await engine.apply(*drop_group(OPS))
    await engine.apply(*drop_group(moved))
    assert (await read_group(engine, "grp_1"), await read_members(engine, "grp_1")) == (None, [])


async def test_the_agents_of_an_owner_are_all_found(engine):
    bots = [Agent(f"agt_{n:04}", "b", "prs_1", "r", AgentStatus.ACTIVE, b"k", 1, 1) for n in range(501)]
    await engine.apply(*(add_agent(bot) for bot in bots))
    await engine.apply(add_agent(Agent("agt_x", "b", "prs_2", "r", AgentStatus.ACTIVE, b"k", 1, 1)))
    assert await read_agents_of(engine, "prs_1") == bots


async def test_an_agent_has_one_open_elevation_and_its_end_is_recorded_once(engine):
    first = Elevation("elv_1", "agt_1", "deployer", "why", "opr_1", 5_000, 2**40)
    await engine.apply(add_elevation(first))
    second = structs.replace(first, id="elv_2")
    with pytest.raises(ElevatedAlready):
        await engine.apply(add_elevation(second))
    assert await read_open(engine) == await read_open(engine, "agt_1") == [first]
    await engine.apply(end_elevation("elv_1", now=9))
    with pytest.raises(GovernanceChanged):
        await engine.apply(end_elevation("elv_1", now=10))
    assert await read_elevation(engine, "elv_1") == structs.replace(first, ended_at=9)
    await engine.apply(add_elevation(second))
    assert await read_open(engine, "agt_1") == [second]


async def test_of_two_decisions_about_one_item_the_second_loses_whole(engine):
    review = Review("q3", "keep", "", "", "opr_1", 5, 2**40)
    items = [Item("q3", number, "agt_1", "opr_1", f"role/{number}", 7) for number in (1, 2, 3)]
    await engine.apply(*add_review(review, items))
    with pytest.raises(ReviewTaken):
        await engine.apply(*add_review(review, []))
    kept = structs.replace(items[1], decision="keep", decided_by="opr_1", decided_at=9)
    await engine.apply(decide_item(kept))
    with pytest.raises(ReviewDecided):
        await engine.apply(
            decide_item(structs.replace(items[1], decision="remove")), *withdraw("agt_1", "db")
        )
    assert await read_withdrawn(engine) == []
    assert await read_item(engine, "q3", 2) == kept
    assert await read_items(engine, "q3", after=1, most=5) == [kept, items[2]]
    assert await read_unanswered(engine, "q3", most=5) == [items[0], items[2]]
    assert await count_unanswered(engine, "q3") == 2


async def test_a_review_is_due_until_it_is_closed_and_is_closed_once(engine):
    review = Review("q3", "keep", "", "", "opr_1", 5, 100)
    await engine.apply(*add_review(review, []))
    assert (await read_due(engine, now=99), await read_due(engine, now=100)) == ([], [review])
    await engine.apply(close_review("q3", now=101))
    with pytest.raises(ReviewDecided):
        await engine.apply(close_review("q3", now=102))
    assert await read_due(engine, now=200) == []
    assert await read_reviews(engine) == [structs.replace(review, closed_at=101)]
    assert await read_review(engine, "q4") is None


async def test_a_credential_is_withdrawn_once_however_often_it_is_said(engine):
    for _ in range(2):
        await engine.apply(*withdraw("agt_1", "db"))
    await engine.apply(*withdraw("agt_2", "db"))
    assert await read_withdrawn(engine, "agt_1") == [("agt_1", "db")]
    await engine.apply(give_back("agt_1", "db"))
    with pytest.raises(NotWithdrawn):
        await engine.apply(give_back("agt_1", "db"))
    assert await read_withdrawn(engine) == [("agt_2", "db")]
