# SPDX-License-Identifier: Apache-2.0
"""Whose account a server is presented with, the house's own server, and servers that come and go."""

import asyncio
import json

import pytest
from aiohttp import web

from tests.e2e.mcpserver import ask, call
from tests.e2e.mcpsite import mcp, stand, token, url, worker
from tests.e2e.site import free_port, whole_log

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mcp-users"),
]
__all__ = ["mcp", "stand", "token", "url", "worker"]


class Provider:
    """An OAuth provider: for refresh token `r-X` the access token `a-X`."""

    async def start(self):
        app = web.Application()
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        self.port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def _token(self, request):
        token = (await request.post())["refresh_token"].replace("r-", "access-token-")
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def close(self):
        await self._runner.cleanup()


async def connect(mcp, provider, agent, token):
    entry = {
        "token_endpoint": f"http://127.0.0.1:{provider.port}/token",
        "client_id": "house",
        "auth": "none",
        "refresh_token": token,
    }
    await mcp.api("PUT", f"/v1/accounts/idp/{agent.replace('_', '-')}", entry)


async def test_one_users_token_is_never_used_for_another(mcp, stand):
    provider = await Provider().start()
    try:
        await mcp.api(
            "PUT",
            "/v1/mcp-servers/personal",
            {"url": stand.url, "allow_private": True, "account": "idp"},
        )
        await connect(mcp, provider, mcp.operator.id, "r-operator")
        await mcp.approve("personal")
        await mcp.role("person", '[[mcp]]\nserver = "personal"\ntools = ["*"]\n')
        agents = [await mcp.agent("person") for _ in range(3)]
        for agent, refresh in zip(agents, ("r-one", "r-two"), strict=False):
            await connect(mcp, provider, agent.principal, refresh)
        tokens = [await mcp.token(agent, "personal") for agent in agents]
        stand.called.clear()
        url = mcp.url("personal")
        answers = await asyncio.gather(*(call(url, tokens[n % 3], "order", {"n": n % 3}) for n in range(30)))
        keys = {(arguments["n"], key) for _, arguments, key in stand.called}
        assert keys == {(0, "Bearer access-token-one"), (1, "Bearer access-token-two")}
        refused = [answer for answer in answers if "error" in answer.last]
        assert len(refused) == 10
        assert {answer.error["data"]["code"] for answer in refused} == {"account-not-found"}
    finally:
        await provider.close()


async def test_the_houses_own_server_says_what_an_agent_may_do(mcp, worker):
    token = await mcp.token(worker)
    url = mcp.url()
    listed = await ask(url, token, "tools/list")
    assert [each["name"] for each in listed.result["tools"]] == [
        "what_may_i_do",
        "request_access",
        "my_audit_trail",
    ]
    may = (await call(url, token, "what_may_i_do")).result["structuredContent"]
    assert may["role"] == "worker"
    (stand,) = [each for each in may["mcp_servers"] if each["name"] == "stand"]
    assert (stand["address"], "order" in stand["tools"], "secretly" in stand["tools"]) == (
        mcp.url("stand"),
        True,
        False,
    )
    assert (await call(url, token, "what_may_they_do")).error["code"] == -32602


async def test_an_agent_asks_for_access_and_operators_see_it(mcp, worker):
    token, url = await mcp.token(worker), mcp.url()
    wish = {"wanted": "secretly on stand", "reason": "\u202e\x1b[31mplease"}
    asked = (await call(url, token, "request_access", wish)).result["structuredContent"]
    (shown,) = [
        each
        for each in (await mcp.api("GET", "/v1/access-requests"))["requests"]
        if each["id"] == asked["id"]
    ]
    assert (shown["agent"], shown["role"], shown["wanted"]) == (worker.principal, "worker", wish["wanted"])
    again = (await call(url, token, "request_access", wish)).result["structuredContent"]
    assert (again["id"], again["times"]) == (asked["id"], 2)
    await mcp.api("POST", f"/v1/access-requests/{asked['id']}/refusal", {"reason": "no"})
    assert asked["id"] not in str(await mcp.api("GET", "/v1/access-requests"))
    for bad in (
        {},
        {"wanted": "x"},
        {"wanted": "", "reason": "x"},
        {"wanted": "x" * 1001, "reason": "x"},
        {**wish, "as": "x"},
    ):
        assert (await call(url, token, "request_access", bad)).error["code"] == -32602


async def test_an_agent_sees_its_own_trail_and_nobody_elses(mcp, worker):
    other = await mcp.agent("worker")
    await call(mcp.url("stand"), await mcp.token(other, "stand"), "order")
    token = await mcp.token(worker)
    await call(mcp.url("stand"), await mcp.token(worker, "stand"), "order")
    trail = (await call(mcp.url(), token, "my_audit_trail", {"limit": 5})).result["structuredContent"][
        "records"
    ]
    assert 0 < len(trail) <= 5
    assert "mcp/stand/tool/order" in {each["target"] for each in trail}
    theirs = (await call(mcp.url(), await mcp.token(other), "my_audit_trail", {"limit": 100})).result
    requests = {each["request"] for each in theirs["structuredContent"]["records"]}
    assert not requests & {each["request"] for each in trail}
    assert (await call(mcp.url(), token, "my_audit_trail", {"agent": other.principal})).error[
        "code"
    ] == -32602


async def test_a_server_that_is_deleted_is_gone_with_its_resource_and_approvals(mcp, stand):
    await mcp.server("brieflived", url=stand.url, allow_private=True)
    await mcp.role("visitor", '[[mcp]]\nserver = "brieflived"\ntools = ["*"]\n')
    visitor = await mcp.agent("visitor")
    token = await mcp.token(visitor, "brieflived")
    assert "result" in (await call(mcp.url("brieflived"), token, "order")).last
    await mcp.api("DELETE", "/v1/mcp-servers/brieflived")
    assert (await call(mcp.url("brieflived"), token, "order")).status == 404
    await mcp.server("brieflived", approve=False, url=stand.url, allow_private=True)
    assert {each["state"] for each in (await mcp.look("brieflived")).values()} == {"pending"}


async def test_private_addresses_are_asked_only_where_the_entry_says_so(mcp, stand):
    entry = {"url": stand.url, "allow_private": False}
    answer = await mcp.operator.send(
        "PUT", "/v1/mcp-servers/inward", json.dumps(entry).encode(), "application/json"
    )
    assert answer.status == 400
    own = {"url": f"{mcp.site.url}/mcp", "allow_private": True}
    await mcp.api("PUT", "/v1/mcp-servers/inward", own)
    looked = await mcp.operator.send("POST", "/v1/mcp-servers/inward/look", b"", "")
    assert looked.status == 502


async def test_private_data_and_untrusted_content_are_not_sent_outside_or_it_is_recorded(mcp, stand):
    labels = {"tell": ["reads-private"], "stand://*": ["untrusted-content"], "order": ["sends-outside"]}
    await mcp.server("labelled", url=stand.url, allow_private=True, labels=labels)
    block = '[[mcp]]\nserver = "labelled"\ntools = ["*"]\nresources = ["*"]\n'
    await mcp.role("watched", block)
    await mcp.role("stopped", f'flow = "stop"\n{block}')
    address, flows = mcp.url("labelled"), {}
    for role in ("watched", "stopped"):
        agent = await mcp.agent(role)
        first, second = await mcp.token(agent, "labelled"), await mcp.token(agent, "labelled")
        await call(address, first, "tell")
        assert "result" in (await call(address, second, "order")).last
        await ask(address, second, "resources/read", {"uri": "stand://open"})
        stand.called.clear()
        flows[role] = await call(address, first, "order")
        assert len(stand.called) == (role == "watched")
        await mcp.api("DELETE", f"/v1/mcp-flows/{agent.principal}")
        assert "result" in (await call(address, second, "order")).last
    assert flows["stopped"].error["data"]["code"] == "mcp-flow-stopped"
    request = flows["watched"].headers["x-request-id"]
    records = [each for each in await whole_log(mcp.site, mcp.operator) if each["request"] == request]
    assert [each["detail"].get("flow") for each in records] == ["would-have-stopped", None]
