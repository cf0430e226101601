# SPDX-License-Identifier: Apache-2.0
"""Somebody leaves while their agents work: live traffic ends, on every worker, and nobody else's does."""

import asyncio
import contextlib
import json

import aiohttp
import pytest

from tests.e2e.site import call, furnish, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("nodes")]

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Directory:
    """A directory of people, which tells the authority of them."""

    def __init__(self, made):
        self.base = made["base_url"]
        self._headers = {"authorization": f"Bearer {made['token']}", "content-type": "application/scim+json"}

    async def send(self, method, path, body):
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, self.base + path, data=json.dumps(body)) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def join(self, name):
        status, view = await self.send("POST", "/Users", {"schemas": [USER], "userName": name})
        assert status == 201, view
        return view["id"]

    async def leave(self, person):
        operation = {"op": "replace", "path": "active", "value": False}
        return await self.send("PATCH", f"/Users/{person}", {"schemas": [PATCH], "Operations": [operation]})


async def api(operator, method, path, body=None):
    return json.loads(await operator.request(method, path, body))


async def enrolled(site, operator, owner):
    agent, holder = await site.agent(operator)
    await api(operator, "POST", f"/v1/agents/{holder.principal}/terms", {"owner": owner})
    return agent, holder.principal


async def stream(gateway, token, opened):
    """Read the shop's endless stream until somebody ends it; return how many bytes came."""
    number = 0
    headers = {"authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{gateway}/shop/events") as answer,
    ):
        assert answer.status == 200
        with contextlib.suppress(aiohttp.ClientError):
            async for chunk in answer.content.iter_any():
                number += len(chunk)
                opened.set()
    return number


async def house(sites, shop, closing):
    """Start an authority with two workers, a shop, and a directory."""
    site = await sites("one", workers=2).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    return (
        site,
        operator,
        Directory(await api(operator, "PUT", "/v1/scim-sources/hr", {"on_leave": "suspend"})),
    )


async def test_when_an_owner_leaves_all_that_their_agents_have_under_way_ends(sites, shop, closing):
    site, operator, hr = await house(sites, shop, closing)
    bo, eve = await hr.join("bo@example.com"), await hr.join("eve@example.com")
    leavers, leavers_id = await enrolled(site, operator, bo)
    stayers, stayers_id = await enrolled(site, operator, eve)
    closing(leavers)
    closing(stayers)
    gone, stays = await leavers.token(), await stayers.token()
    flowing = [asyncio.Event(), asyncio.Event()]
    streams = [
        asyncio.create_task(stream(site.gateway, token, event))
        for token, event in zip((gone, stays), flowing, strict=True)
    ]
    async with asyncio.timeout(20):
        for event in flowing:
            await event.wait()

    status, view = await hr.leave(bo)

    assert (status, view["active"]) == (200, False)
    async with asyncio.timeout(10):
        assert await streams[0] > 0
    assert not streams[1].done()
    # From the answer on, on every worker: calls and new tokens are refused.
    for _ in range(8):
        assert (await call(site.gateway, gone))[0] == 401
        assert (await call(site.gateway, stays))[0] == 200
    agents = {each["id"]: each for each in (await api(operator, "GET", "/v1/inventory"))["agents"]}
    assert (agents[leavers_id]["status"], agents[leavers_id]["orphan"]) == ("suspended", True)
    assert (agents[stayers_id]["status"], agents[stayers_id]["orphan"]) == ("active", False)
    found = await api(operator, "GET", f"/v1/inventory/{leavers_id}")
    assert found["tokens"] == 0

    async def used():
        line = (await api(operator, "GET", f"/v1/inventory/{stayers_id}"))["agent"]
        return line["last_used_at"] != ""

    await until(used, what="the last use in the inventory")
    streams[1].cancel()
    await asyncio.wait(streams)
