# SPDX-License-Identifier: Apache-2.0
"""Recorded delegations: who may record which, who sees them, and that they end for everybody at once."""

import pytest

from smartagent.delegation.errors import DelegationChanged
from smartagent.delegation.recording import KEPT_SECONDS
from smartagent.delegation.rules import MAX_LIVE_PER_DELEGATOR
from smartagent.delegation.store import add_delegation, delegation_changed, revoke_delegation
from smartagent.federation import person_id
from smartagent.kernel import Work
from tests.unit.delegation.world import API, GATEWAY, NOW, OTHER_API

PERSON = person_id("https://idp.example", "u-1")


async def by(world, agent, method, target, body=None, token=None):
    """Call as an agent, with its own token."""
    token = token or (await agent.session())["access_token"]
    return await world.call(method, target, body, {"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("who", ["agent", "operator", "person"])
async def test_an_operator_records_for_anybody(world, ada, alice, bob, who):
    delegator = {"agent": alice.id, "operator": ada.id, "person": PERSON}[who]
    body = {
        "from": delegator,
        "to": bob.id,
        "scope": "orders:read orders:read",
        "audience": API,
        "ttl_seconds": 60,
        "depth_allowed": 1,
        "reason": "for the audit",
    }
    status, view = await ada.call("POST", "/v1/delegations", body)
    assert status == 201
    assert view["id"].startswith("dlg_")
    assert view == {
        "id": view["id"],
        "from": delegator,
        "to": bob.id,
        "scope": "orders:read",
        "audience": API,
        "depth_allowed": 1,
        "until": "2027-01-15T08:01:00Z",
        "created_by": ada.id,
        "created_at": "2027-01-15T08:00:00Z",
        "live": True,
        "reason": "for the audit",
    }
    assert await ada.call("GET", f"/v1/delegations/{view['id']}") == (200, view)
    record = next(each for each in world.store.records if each.event == "delegation.created")
    assert (record.caller, record.subject, record.target) == (ada.id, delegator, f"delegation/{view['id']}")
    assert (record.detail["to"], record.detail["until"]) == (bob.id, NOW + 60)


async def test_an_agent_records_for_itself(world, alice, bob):
    status, view = await by(world, alice, "POST", "/v1/delegations", {"to": bob.id, "scope": "orders:read"})
    assert (status, view["from"], view["created_by"]) == (201, alice.id, alice.id)
    await world.exchanged(bob, (await alice.session())["access_token"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"from": "bob"}, "not-permitted"),
        ({"scope": "stock:read"}, "malformed-delegation"),
        ({"audience": OTHER_API}, "malformed-delegation"),
        ({"to": "alice"}, "malformed-delegation"),
    ],
)
async def test_an_agent_records_nothing_beyond_itself(world, alice, bob, carol, body, code):
    names = {"alice": alice.id, "bob": bob.id}
    body = {name: names.get(value, value) for name, value in body.items()}
    status, answer = await by(world, alice, "POST", "/v1/delegations", {"to": carol.id, **body})
    assert (status, answer["type"]) == (
        403 if code == "not-permitted" else 400,
        f"urn:smartagent:error:{code}",
    )


async def test_a_delegated_token_records_and_revokes_nothing(world, ada, alice, bob, carol, session):
    """Bob acts for Alice by it; whom Bob trusts himself he says with his own."""
    delegation = await world.delegate(ada, alice.id, bob.id)
    delegated = (await world.exchanged(bob, session))["access_token"]
    status, _ = await by(world, bob, "POST", "/v1/delegations", {"to": carol.id}, delegated)
    assert status == 403
    status, _ = await by(world, bob, "DELETE", f"/v1/delegations/{delegation}", None, delegated)
    assert status == 403


@pytest.mark.parametrize(
    "body",
    [
        {"from": ""},
        {"from": "clt_00000000000000000000000000"},
        {"from": "agt_00000000000000000000000000"},
        {"from": "opr_00000000000000000000000000"},
        {"from": "prs_short"},
        {"from": "prs_ILOU000000000000000000000O"},
        {"to": "opr_00000000000000000000000000"},
        {"to": ""},
        {"scope": " orders:read"},
        {"scope": "orders:read  orders:write"},
        {"scope": 'a"b'},
        {"scope": "x" * 1025},
        {"audience": "https://a b"},
        {"audience": "x" * 1025},
        {"ttl_seconds": 0},
        {"ttl_seconds": 367 * 86_400},
        {"depth_allowed": -1},
        {"depth_allowed": 9},
        {"ttl_seconds": "60"},
        {"until": 5},
        {"reason": "two\nlines"},
    ],
)
async def test_a_malformed_delegation_is_refused(ada, alice, bob, body):
    status, _ = await ada.call("POST", "/v1/delegations", {"from": alice.id, "to": bob.id, **body})
    assert status == 400


async def test_a_retired_agent_is_delegated_nothing(ada, alice, bob):
    await ada.call("POST", f"/v1/agents/{bob.id}/status", {"status": "retired", "reason": "done"})
    status, _ = await ada.call("POST", "/v1/delegations", {"from": alice.id, "to": bob.id})
    assert status == 400


async def test_a_delegation_ends_by_itself(world, ada, alice, bob, session):
    await world.delegate(ada, alice.id, bob.id, ttl_seconds=60)
    world.clock.at += 59
    await world.exchanged(bob, session)
    world.clock.at += 1
    status, _ = await world.exchange(bob, session)
    assert status == 400
    _, view = await ada.call("GET", "/v1/delegations?live=true")
    assert view["delegations"] == []


async def test_revoking_ends_it_once_and_is_no_error_twice(world, ada, alice, bob, session):
    delegation = await world.delegate(ada, alice.id, bob.id)
    status, view = await ada.call("DELETE", f"/v1/delegations/{delegation}", {"reason": "over"})
    assert (status, view["live"], view["reason"]) == (200, False, "over")
    assert view["revoked_at"] == "2027-01-15T08:00:00Z"
    record = next(each for each in world.store.records if each.event == "delegation.revoked")
    assert (record.subject, record.detail["reason"]) == (alice.id, "over")
    assert await ada.call("DELETE", f"/v1/delegations/{delegation}", {"reason": "again"}) == (200, view)
    status, _ = await world.exchange(bob, session)
    assert status == 400


async def test_both_ends_of_a_delegation_can_end_it(world, ada, alice, bob, carol):
    for agent in (alice, bob):
        delegation = await world.delegate(ada, alice.id, bob.id)
        status, _ = await by(world, carol, "DELETE", f"/v1/delegations/{delegation}")
        assert status == 404
        status, _ = await by(world, agent, "DELETE", f"/v1/delegations/{delegation}")
        assert status == 200


async def test_what_ends_at_the_same_instant_ends_once(world, ada, alice, bob):
    delegation = await world.delegate(ada, alice.id, bob.id)
    write = revoke_delegation(delegation, "first", now=NOW)
    await world.store.commit(Work((), (), (write,)))
    with pytest.raises(DelegationChanged):
        await world.store.commit(Work((), (), (write,)))


async def test_an_agent_sees_what_concerns_it(world, ada, alice, bob, carol):
    mine = await world.delegate(ada, alice.id, bob.id)
    others = await world.delegate(ada, bob.id, carol.id)
    _, seen = await by(world, alice, "GET", "/v1/delegations")
    assert [each["id"] for each in seen["delegations"]] == [mine]
    status, _ = await by(world, alice, "GET", f"/v1/delegations/{others}")
    assert status == 404
    _, seen = await by(world, bob, "GET", "/v1/delegations")
    assert [each["id"] for each in seen["delegations"]] == [mine, others]


async def test_a_list_has_pages_and_filters(world, ada, alice, bob, carol):
    ids = [await world.delegate(ada, alice.id, bob.id), await world.delegate(ada, carol.id, bob.id)]
    ids.append(await world.delegate(ada, alice.id, carol.id))
    _, first = await ada.call("GET", "/v1/delegations?limit=2")
    _, second = await ada.call("GET", f"/v1/delegations?limit=2&cursor={first['next_cursor']}")
    assert [each["id"] for page in (first, second) for each in page["delegations"]] == ids
    assert "next_cursor" not in second
    _, found = await ada.call("GET", f"/v1/delegations?from={alice.id}&to={carol.id}")
    assert [each["id"] for each in found["delegations"]] == ids[2:]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "live=yes", "who=me", "cursor=agt_1"])
async def test_a_malformed_query_is_refused(ada, query):
    status, _ = await ada.call("GET", f"/v1/delegations?{query}")
    assert status == 400


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_delegation_that_is_not_there_is_not_found(ada, method):
    status, _ = await ada.call(method, "/v1/delegations/dlg_00000000000000000000000000")
    assert status == 404
    status, _ = await ada.call(method, "/v1/delegations/agt_00000000000000000000000000")
    assert status == 400


async def test_nobody_records_without_end(world, ada, alice, bob):
    delegation = await world.delegate(ada, alice.id, bob.id)
    known = world.delegations.register.known(delegation)
    for number in range(MAX_LIVE_PER_DELEGATOR - 1):
        values = [*msgspec_fields(known)]
        values[0] = f"dlg_{number:026d}"
        again = type(known)(*values)
        writes = add_delegation(again, forget_before=0)
        await world.store.commit(Work((), (), writes, (delegation_changed(again.id),)))
    status, answer = await ada.call("POST", "/v1/delegations", {"from": alice.id, "to": bob.id})
    assert (status, answer["type"]) == (409, "urn:smartagent:error:too-many-delegations")
    await ada.call("DELETE", f"/v1/delegations/{delegation}")
    status, _ = await ada.call("POST", "/v1/delegations", {"from": alice.id, "to": bob.id})
    assert status == 201


def msgspec_fields(struct):
    return [getattr(struct, name) for name in struct.__struct_fields__]


async def test_what_ended_long_ago_is_forgotten(world, ada, alice, bob):
    old = await world.delegate(ada, alice.id, bob.id, ttl_seconds=1)
    world.clock.at += KEPT_SECONDS + 2
    await ada.login()
    await world.delegate(ada, alice.id, bob.id)
    assert world.delegations.register.find(old) is not None
    await world.delegations.register.reload([old, old])
    assert world.delegations.register.find(old) is None
    other = await world.another_node("two").start()
    assert other.delegations.register.find(old) is None
    assert len(world.delegations.register.between(alice.id, bob.id, now=world.clock.at)) == 1


async def test_a_delegation_for_the_gateway_is_an_agents_to_give(world, alice, bob):
    status, view = await by(world, alice, "POST", "/v1/delegations", {"to": bob.id, "audience": GATEWAY})
    assert (status, view["audience"]) == (201, GATEWAY)
