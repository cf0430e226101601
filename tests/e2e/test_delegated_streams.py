# SPDX-License-Identifier: Apache-2.0
"""Open streams of delegated tokens: they end with every link of the chain."""

import asyncio
import contextlib
import json

import aiohttp
import pytest

from tests.e2e.site import claims_of, furnish, post_form, token_form, until, whole_log

pytestmark = pytest.mark.e2e
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class Chain:
    """Two agents, the delegation between them, and the token with which the second acts for the first."""

    def __init__(self, site, operator):
        self.site, self.operator = site, operator

    async def build(self):
        self.first, self.second = [(await self.site.agent(self.operator))[1] for _ in range(2)]
        body = {"from": self.first.principal, "to": self.second.principal, "reason": "test"}
        self.delegation = json.loads(await self.operator.request("POST", "/v1/delegations", body))["id"]
        self.parent = (await post_form(self.site.url, token_form(self.first, self.site.issuer)))[1][
            "access_token"
        ]
        form = token_form(self.second, self.site.issuer) | {
            "grant_type": EXCHANGE,
            "subject_token": self.parent,
            "subject_token_type": ACCESS_TOKEN,
        }
        self.token = (await post_form(self.site.url, form))[1]["access_token"]
        return self

    async def end(self, link):
        if link == "delegation":
            await self.operator.request("DELETE", f"/v1/delegations/{self.delegation}")
            return
        subject = {
            "agent": self.second.principal,
            "subject": self.first.principal,
            "session": claims_of(self.parent)["sid"],
            "token": claims_of(self.parent)["jti"],
        }[link]
        kind = "agent" if link == "subject" else link
        await self.operator.request(
            "POST", "/v1/revocations", {"kind": kind, "id": subject, "reason": "test"}
        )


@pytest.mark.parametrize("link", ["delegation", "token", "session", "agent", "subject"])
async def test_a_stream_ends_when_any_link_of_its_chain_dies(sites, shop, closing, link):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    await furnish(operator, shop)
    chain = await Chain(site, operator).build()
    headers = {"authorization": f"Bearer {chain.token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.gateway}/shop/events", headers=headers) as stream,
    ):
        assert stream.status == 200
        assert await stream.content.readline() == b"data: tick\n"
        await chain.end(link)
        # The shop never stops by itself: what ends this is the gateway, and it ends it visibly.
        with contextlib.suppress(aiohttp.ClientPayloadError):
            async with asyncio.timeout(5):
                while not stream.content.at_eof():
                    await stream.content.readany()

    async def logged():
        records = await whole_log(site, operator)
        calls = [record for record in records if record["event"] == "gateway.call"]
        cuts = [record for record in records if record["event"] == "gateway.done"]
        return (
            calls
            and calls[-1]["detail"]["for"] == chain.first.principal
            and cuts
            and cuts[-1]["outcome"] == "unauthenticated"
        )

    await until(logged, what="the cut in the log")
