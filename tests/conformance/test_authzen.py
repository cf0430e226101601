# SPDX-License-Identifier: Apache-2.0
"""OpenID AuthZEN Authorization API 1.0 on the wire: what a policy decision point must do."""

import json

import pytest

from smartagent.authzen import WELL_KNOWN, configuration
from smartagent.server.asgi import _shown_id
from tests.unit.authzen.world import DecidingWorld, asked
from tests.unit.identity.world import ISSUER, shown

ONE, SEVERAL = "/access/v1/evaluation", "/access/v1/evaluations"
OTHER = "orders/v2/items"


@pytest.fixture
async def world():
    world = await DecidingWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def token(world, ada):
    """A service's token."""
    decider = await world.agent(ada, "decider")
    return (await decider.session())["access_token"]


@pytest.fixture
async def ask(world, token):
    async def ask(path, body, **more):
        reply = await world.post(path, body, token=more.pop("token", token), **more)
        assert reply.media_type == "application/json"
        return reply.status, shown(reply)

    return ask


def without(body, *path):
    *above, last = path
    copy = json.loads(json.dumps(body))
    place = copy
    for each in above:
        place = place[each]
    del place[last]
    return copy


@pytest.mark.requirement("AZ-1")
@pytest.mark.parametrize(("method", "decision"), [("GET", True), ("DELETE", False)])
async def test_an_evaluation_is_answered_with_a_decision(ask, bot, method, decision):
    status, answer = await ask(ONE, asked(bot.id, method))

    assert (status, answer["decision"]) == (200, decision)
    assert isinstance(answer.get("context", {}), dict)


@pytest.mark.requirement("AZ-2")
@pytest.mark.parametrize(
    "more",
    [
        {"context": {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}},
        {"foo": "bar", "futureField": {"nested": True}},
        {"action": {"name": "GET", "properties": {"method": "GET"}, "more": 1}},
    ],
)
async def test_what_is_optional_and_what_is_not_known_changes_nothing(ask, bot, more):
    status, answer = await ask(ONE, asked(bot.id) | more)

    assert (status, answer["decision"]) == (200, True)


@pytest.mark.requirement("AZ-3")
@pytest.mark.parametrize(
    "path",
    [
        ("subject",),
        ("action",),
        ("resource",),
        ("subject", "type"),
        ("subject", "id"),
        ("action", "name"),
        ("resource", "type"),
        ("resource", "id"),
    ],
    ids=".".join,
)
async def test_a_request_that_lacks_something_is_refused(ask, bot, path):
    status, message = await ask(ONE, without(asked(bot.id), *path))

    assert status == 400
    assert path[-1] in message


@pytest.mark.requirement("AZ-3")
@pytest.mark.parametrize("wrong", [{"subject": "alice"}, {"action": {"name": 123}}, {"resource": []}])
async def test_a_member_of_the_wrong_type_is_refused(ask, bot, wrong):
    assert (await ask(ONE, asked(bot.id) | wrong))[0] == 400


@pytest.mark.requirement("AZ-4")
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'{"subject":1,"subject":2}', "application/json"),
        (b"{}", "text/plain"),
    ],
)
async def test_what_is_no_json_object_is_refused(ask, body, media_type):
    assert (await ask(ONE, body, media_type=media_type))[0] == 400


@pytest.mark.requirement("AZ-5")
@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_who_may_not_ask_is_told_so_in_a_message(ask, bot, path):
    other = (await bot.session())["access_token"]

    status, message = await ask(path, asked(bot.id), token="")
    assert (status, isinstance(message, str)) == (401, True)
    status, message = await ask(path, asked(bot.id), token=other)
    assert (status, isinstance(message, str)) == (403, True)


@pytest.mark.requirement("AZ-5")
async def test_an_operator_may_ask(world, ada, bot):
    status, answer = await ada.call("POST", ONE, asked(bot.id))

    assert (status, answer["decision"]) == (200, True)


@pytest.mark.requirement("AZ-6")
@pytest.mark.parametrize(
    ("sent", "answered"),
    [("bfe9eb29-ab87", "bfe9eb29-ab87"), ("", "req_own"), ("a\x7fb", "req_own")],
)
@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_the_id_of_a_request_is_given_back(world, path, sent, answered):
    inbound = world.inbound("POST", path, b"{", {"x-request-id": sent} if sent else {})
    inbound.request_id = "req_own"

    assert _shown_id(inbound, world.router.match("POST", path).route) == answered


@pytest.mark.requirement("AZ-6")
async def test_other_routes_keep_their_own_id(world):
    inbound = world.inbound("POST", "/v1/challenges", b"{}", {"x-request-id": "theirs"})

    assert _shown_id(inbound, world.router.match("POST", "/v1/challenges").route) == inbound.request_id


@pytest.mark.requirement("AZ-7")
async def test_a_batch_is_answered_in_its_order(ask, bot):
    evaluations = [asked(bot.id), asked(bot.id, "DELETE"), asked(bot.id, "GET", OTHER), asked(bot.id)]

    status, answer = await ask(SEVERAL, {"evaluations": evaluations})

    assert status == 200
    assert [each["decision"] for each in answer["evaluations"]] == [True, False, False, True]
    assert "decision" not in answer


@pytest.mark.requirement("AZ-8")
@pytest.mark.parametrize(
    ("items", "decisions"),
    [
        ([{}, {"action": {"name": "DELETE"}}], [True, False]),
        ([{"resource": {"type": "upstream", "id": OTHER}}, {}], [False, True]),
        ([{"resource": {"id": OTHER}}, {"resource": {"id": "orders/v1/x"}}], [False, True]),
        ([{"subject": {"type": "agent", "id": "agt_nobody"}}, {}], [False, True]),
        ([{"context": {"time": "now"}}, {}], [True, True]),
    ],
)
async def test_defaults_are_filled_in(ask, bot, items, decisions):
    status, answer = await ask(SEVERAL, {**asked(bot.id), "context": {"a": 1}, "evaluations": items})

    assert status == 200
    assert [each["decision"] for each in answer["evaluations"]] == decisions


@pytest.mark.requirement("AZ-9")
@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True]),
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_a_batch_ends_as_its_semantic_says(ask, bot, semantic, decisions):
    items = [{}, {"action": {"name": "DELETE"}}, {}]
    options = {"options": {"evaluations_semantic": semantic, "another": "value"}} if semantic else {}

    _, answer = await ask(SEVERAL, {**asked(bot.id), "evaluations": items, **options})

    assert [each["decision"] for each in answer["evaluations"]] == decisions


@pytest.mark.requirement("AZ-9")
async def test_a_semantic_that_nobody_knows_is_refused(ask, bot):
    body = {**asked(bot.id), "evaluations": [{}], "options": {"evaluations_semantic": "maybe"}}

    assert (await ask(SEVERAL, body))[0] == 400


@pytest.mark.requirement("AZ-10")
async def test_what_is_wrong_with_one_evaluation_is_told_in_its_place(ask, bot):
    items = [{"resource": {"type": "upstream", "id": "orders/v1/x"}}, {}, {"resource": 7}]

    status, answer = await ask(SEVERAL, {**without(asked(bot.id), "resource"), "evaluations": items})

    assert status == 200
    assert [each["decision"] for each in answer["evaluations"]] == [True, False, False]
    assert [each["context"]["error"]["status"] for each in answer["evaluations"][1:]] == [400, 400]


@pytest.mark.requirement("AZ-10")
async def test_a_failure_counts_as_a_denial(ask, bot):
    body = {**asked(bot.id), "evaluations": [{"resource": 7}, {}]}

    _, answer = await ask(SEVERAL, {**body, "options": {"evaluations_semantic": "deny_on_first_deny"}})

    assert [each["decision"] for each in answer["evaluations"]] == [False]


@pytest.mark.requirement("AZ-11")
@pytest.mark.parametrize("more", [{}, {"evaluations": []}])
async def test_a_batch_without_evaluations_is_a_single_one(ask, bot, more):
    status, answer = await ask(SEVERAL, asked(bot.id) | more)

    assert (status, answer["decision"]) == (200, True)
    assert "evaluations" not in answer


@pytest.mark.requirement("AZ-12")
@pytest.mark.parametrize(
    ("issuer", "path"), [(ISSUER, WELL_KNOWN), (ISSUER + "/house", WELL_KNOWN + "/house")]
)
async def test_the_metadata_name_what_there_is(world, issuer, path):
    document = configuration(issuer)
    reply = await document.show(world.inbound("GET", path))

    assert document.path == path
    assert shown(reply) == {
        "policy_decision_point": issuer,
        "access_evaluation_endpoint": issuer + ONE,
        "access_evaluations_endpoint": issuer + SEVERAL,
    }


@pytest.mark.requirement("AZ-13")
async def test_the_same_request_is_given_the_same_decision(ask, bot):
    assert len({json.dumps(await ask(ONE, asked(bot.id))) for _ in range(3)}) == 1
