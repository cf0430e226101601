# SPDX-License-Identifier: Apache-2.0
"""A call that waits for approval, and a client that asks the person for it by CIBA."""

import json

import aiohttp
import msgspec
import pytest

from tests.e2e.site import furnish, post_form, token_form

pytestmark = pytest.mark.e2e
ROLE = """\
name = "reader"
ttl = "10m"

[[allow]]
scope = "refund"
upstream = "shop"
methods = ["POST"]
paths = ["/refunds/**"]
ask = "four-eyes"
"""
CIBA = "urn:openid:params:grant-type:ciba"


async def refund(site, token, amount):
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "prefer": "respond-async",
    }
    body = json.dumps({"order": "7", "amount": amount})
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.gateway}/shop/refunds/7", data=body, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


async def backchannel(site, holder, approval, person):
    form = token_form(holder, site.issuer)
    form.pop("grant_type")
    form.pop("resource", None)
    form |= {
        "scope": "openid refund",
        "login_hint": person,
        "authorization_details": json.dumps([{"type": "smartagent_approval", "approval": approval}]),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.url}/oauth/backchannel", data=form) as answer,
    ):
        return answer.status, await answer.json()


async def test_one_yes_gives_the_token_and_the_call(sites, shop, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    await operator.request("PUT", "/v1/roles/reader", {"role_file": ROLE})
    holder = (await site.agent(operator))[1]
    token = (await post_form(site.url, token_form(holder, site.issuer)))[1]["access_token"]

    status, headers, _ = await refund(site, token, 25)
    assert status == 202
    approval = headers["location"].rpartition("/")[2]
    operators = msgspec.json.decode(await operator.request("GET", "/v1/operators"))["operators"]
    status, begun = await backchannel(site, holder, approval, operators[0]["id"])
    assert status == 200, begun

    (waiting,) = msgspec.json.decode(await operator.request("GET", "/v1/consent-requests"))["requests"]
    assert ["amount", "25"] in waiting["card"]["lines"]
    await operator.request("POST", f"/v1/consent-requests/{waiting['id']}", {"decision": "allow"})

    posted = len([head for head, _ in shop.seen if head.startswith("POST")])
    status, _, _ = await refund(site, token, 25)
    assert status == 200
    assert len([head for head, _ in shop.seen if head.startswith("POST")]) == posted + 1
    assert (await refund(site, token, 26))[0] == 202
    form = token_form(holder, site.issuer) | {"grant_type": CIBA, "auth_req_id": begun["auth_req_id"]}
    form.pop("resource", None)
    status, granted = await post_form(site.url, form)
    assert status == 200, granted
    assert granted["scope"] == "openid refund"
