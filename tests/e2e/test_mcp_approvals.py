# SPDX-License-Identifier: Apache-2.0
"""Tools that somebody has to approve: the call waits, the server hears nothing, and what was approved works once."""

import asyncio

import pytest
import pytest_asyncio

from tests.e2e.mcpserver import LEGACY, MODERN, SECRET, ask, call
from tests.e2e.mcpsite import McpSite, stand
from tests.e2e.site import Site, until, whole_log

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mcp-approvals"),
]
__all__ = ["stand"]
BUYER = """
[[mcp]]
server = "stand"
tools = ["order"]
[[mcp.arguments]]
path = "number"
max = 100

[[mcp]]
server = "stand"
tools = ["order"]
ask = "four-eyes"
[[mcp.arguments]]
path = "number"
min = 101
"""
CONFIRMED = """
[[mcp]]
server = "stand"
tools = ["order"]
ask = "confirm"
"""
OPENS_PAGES = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mcp(tmp_path_factory, stand):
    environment = {"SMARTAGENT_APPROVAL_WAIT_SECONDS": "3"}
    site = await Site(tmp_path_factory.mktemp("asking") / "house", environment=environment).start()
    operator = await site.operator()
    mcp = McpSite(site, operator)
    await mcp.secret("stand-key", SECRET)
    await mcp.server("stand", url=stand.url, allow_private=True, secret="stand-key", place="header:X-Key")
    await mcp.role("buyer", BUYER)
    await mcp.role("confirmed", CONFIRMED)
    yield mcp
    await operator.close()
    await site.kill()


@pytest.fixture
def url(mcp):
    return mcp.url("stand")


@pytest_asyncio.fixture(loop_scope="module")
async def token(mcp):
    return await mcp.agent_token("buyer", "stand")


async def the_pending(mcp, number):
    """Wait for the approval that is pending for an order of a number, and return it."""
    found = []
    line = {"name": "number", "value": str(number)}

    async def there():
        pending = (await mcp.api("GET", "/v1/approvals?state=pending"))["approvals"]
        found[:] = [each for each in pending if line in each["card"]["lines"]]
        return found

    await until(there, what="an approval")
    (approval,) = found
    return approval


async def decide(mcp, approval, decision, **more):
    return await mcp.api("POST", f"/v1/approvals/{approval['id']}/decide", {"decision": decision, **more})


async def held(mcp, stand, url, token, arguments, revision=MODERN):
    """Order what waits for approval; return the call's task and the approval, when nothing of it has left."""
    stand.called.clear()
    task = asyncio.ensure_future(call(url, token, "order", arguments, revision))
    approval = await the_pending(mcp, arguments["number"])
    assert stand.called == []
    return task, approval


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
async def test_a_call_waits_for_approval_and_then_reaches_the_server(mcp, url, token, stand, revision):
    task, approval = await held(mcp, stand, url, token, {"number": 500}, revision)
    assert {"name": "number", "value": "500"} in approval["card"]["lines"]
    await decide(mcp, approval, "approve")
    answer = await task
    assert answer.result["content"][0]["text"].startswith("ordered by")
    assert len(stand.called) == 1


async def test_an_approval_is_for_its_arguments_and_works_once(mcp, url, token, stand):
    task, approval = await held(mcp, stand, url, token, {"number": 300})
    await decide(mcp, approval, "approve")
    await task
    for number in (300, 301):
        task, another = await held(mcp, stand, url, token, {"number": number})
        assert another["id"] != approval["id"]
        await decide(mcp, another, "deny")
        assert (await task).error["data"]["code"] == "approval-denied"
    assert stand.called == []


async def test_what_its_block_does_not_ask_about_is_not_held(url, token, stand):
    stand.called.clear()
    assert "result" in (await call(url, token, "order", {"number": 7})).last
    assert len(stand.called) == 1


async def test_a_tool_that_asks_is_listed_like_any_other(mcp, url):
    token = await mcp.agent_token("confirmed", "stand")
    listed = await ask(url, token, "tools/list")
    assert [each["name"] for each in listed.result["tools"]] == ["order"]


async def test_a_rule_that_changed_meanwhile_is_the_one_that_decides(mcp, url, stand):
    await mcp.role("passing", BUYER)
    token = await mcp.agent_token("passing", "stand")
    task, approval = await held(mcp, stand, url, token, {"number": 400})
    await mcp.role(
        "passing",
        BUYER.replace("max = 100", "max = 99")
        .replace('ask = "four-eyes"\n', "")
        .replace("min = 101", "min = 1000"),
    )
    await decide(mcp, approval, "approve")
    assert (await task).error["code"] == -32602
    assert stand.called == []


async def test_an_agent_that_is_revoked_while_it_waits_gets_nothing(mcp, url, stand):
    holder = await mcp.agent("buyer")
    token = await mcp.token(holder, "stand")
    task, _ = await held(mcp, stand, url, token, {"number": 600})
    await mcp.api("POST", "/v1/revocations", {"kind": "agent", "id": holder.principal, "reason": "the test"})
    assert "error" in (await task).last
    assert stand.called == []


async def test_a_client_that_can_lead_its_user_to_a_page_is_told_which(mcp, url, stand):
    token = await mcp.agent_token("confirmed", "stand")
    stand.called.clear()
    asked = {"name": "order", "arguments": {"number": 1}, "_meta": OPENS_PAGES}
    answer = await ask(url, token, "tools/call", asked)
    assert answer.result["resultType"] == "input_required"
    ((approval, request),) = answer.result["inputRequests"].items()
    assert request["method"] == "elicitation/create"
    assert request["params"]["mode"] == "url"
    assert request["params"]["url"] == f"{mcp.site.url}/approvals/{approval}"
    await decide(mcp, {"id": approval}, "approve")
    answered = {**asked, "inputResponses": {approval: {"action": "accept"}}}
    assert "content" in (await ask(url, token, "tools/call", answered)).result
    assert len(stand.called) == 1


async def test_who_waited_in_vain_is_told_where_to_decide(mcp, url, token, stand):
    for revision, code in (("2025-11-25", -32042), (MODERN, -32000)):
        task, approval = await held(mcp, stand, url, token, {"number": 700}, revision)
        error = (await task).error
        assert error["code"] == code
        assert error["data"]["approval"] == approval["id"]
        assert error["data"]["page"] == f"{mcp.site.url}/approvals/{approval['id']}"
        if code == -32042:
            (leading,) = error["data"]["elicitations"]
            assert (leading["mode"], leading["elicitationId"]) == ("url", approval["id"])
    await decide(mcp, approval, "approve")
    assert "result" in (await call(url, token, "order", {"number": 700})).last


async def test_the_log_says_who_approved_and_the_secret_is_nowhere(mcp, url, token, stand):
    task, approval = await held(mcp, stand, url, token, {"number": 800, "note": SECRET})
    assert SECRET not in str(approval)
    await decide(mcp, approval, "approve")
    await task
    made = [
        record
        for record in await whole_log(mcp.site, mcp.operator)
        if record["event"] == "mcp.call" and record.get("detail", {}).get("approval") == approval["id"]
    ]
    assert len(made) == 1
    assert made[0]["detail"]["approved_by"].startswith("opr_")
