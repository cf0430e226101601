# SPDX-License-Identifier: Apache-2.0
"""A lease that somebody has to approve, through a real authority."""

import aiohttp
import msgspec
import pytest

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Agent, Holder, enrol

pytestmark = pytest.mark.e2e
ROLE = 'name = "keeper"\nttl = "10m"\ncredentials = ["key"]\n'
CAREFUL = '@ask("four-eyes") forbid (principal, action == Action::"lease", resource);'
VALUE = "kept-" + "8d01"


async def lease(site, token, **body):
    headers = {"authorization": f"Bearer {token}"}
    asked = {"credential": "key", **body}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.url}/v1/leases", json=asked, headers=headers) as answer,
    ):
        return answer.status, await answer.json(), answer.headers


async def test_a_lease_is_given_when_it_was_approved_and_once(sites, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    sent = await operator.send("PUT", "/v1/secrets/static", VALUE.encode(), "application/octet-stream")
    assert sent.status == 201
    await operator.request("PUT", "/v1/providers/keys", {"kind": "secret", "secrets": {"api_key": "static"}})
    await operator.request("PUT", "/v1/credentials/key", {"provider": "keys", "max_ttl_seconds": 3600})
    await operator.request("PUT", "/v1/roles/keeper", {"role_file": ROLE})
    await operator.request("PUT", "/v1/policies/careful", {"cedar": CAREFUL})
    raw = await operator.request("POST", "/v1/enrolments", {"role": "keeper"})
    token = msgspec.json.decode(raw)["enrolment_token"]
    agent = Agent(await enrol(Holder(SigningKey.generate(system_entropy)), site.url, token, "bot"))
    closing(agent)
    session = await agent.open_session()

    status, told, headers = await lease(site, session.access_token)
    assert status == 202, told
    approval = headers["location"].rpartition("/")[2]
    card = msgspec.json.decode(await operator.request("GET", f"/v1/approvals/{approval}"))["card"]
    assert card["title"] == "LEASE credential/key (key)"
    assert VALUE not in str(card)
    await operator.request("POST", f"/v1/approvals/{approval}/decide", {"decision": "approve"})

    assert (await lease(site, session.access_token, ttl_seconds=60))[0] == 202
    status, given, _ = await lease(site, session.access_token)
    assert status == 201
    assert given["fields"] == {"api_key": VALUE}
    assert (await lease(site, session.access_token))[0] == 202
    renewed = f"{site.url}/v1/leases/{given['lease_id']}/renew"
    bearer = {"authorization": f"Bearer {session.access_token}"}
    async with aiohttp.ClientSession() as client, client.post(renewed, json={}, headers=bearer) as answer:
        assert answer.status == 403
