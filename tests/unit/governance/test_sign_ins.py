# SPDX-License-Identifier: Apache-2.0
"""People by OIDC groups: who joins, who leaves, and what becomes of their agents, in whatever order tokens come."""

import json

import pytest

from smartagent.federation import person_id
from smartagent.governance.people.model import OnLeave, Person, Source
from smartagent.governance.signins.rules import Step, groups_in, name_in, step_of

IDP = "https://idp.example"
BO = person_id(IDP, "bo")


async def follow(ada, name="staff", **said):
    body = {"issuer": IDP, "groups": ["agent-owners", "platform"], **said}
    return await ada.call("PUT", f"/v1/group-sources/{name}", body)


async def sign_in(world, *groups, sub="bo", at=None, **claims):
    iat = int(world.clock.at if at is None else at)
    token = {"iss": IDP, "sub": sub, "iat": iat, "groups": list(groups), "name": "Bo", **claims}
    return await world.call("POST", "/v1/people/sign-ins", {"id_token": json.dumps(token)})


def why(answer):
    return answer[1]["type"].removeprefix("urn:smartagent:error:")


async def owned(world, ada, bot):
    await ada.call("POST", f"/v1/agents/{bot.id}/terms", {"owner": BO})


async def test_whoever_is_in_a_group_can_answer_for_agents(world, ada, bot):
    assert (await follow(ada))[0] == 201
    status, view = await sign_in(world, "agent-owners", "cooks")
    assert (status, view) == (200, {"person": BO, "here": True, "step": "join"})
    status, line = await ada.call("POST", f"/v1/agents/{bot.id}/terms", {"owner": BO})
    assert (status, line["owner_name"], line["orphan"]) == (200, "Bo", False)
    _, people = await ada.call("GET", "/v1/people")
    assert [(each["id"], each["source"], each["active"]) for each in people["people"]] == [
        (BO, "staff", True)
    ]
    assert (await sign_in(world, "cooks", sub="eve"))[1]["here"] is False
    assert len((await ada.call("GET", "/v1/people"))[1]["people"]) == 1


async def test_who_lost_the_groups_has_left_and_their_agents_stop_in_the_same_commit(world, ada, bot):
    await follow(ada)
    await sign_in(world, "platform")
    await owned(world, ada, bot)
    world.clock.at += 60
    status, view = await sign_in(world, "cooks")
    assert (status, view["here"], view["step"]) == (200, False, "leave")
    assert world.status_of(bot) == "suspended"
    assert world.last("owner.signed-in").detail["agents"] == 1
    world.clock.at += 60
    assert (await sign_in(world, "platform"))[1]["step"] == "join"
    assert world.status_of(bot) == "suspended"


@pytest.mark.parametrize(
    ("said", "status", "owner"),
    [({"on_leave": "retire"}, "retired", BO), ({"on_leave": "reassign"}, "active", "")],
)
async def test_leavers_agents_become_what_the_source_says(world, ada, bot, said, status, owner):
    await follow(ada, **said, **({"heir": ada.id} if said["on_leave"] == "reassign" else {}))
    await sign_in(world, "platform")
    await owned(world, ada, bot)
    world.clock.at += 60
    await sign_in(world)
    assert world.status_of(bot) == status
    assert world.identity.directory.agent(bot.id).owner == (owner or ada.id)


async def test_tokens_that_come_again_or_late_change_nothing(world, ada, bot):
    await follow(ada)
    old = world.clock.at
    await sign_in(world, "platform")
    await owned(world, ada, bot)
    assert (await sign_in(world, at=old))[1]["step"] == "none"
    world.clock.at += 60
    await sign_in(world, "cooks")
    for groups in ((), ("platform",)):
        assert (await sign_in(world, *groups, at=old))[1] == {"person": BO, "here": False, "step": "none"}
    assert (await sign_in(world, "platform", at=world.clock.at))[1]["step"] == "none"


async def test_who_does_not_sign_in_for_too_long_has_left(world, ada, bot):
    await follow(ada, fresh_days=2)
    await sign_in(world, "platform")
    await owned(world, ada, bot)
    await world.pass_time(86_400)
    assert (await sign_in(world, "platform"))[1]["step"] == "stay"
    await world.pass_time(2 * 86_400 - 31)
    assert world.status_of(bot) == "active"
    await world.pass_time(31)
    assert world.status_of(bot) == "suspended"
    record = world.last("owner.left")
    assert (record.subject, record.detail["reason"]) == (BO, "no sign-in")
    records = len(world.store.records)
    await world.pass_time(31)
    assert len(world.store.records) == records


async def test_a_token_without_groups_takes_nobody_out(world, ada, bot):
    await follow(ada)
    await sign_in(world, "platform")
    await owned(world, ada, bot)
    world.clock.at += 60
    for claims in ({"groups": None}, {"groups": "platform"}, {"groups": [1]}, {"iat": True}, {"iat": "x"}):
        assert why(await sign_in(world, **claims)) == "malformed-sign-in"
    assert world.status_of(bot) == "active"


async def test_only_trusted_and_followed_issuers_say_anything(world, ada):
    assert why(await sign_in(world, "platform")) == "issuer-not-followed"
    assert why(await sign_in(world, "platform", iss="https://evil.example")) == "unauthenticated"
    await follow(ada)
    assert (await sign_in(world, "platform", claims="x"))[0] == 200


@pytest.mark.parametrize(
    "said",
    [
        {"groups": []},
        {"groups": [""]},
        {"groups": ["x"] * 65},
        {"issuer": ""},
        {"claim": "a\nb"},
        {"fresh_days": 0},
        {"fresh_days": 367},
        {"on_leave": "reassign"},
        {"heir": "opr_1"},
        {"on_leave": "reassign", "heir": "nobody"},
    ],
)
async def test_a_source_that_is_not_said_rightly_is_refused(ada, said):
    assert why(await follow(ada, **said)) == "malformed-scim-source"


async def test_a_directory_and_an_issuer_do_not_take_each_others_place(ada):
    scim = {"on_leave": "suspend"}
    await ada.call("PUT", "/v1/scim-sources/hr", scim)
    assert why(await follow(ada, "hr")) == "malformed-scim-source"
    assert why(await follow(ada, "Not-a-name")) == "malformed-scim-source"
    await follow(ada)
    assert why(await ada.call("PUT", "/v1/scim-sources/staff", scim)) == "malformed-scim-source"
    assert why(await follow(ada, "other")) == "malformed-scim-source"
    assert (await follow(ada, groups=["new"]))[0] == 200
    _, listed = await ada.call("GET", "/v1/scim-sources")
    assert {each["name"]: each["groups"] for each in listed["sources"]} == {"hr": [], "staff": ["new"]}


SOURCE = Source("staff", OnLeave.SUSPEND, "", IDP, 0, 1, 0, "opr_1", ("owners",), "groups", 60)


@pytest.mark.parametrize(
    ("active", "changed_at", "groups", "step"),
    [
        (None, 0, {"owners"}, Step.JOIN),
        (None, 0, {"others"}, Step.NONE),
        (1, 9, {"owners"}, Step.STAY),
        (1, 9, set(), Step.LEAVE),
        (0, 9, {"owners"}, Step.JOIN),
        (0, 9, set(), Step.NONE),
        (1, 10, set(), Step.NONE),
        (0, 11, {"owners"}, Step.NONE),
    ],
)
def test_a_sign_in_brings_about_one_step(active, changed_at, groups, step):
    known = None if active is None else Person(BO, "staff", "bo", "bo", active, "{}", 1, 0, changed_at)
    assert step_of(SOURCE, known, frozenset(groups), 10) is step


def test_names_are_one_readable_line_or_the_subject():
    assert name_in({"name": "", "email": "bo@example.com"}, "bo") == "bo@example.com"
    assert name_in({"name": "a\x1b[31m"}, "bo") == "bo"
    assert groups_in({"roles": ["a", "a"]}, "roles") == {"a"}
