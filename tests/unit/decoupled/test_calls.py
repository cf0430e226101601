# SPDX-License-Identifier: Apache-2.0
"""Calls that wait for approval, asked about by CIBA: one yes is given to both."""

import json

import pytest

from tests.unit.decoupled.house import read

APPROVAL = "apr_01mcc5rm00ffhbs1hzez8evd0m"
ASK = {"scope": "openid orders:read", "login_hint": "Ada"}


def details(**more):
    return json.dumps([{"type": "smartagent_approval", "approval": APPROVAL, **more}])


@pytest.fixture
def waiting(house, ada, bot):
    house.approvals.waiting[APPROVAL] = (bot.who.id, ada.id)


async def the_request(ada):
    _, view = await ada.call("GET", "/v1/consent-requests")
    (request,) = view["requests"]
    return request


@pytest.mark.usefixtures("waiting")
async def test_the_person_sees_what_the_call_will_do(house, ada, bot):
    status, _ = await bot.backchannel(**ASK, authorization_details=details())
    assert status == 200
    request = await the_request(ada)
    assert request["approval"] == APPROVAL
    assert request["card"]["lines"] == [["amount", "25.00"]]
    cookie = await house.sign_in(ada)
    page = read(await house.page("GET", "/oauth/requests", cookie)).text
    assert "POST https://shop.example/refunds (shop)" in page
    assert "25.00" in page


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(("decision", "approve"), [("allow", True), ("deny", False)])
async def test_what_they_say_is_said_to_the_call_too(house, ada, bot, decision, approve):
    await bot.backchannel(**ASK, authorization_details=details())
    request = await the_request(ada)
    status, _ = await ada.call("POST", f"/v1/consent-requests/{request['id']}", {"decision": decision})
    assert status == 200
    assert house.approvals.said == [(APPROVAL, ada.id, approve)]
    assert house.last.detail["approval"] == APPROVAL


@pytest.mark.usefixtures("waiting")
async def test_it_is_said_in_a_browser_as_well(house, ada, bot):
    await bot.backchannel(**ASK, authorization_details=details())
    request = await the_request(ada)
    cookie = await house.sign_in(ada)
    fields = {"id": request["id"], "decision": "allow"}
    assert (await house.page("POST", "/oauth/requests", cookie, fields)).status == 200
    assert house.approvals.said == [(APPROVAL, ada.id, True)]


@pytest.mark.usefixtures("waiting")
async def test_a_call_that_waits_no_more_takes_the_request_with_it(house, ada, bot):
    await bot.backchannel(**ASK, authorization_details=details())
    request = await the_request(ada)
    house.approvals.waiting.clear()
    assert (await the_request(ada))["card"] is None
    status, answer = await ada.call("POST", f"/v1/consent-requests/{request['id']}", {"decision": "allow"})
    assert status == 409
    assert answer["type"].endswith("approval-decided")
    assert (await the_request(ada))["state"] == "pending"


async def test_nobody_is_asked_about_anothers_call(house, ada, bot):
    house.approvals.waiting[APPROVAL] = ("agt_other", ada.id)
    status, answer = await bot.backchannel(**ASK, authorization_details=details())
    assert (status, answer["error"]) == (400, "invalid_authorization_details")
    assert (await ada.call("GET", "/v1/consent-requests"))[1]["requests"] == []


async def test_nobody_is_asked_who_may_not_agree(house, bot):
    house.approvals.waiting[APPROVAL] = (bot.who.id, "opr_other")
    status, answer = await bot.backchannel(**ASK, authorization_details=details())
    assert (status, answer["error"]) == (400, "invalid_authorization_details")


@pytest.mark.parametrize(
    "raw",
    [
        "no json",
        "{}",
        "[]",
        '[{"type":"smartagent_call"}]',
        details(more=1),
        '[{"type":"smartagent_approval"}]',
        '[{"type":"smartagent_approval","approval":"gnt_1"}]',
        f"[{details()[1:-1]},{details()[1:-1]}]",
    ],
)
async def test_details_of_any_other_kind_are_refused(bot, raw):
    status, answer = await bot.backchannel(**ASK, authorization_details=raw)
    assert (status, answer["error"]) == (400, "invalid_authorization_details")
