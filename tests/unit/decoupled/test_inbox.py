# SPDX-License-Identifier: Apache-2.0
"""Deciding by the API, as the command line does."""

import asyncio

import pytest

from smartagent.edge import AuthenticationFailed
from tests.unit.decoupled.house import Asker, second_operator
from tests.unit.identity.world import GATEWAY

ASK = {"scope": "openid orders:read", "login_hint": "Ada", "binding_message": "Order 17"}


async def test_what_waits_is_listed_for_whom_it_waits(house, ada, bot):
    await bot.backchannel(**ASK)
    status, view = await ada.call("GET", "/v1/consent-requests")
    assert status == 200
    (waiting,) = view["requests"]
    assert waiting == {
        "id": waiting["id"],
        "channel": "ciba",
        "state": "pending",
        "client_id": bot.who.id,
        "client_name": "bot",
        "scopes": ["openid", "orders:read"],
        "resource": "",
        "binding_message": "Order 17",
        "client_ip": "10.0.0.1",
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T08:05:00Z",
        "approval": "",
        "card": None,
    }
    grace = await second_operator(house, ada, "Grace")
    assert (await grace.call("GET", "/v1/consent-requests"))[1]["requests"] == []


async def test_a_code_is_entered_and_then_decided_by_its_id(house, ada, bot):
    _, codes = await bot.device()
    status, view = await ada.call("POST", "/v1/consent-requests", {"user_code": codes["user_code"]})
    assert (status, view["channel"], view["client_id"]) == (200, "device", bot.who.id)
    assert [each["id"] for each in (await ada.call("GET", "/v1/consent-requests"))[1]["requests"]] == [
        view["id"]
    ]
    status, view = await ada.call("POST", f"/v1/consent-requests/{view['id']}", {"decision": "allow"})
    assert (status, view["state"]) == (200, "allowed")
    assert (await bot.poll_device(codes["device_code"]))[0] == 200


async def test_wrong_codes_are_counted_here_too(house, ada):
    answers = [await ada.call("POST", "/v1/consent-requests", {"user_code": "BCDF-GHJK"}) for _ in range(6)]
    assert [status for status, _ in answers] == [400] * 5 + [429]
    assert answers[-1][1]["retry_after_seconds"] == 60
    assert "BCDF" not in "".join(record.encode().decode() for record in house.world.store.records)


async def test_a_device_that_nobody_entered_is_nobodys_to_decide(house, ada, bot):
    await bot.device()
    status, _ = await ada.call("POST", f"/v1/consent-requests/{house.last.subject}", {"decision": "allow"})
    assert status == 404


async def test_only_whom_it_is_for_decides(house, ada, bot):
    await bot.backchannel(**ASK)
    request_id = house.last.subject
    grace = await second_operator(house, ada, "Grace")
    status, answer = await grace.call("POST", f"/v1/consent-requests/{request_id}", {"decision": "allow"})
    assert status == 404
    unknown = await grace.call("POST", "/v1/consent-requests/gnt_nothing", {"decision": "allow"})
    assert (answer["type"], answer["detail"]) == (unknown[1]["type"], unknown[1]["detail"])


async def test_of_two_decisions_at_once_one_holds(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    path = f"/v1/consent-requests/{house.last.subject}"
    await ada.login()
    answers = await asyncio.gather(*(ada.call("POST", path, {"decision": d}) for d in ("deny", "allow")))
    assert {status for status, _ in answers} <= {200, 404, 409}
    assert len([status for status, _ in answers if status == 200]) == 1
    assert (await bot.poll_ciba(view["auth_req_id"]))[1]["error"] == "access_denied"


@pytest.mark.parametrize("body", [{"decision": "maybe"}, {}, {"decision": "allow", "for": "ever"}])
async def test_a_decision_that_is_none_is_malformed(house, ada, bot, body):
    await bot.backchannel(**ASK)
    status, _ = await ada.call("POST", f"/v1/consent-requests/{house.last.subject}", body)
    assert status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/consent-requests"),
        ("POST", "/v1/consent-requests"),
        ("POST", "/v1/consent-requests/gnt_x"),
        ("DELETE", "/v1/consent-requests/gnt_x"),
    ],
)
async def test_an_agent_decides_nothing_about_itself(house, ada, bot, method, path):
    token = (await bot.who.session())["access_token"]
    status, answer = await house.world.call(method, path, None, {"authorization": f"Bearer {token}"})
    assert (status, answer["type"]) == (403, "urn:smartagent:error:not-permitted")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/consent-requests", None),
        ("POST", "/v1/consent-requests", {"user_code": "BCDF-GHJK"}),
        ("POST", "/v1/consent-requests/gnt_x", {"decision": "allow"}),
        ("DELETE", "/v1/consent-requests/gnt_x", None),
    ],
)
async def test_a_token_in_a_persons_name_does_not_decide_for_them(house, ada, printer, method, path, body):
    """A client that was once allowed something could else allow itself all the rest."""
    _, codes = await printer.device(scope="orders:read")
    cookie = await house.sign_in(ada)
    fields = {"user_code": codes["user_code"], "decision": "allow", "confirmed": "yes"}
    await house.page("POST", "/oauth/device", cookie, fields)
    _, token = await printer.poll_device(codes["device_code"])
    headers = {"authorization": f"Bearer {token['access_token']}"}
    status, answer = await house.world.call(method, path, body, headers)
    assert (status, answer["type"]) == (403, "urn:smartagent:error:not-permitted")


async def test_what_was_given_is_listed_and_taken_back(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    request_id = house.last.subject
    await ada.call("POST", f"/v1/consent-requests/{request_id}", {"decision": "allow"})
    _, given = await ada.call("GET", "/v1/consent-requests?show=given")
    assert [(each["id"], each["state"]) for each in given["requests"]] == [(request_id, "allowed")]
    status, ended = await ada.call("DELETE", f"/v1/consent-requests/{request_id}")
    assert (status, ended["state"]) == (200, "ended")
    assert (await ada.call("GET", "/v1/consent-requests?show=given"))[1]["requests"] == []
    assert (await ada.call("DELETE", f"/v1/consent-requests/{request_id}"))[0] == 404
    assert (await bot.poll_ciba(view["auth_req_id"]))[1]["error"] == "invalid_grant"
    assert (await ada.call("GET", "/v1/consent-requests?show=all"))[0] == 400


async def test_a_grant_stands_among_all_grants_and_is_ended_there_too(house, ada, bot):
    _, view = await bot.device(scope="orders:read")
    _, request = await ada.call("POST", "/v1/consent-requests", {"user_code": view["user_code"]})
    await ada.call("POST", f"/v1/consent-requests/{request['id']}", {"decision": "allow"})
    _, token = await bot.poll_device(view["device_code"])
    _, listed = await ada.call("GET", "/v1/grants")
    (grant,) = listed["grants"]
    assert (grant["id"], grant["person"], grant["client"]) == (request["id"], ada.id, bot.who.id)
    assert (grant["resource"], grant["scope"]) == (GATEWAY, "orders:read")
    house.world.tokens.access.verified(token["access_token"])
    assert (await ada.call("DELETE", f"/v1/grants/{grant['id']}"))[0] == 204
    with pytest.raises(AuthenticationFailed):
        house.world.tokens.access.verified(token["access_token"])
    assert (await ada.call("GET", "/v1/consent-requests?show=given"))[1]["requests"] == []


async def test_what_is_taken_back_here_is_ended_there(house, ada, bot):
    _, view = await bot.device(scope="orders:read")
    _, request = await ada.call("POST", "/v1/consent-requests", {"user_code": view["user_code"]})
    await ada.call("POST", f"/v1/consent-requests/{request['id']}", {"decision": "allow"})
    await bot.poll_device(view["device_code"])
    assert (await ada.call("DELETE", f"/v1/consent-requests/{request['id']}"))[0] == 200
    _, listed = await ada.call("GET", "/v1/grants")
    assert [grant["ended_at"] for grant in listed["grants"]] == ["2027-01-15T08:00:00Z"]


async def test_nobody_takes_back_what_another_gave(house, ada, bot):
    await bot.backchannel(**ASK)
    request_id = house.last.subject
    await ada.call("POST", f"/v1/consent-requests/{request_id}", {"decision": "allow"})
    grace = await second_operator(house, ada, "Grace")
    assert (await grace.call("DELETE", f"/v1/consent-requests/{request_id}"))[0] == 404


async def test_an_agent_that_was_revoked_meanwhile_gets_nothing(house, ada, bot):
    _, view = await bot.backchannel(**ASK)
    await ada.call("POST", f"/v1/consent-requests/{house.last.subject}", {"decision": "allow"})
    house.later(1)
    await ada.call("POST", "/v1/revocations", {"kind": "agent", "id": bot.who.id, "reason": "odd"})
    assert (await bot.poll_ciba(view["auth_req_id"]))[0] == 401
    await ada.call("POST", f"/v1/agents/{bot.who.id}/status", {"status": "active", "reason": "fine"})
    status, answer = await bot.poll_ciba(view["auth_req_id"])
    assert (status, answer["error"]) == (400, "invalid_grant")


async def test_an_asker_is_one_of_many(house, ada, bot):
    """What waits is shown in the order it came, whoever asked."""
    other = Asker(house, await house.world.agent(ada))
    for asker in (bot, other, bot):
        await asker.backchannel(**ASK)
        house.later(1)
    _, view = await ada.call("GET", "/v1/consent-requests")
    assert [each["client_id"] for each in view["requests"]] == [bot.who.id, other.who.id, bot.who.id]
