# SPDX-License-Identifier: Apache-2.0
"""What every page is held to, and agents that ask people."""

import json
import re

import aiohttp

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Agent, Holder, enrol
from tests.console.house import DESK, NARROW, PHONE

ASKING = """\
name = "clerk"
description = "refunds what customers ask for"
ttl = "10m"

[[allow]]
scope = "write"
upstream = "shop"
methods = ["POST"]
paths = ["/refunds/**"]
ask = "four-eyes"

[[allow]]
scope = "read"
upstream = "shop"
methods = ["GET"]
paths = ["/**"]
"""


async def look_at(browser, path, name, scheme):
    """Look at a page at a desk and on a phone: it breaks no rule, and fits."""
    await browser.page.emulate_media(color_scheme=scheme)
    reply = await browser.go(path)
    assert reply.status == 200
    found = await browser.violations()
    assert not found, found
    await browser.shoot(f"{name}-{scheme}")
    for size in (PHONE, NARROW):
        await browser.page.set_viewport_size(size)
        assert await browser.overflow() <= 0
    await browser.page.set_viewport_size(PHONE)
    assert await browser.violations() == []
    await browser.shoot(f"{name}-{scheme}-phone")
    await browser.page.set_viewport_size(DESK)
    assert browser.complaints == []
    assert len(await reply.body()) < 150_000


class Clerk:
    """An agent whose refunds people approve."""

    def __init__(self, house, agent):
        self.house, self.agent = house, agent
        self.id = house.id(agent)

    @classmethod
    async def hired(cls, house, name="refund-bot"):
        await house.bob.request("PUT", "/v1/roles/clerk", {"role_file": ASKING})
        answer = await house.bob.request("POST", "/v1/enrolments", {"role": "clerk"})
        token = json.loads(answer)["enrolment_token"]
        holder = await enrol(Holder(SigningKey.generate(system_entropy)), house.site.url, token, name)
        agent = Agent(holder, gateway=house.site.gateway)
        house.closing.append(agent)
        return cls(house, agent)

    async def refund(self, number=1, **fields):
        """Ask for a refund that nobody waits for, and return its status and the approval's id."""
        headers = {"authorization": f"Bearer {await self.agent.token()}", "prefer": "respond-async"}
        body = {"order": f"A-{number}", "amount": 1200 + number, "currency": "EUR", **fields}
        address = f"{self.house.site.gateway}/shop/refunds/{number}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(address, headers=headers, json=body) as answer,
        ):
            found = re.search(r'"approval":"([^"]+)"', await answer.text())
        return answer.status, found.group(1) if found else ""
