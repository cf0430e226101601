# SPDX-License-Identifier: Apache-2.0
"""The whole authority is killed under load, again and again; whoever was answered must not notice."""

import asyncio

import aiohttp
import pytest

from tests.e2e.conftest import closing, shop, sites  # noqa: F401 -- fixtures
from tests.e2e.site import call, claims_of, furnish, post_form, token_form, whole_log

pytestmark = [pytest.mark.crash, pytest.mark.xdist_group("crash")]
CLIENTS = 6
ANSWERS_BETWEEN_KILLS = (25, 93, 41, 120)


class Load:
    """Clients that get tokens and use them, and remember what they were answered."""

    def __init__(self, site, holder):
        self._site, self._holder = site, holder
        self.forms, self.tokens, self.calls = [], {}, {}
        self.answers = 0
        self.more = asyncio.Event()
        self.wanted = 0

    async def client(self):
        while True:
            try:
                await self._once()
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)

    async def _once(self):
        form = token_form(self._holder, self._site.issuer)
        status, body = await post_form(self._site.url, form)
        if status != 200:
            assert status in {401, 503}, body
            return
        jti = claims_of(body["access_token"])["jti"]
        self.forms.append(form)
        self.tokens[jti] = body["access_token"]
        self._count()
        status, _ = await call(self._site.gateway, body["access_token"])
        if status == 200:
            self.calls[jti] = self.calls.get(jti, 0) + 1
            self._count()

    def _count(self):
        self.answers += 1
        if self.answers >= self.wanted:
            self.more.set()

    async def answered(self, count):
        self.wanted = self.answers + count
        self.more.clear()
        await asyncio.wait_for(self.more.wait(), 40)


async def test_everything_that_was_answered_is_in_the_log_and_nothing_works_twice(sites, shop, closing):  # noqa: F811 -- fixtures
    site = await sites(workers=2).start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    agent, holder = await site.agent(operator)
    closing(agent)
    load = Load(site, holder)
    clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
    for count in ANSWERS_BETWEEN_KILLS:
        await load.answered(count)
        await site.kill()
        await site.start()
    await load.answered(5)
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)

    # Every assertion that was answered before a kill is used up after it.
    again = await asyncio.gather(*(post_form(site.url, form) for form in load.forms[-60:]))
    assert {status for status, _ in again} == {401}
    records = await whole_log(site, operator)
    issued = {
        record["jti"]
        for record in records
        if record["event"] == "token.issued" and record["decision"] == "permit"
    }
    assert load.tokens.keys() <= issued
    permitted = {}
    for record in records:
        if record["event"] == "gateway.call" and record.get("decision") == "permit":
            permitted[record["jti"]] = permitted.get(record["jti"], 0) + 1
    assert all(permitted.get(jti, 0) >= count for jti, count in load.calls.items())
    # An open session goes on after a restart: its token still works.
    status, _ = await call(site.gateway, next(reversed(load.tokens.values())))
    assert status == 200
