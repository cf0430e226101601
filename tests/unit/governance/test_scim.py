# SPDX-License-Identifier: Apache-2.0
"""Joiners, movers, leavers: what a directory says, and what becomes of agents."""

import json
from itertools import permutations

import pytest

from smartagent.crypto import SigningKey
from smartagent.edge import AuthenticationFailed
from smartagent.federation import person_id
from smartagent.kernel import Caller, CallerKind, Work
from tests.unit.governance.world import GovernanceWorld, caller_of
from tests.unit.identity.world import AgentActor

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
DAY = 86_400


class Directory:
    """A directory with its token."""

    def __init__(self, world, token):
        self.world, self.token = world, token

    async def call(self, method, path, body=None, **headers):
        sent = {"authorization": f"Bearer {self.token}", **headers}
        if body is not None:
            sent["content-type"] = "application/scim+json"
        raw = None if body is None else json.dumps(body).encode()
        return await self.world.call(method, f"/scim/v2{path}", raw, sent)

    async def join(self, name, **more):
        status, view = await self.call("POST", "/Users", {"schemas": [USER], "userName": name, **more})
        assert status == 201, view
        return view["id"]

    async def leave(self, person):
        return await self.patch(person, {"op": "replace", "path": "active", "value": False})

    async def patch(self, person, *operations, **headers):
        body = {"schemas": [PATCH], "Operations": list(operations)}
        return await self.call("PATCH", f"/Users/{person}", body, **headers)


async def directory(world, ada, name="hr", **said):
    status, made = await ada.call("PUT", f"/v1/scim-sources/{name}", said)
    assert status == 201, made
    return Directory(world, made["token"])


@pytest.fixture
async def hr(world, ada):
    return await directory(world, ada)


async def agent_of(world, ada, owner):
    bot = await world.agent(ada)
    status, _ = await ada.call("POST", f"/v1/agents/{bot.id}/terms", {"owner": owner})
    assert status == 200
    return bot


def owner_of(world, bot):
    return world.identity.directory.agent(bot.id).owner


async def test_a_person_who_joined_can_own_agents(world, ada, hr):
    bo = await hr.join("bo@example.com", displayName="Bo")
    bot = await agent_of(world, ada, bo)
    _, page = await ada.call("GET", f"/v1/inventory?owner={bo}")
    assert [(each["id"], each["owner_name"], each["orphan"]) for each in page["agents"]] == [
        (bot.id, "Bo", False)
    ]
    assert (await ada.call("POST", "/v1/enrolments", {"role": "order-reader", "owner": bo}))[0] == 201


@pytest.mark.parametrize("way", ["patch", "put", "delete"])
async def test_whoever_leaves_takes_their_agents_out_of_service_in_the_same_commit(world, ada, hr, way):
    bo = await hr.join("bo@example.com")
    bot, other = await agent_of(world, ada, bo), await world.agent(ada)
    session, untouched = await bot.session(), await other.session()
    before = len(world.store.records)
    if way == "patch":
        await hr.leave(bo)
    elif way == "put":
        await hr.call(
            "PUT", f"/Users/{bo}", {"schemas": [USER], "userName": "bo@example.com", "active": False}
        )
    else:
        assert (await hr.call("DELETE", f"/Users/{bo}"))[0] == 204
    assert len(world.store.records) == before + 1
    record = world.last("owner.left")
    assert (record.caller, record.subject, record.detail["agents"]) == ("scim/hr", bo, 1)
    assert (world.status_of(bot), world.status_of(other)) == ("suspended", "active")
    with pytest.raises(AuthenticationFailed):
        caller_of(world, session)
    caller_of(world, untouched)
    assert world.tokens.revocations.revoked_at_ms(bo)
    body = {"status": "active", "reason": ""}
    assert (await ada.call("POST", f"/v1/agents/{bot.id}/status", body))[0] == 400


async def test_leavers_agents_are_reassigned_and_what_they_held_ends(world, ada):
    eve = await world.operator("Eve")
    hr = await directory(world, ada, on_leave="reassign", heir=eve.id)
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    session = await bot.session()
    await hr.leave(bo)
    assert (world.status_of(bot), owner_of(world, bot)) == ("active", eve.id)
    with pytest.raises(AuthenticationFailed):
        caller_of(world, session)
    world.clock.at += 1
    await bot.session()


async def test_leavers_agents_are_retired(world, ada):
    hr = await directory(world, ada, on_leave="retire")
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    await hr.leave(bo)
    assert world.status_of(bot) == "retired"


async def test_an_heir_who_left_inherits_nothing(world, ada):
    hr = await directory(world, ada)
    heir = await hr.join("heir")
    hr = await directory(world, ada, on_leave="reassign", heir=heir)
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    await hr.leave(heir)
    await hr.leave(bo)
    assert (world.status_of(bot), owner_of(world, bot)) == ("suspended", bo)


@pytest.mark.requirement("RFC7644-3.3-taken")
async def test_events_that_come_twice_or_in_another_order_do_no_harm(world, ada, hr):
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    for _ in range(2):
        assert (await hr.leave(bo))[0] == 200
    assert world.last("owner.left").detail["agents"] == 0
    # An older word that they are here comes late: they are, and their agents stay suspended.
    body = {"op": "replace", "path": "active", "value": True}
    assert (await hr.patch(bo, body))[1]["active"] is True
    assert world.status_of(bot) == "suspended"
    assert (await hr.call("DELETE", f"/Users/{bo}"))[0] == 204
    for method, more in (("DELETE", None), ("GET", None), ("PUT", {"schemas": [USER], "userName": "bo"})):
        assert (await hr.call(method, f"/Users/{bo}", more))[0] == 404
    assert (await hr.leave(bo))[0] == 404
    # The same name again is somebody else, who owns nothing.
    again = await hr.join("bo")
    assert again != bo
    assert (await hr.call("POST", "/Users", {"schemas": [USER], "userName": "BO"}))[0] == 409
    assert world.status_of(bot) == "suspended"


@pytest.mark.parametrize("order", list(permutations(["away", "here", "away", "gone"])), ids="-".join)
async def test_in_whatever_order_words_come_agents_stay_stopped_and_who_is_gone_stays_gone(
    world, ada, hr, order
):
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    gone = False
    for word in order:
        if word == "gone":
            status = (await hr.call("DELETE", f"/Users/{bo}"))[0]
            assert status == (404 if gone else 204)
            gone = True
        else:
            said = {"op": "replace", "path": "active", "value": word == "here"}
            assert (await hr.patch(bo, said))[0] == (404 if gone else 200)
        if word != "here" or gone:
            assert world.status_of(bot) == "suspended"
    assert world.status_of(bot) == "suspended"
    _, line = await ada.call("GET", f"/v1/inventory/{bot.id}")
    assert line["agent"]["orphan"] is True


async def test_an_agent_enrolled_while_its_owner_leaves_is_found(world, ada, hr):
    bo = await hr.join("bo")
    token = await ada.enrolment(owner=bo)
    bot = await world.agent(ada)
    await hr.leave(bo)
    world.store._connection.execute("UPDATE agents SET owner = ? WHERE id = ?", (bo, bot.id))
    await world.identity.directory.reload_agents([bot.id])
    await world.pass_time(60)
    assert world.status_of(bot) == "suspended"
    assert world.last("owner.left").detail["agents"] == 1
    records = len(world.store.records)
    await world.pass_time(60)
    assert len(world.store.records) == records
    late = AgentActor(world, SigningKey.generate(world.entropy))
    assert (await world.call("POST", "/v1/agents", late.enrolment(token)))[0] == 400


async def test_two_words_about_one_person_at_once_are_not_mixed(world, ada, hr):
    bo = await hr.join("bo")
    inbound = world.inbound("DELETE", f"/scim/v2/Users/{bo}")
    inbound.params = {"id": bo}
    caller = Caller("scim/hr", CallerKind.DIRECTORY)
    outcome = await world.governance.scim.users.delete(caller, inbound)
    await hr.leave(bo)
    with pytest.raises(type(outcome.writes[0].lost)):
        await world.store.commit(Work((), writes=outcome.writes))


async def test_the_same_person_at_an_outside_issuer_ends_too(world, ada):
    hr = await directory(world, ada, issuer="https://idp.example")
    bo = await hr.join("bo", externalId="00u1")
    await hr.leave(bo)
    assert world.tokens.revocations.revoked_at_ms(person_id("https://idp.example", "00u1"))


@pytest.mark.requirement("RFC7644-3.14")
async def test_a_version_that_is_named_must_be_the_one_that_is_there(hr):
    bo = await hr.join("bo")
    operation = {"op": "replace", "path": "displayName", "value": "Bo"}
    status, view = await hr.patch(bo, operation, **{"if-match": 'W/"1"'})
    assert (status, view["meta"]["version"]) == (200, 'W/"2"')
    assert (await hr.patch(bo, operation, **{"if-match": 'W/"1"'}))[0] == 412
    assert (await hr.call("DELETE", f"/Users/{bo}", None, **{"if-match": "*"}))[0] == 204


async def test_people_are_listed_filtered_and_paged(hr):
    for number in range(5):
        await hr.join(f"person-{number}", active=number != 3)
    _, page = await hr.call("GET", "/Users?startIndex=2&count=2")
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (5, 2, 2)
    _, page = await hr.call("GET", "/Users?filter=userName+eq+%22PERSON-3%22")
    assert [each["userName"] for each in page["Resources"]] == ["person-3"]
    _, page = await hr.call("GET", "/Users?filter=active+eq+true+and+userName+sw+%22person%22&count=2")
    assert (page["totalResults"], page["itemsPerPage"]) == (4, 2)
    assert (await hr.call("GET", "/Users?filter=userName+eq+%22nobody%22"))[1]["totalResults"] == 0
    assert (await hr.call("GET", "/Users?filter=x"))[1]["scimType"] == "invalidFilter"


async def test_groups_have_people_of_their_directory(world, ada, hr):
    bo = await hr.join("bo")
    status, group = await hr.call(
        "POST", "/Groups", {"schemas": [GROUP], "displayName": "Ops", "members": [{"value": bo}]}
    )
    assert (status, group["members"][0]["value"]) == (201, bo)
    path = f"/Groups/{group['id']}"
    gone = {"schemas": [PATCH], "Operations": [{"op": "remove", "path": f'members[value eq "{bo}"]'}]}
    assert "members" not in (await hr.call("PATCH", path, gone))[1]
    put = {"schemas": [GROUP], "displayName": "Ops", "members": [{"value": bo}, {"value": "prs_other"}]}
    assert (await hr.call("PUT", path, put))[0] == 400
    put["members"].pop()
    assert (await hr.call("PUT", path, put))[0] == 200
    _, page = await hr.call("GET", "/Groups?filter=displayName+eq+%22ops%22")
    assert page["totalResults"] == 1
    await hr.call("DELETE", f"/Users/{bo}")
    assert "members" not in (await hr.call("GET", path))[1]
    assert (await hr.call("DELETE", path))[0] == 204
    assert (await hr.call("GET", path))[0] == 404


async def test_a_directory_sees_its_own_people_only(world, ada, hr):
    bo = await hr.join("bo")
    other = await directory(world, ada, "contractors")
    assert (await other.call("GET", f"/Users/{bo}"))[0] == 404
    assert (await other.call("GET", "/Users"))[1]["totalResults"] == 0
    await other.join("bo")
    _, people = await ada.call("GET", "/v1/people")
    assert sorted(each["source"] for each in people["people"]) == ["contractors", "hr"]


async def test_a_token_works_until_another_one_is_made_or_its_time_is_over(world, ada, hr):
    assert (await Directory(world, "sdt_wrong").call("GET", "/Users"))[0] == 401
    assert (await Directory(world, "").call("GET", "/Users"))[0] == 401
    renewed = await directory(world, ada, days=2)
    assert (await hr.call("GET", "/Users"))[0] == 401
    assert (await renewed.call("GET", "/Users"))[0] == 200
    world.clock.at += 2 * DAY
    assert (await renewed.call("GET", "/Users"))[0] == 401


async def test_a_forgotten_directory_is_not_heard_and_its_people_stay(world, ada, hr):
    bo = await hr.join("bo")
    bot = await agent_of(world, ada, bo)
    assert (await ada.call("DELETE", "/v1/scim-sources/hr"))[0] == 204
    assert (await hr.call("GET", "/Users"))[0] == 401
    assert (await ada.call("DELETE", "/v1/scim-sources/hr"))[0] == 404
    assert world.status_of(bot) == "active"


@pytest.mark.parametrize(
    "said",
    [{"on_leave": "reassign"}, {"heir": "opr_x"}, {"on_leave": "reassign", "heir": "opr_x"}, {"days": 0},
     {"days": 731}, {"on_leave": "ignore"}, {"issuer": "x" * 513}],
)  # fmt: skip
async def test_a_directory_that_is_not_described_rightly_is_refused(ada, said):
    assert (await ada.call("PUT", "/v1/scim-sources/hr", said))[0] == 400


async def test_a_token_of_a_directory_is_good_for_nothing_else_and_nobody_elses_for_scim(world, ada, bot, hr):
    headers = {"authorization": f"Bearer {hr.token}"}
    assert (await world.call("GET", "/v1/agents", None, headers))[0] == 401
    session = await bot.session()
    assert (await Directory(world, session["access_token"]).call("GET", "/Users"))[0] == 401


@pytest.mark.requirement("RFC7644-3.12")
async def test_errors_are_as_directories_read_them(hr):
    status, view = await hr.call("POST", "/Users", {"schemas": [USER]})
    assert (status, view["status"], view["scimType"]) == (400, "400", "invalidValue")
    assert view["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert (await hr.call("GET", "/Nothing"))[0] == 404
    assert (await hr.call("POST", "/.search", {}))[0] == 501
    assert (await hr.call("GET", "/Schemas?filter=x"))[0] == 400


async def test_no_record_holds_the_token(world, ada, hr):
    await hr.join("bo")
    text = b"".join(record.encode() for record in world.store.records)
    assert hr.token.encode() not in text


async def test_people_are_the_same_on_every_node(world, ada, hr):
    bo = await hr.join("bo")
    other = await GovernanceWorld(world.clock, world.store, "two").start()
    assert await other.governance.owners.is_owner(bo)
