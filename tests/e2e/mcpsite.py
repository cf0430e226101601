# SPDX-License-Identifier: Apache-2.0
"""An authority with MCP servers behind it, and agents whose roles may reach them."""

import msgspec
import pytest
import pytest_asyncio

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Holder, enrol
from tests.e2e.mcpserver import SECRET, StandIn
from tests.e2e.site import Site, post_form, token_form

WORKER = """
[[mcp]]
server = "stand"
tools = ["order", "tell", "fail", "huge", "slow", "die", "new"]
prompts = ["greet"]
resources = ["stand://open", "stand://k*"]

[[mcp]]
server = "brief"
tools = ["slow"]
"""
BUYER = """
[[mcp]]
server = "stand"
tools = ["order"]

[[mcp.arguments]]
path = "number"
min = 1
max = 100

[[mcp.arguments]]
path = "to.city"
one_of = ["Bern", "Uri"]
"""


class McpSite:
    """A site that was claimed, with what operators do there."""

    def __init__(self, site, operator):
        self.site, self.operator = site, operator

    async def api(self, method, path, body=None):
        raw = await self.operator.request(method, path, body)
        return msgspec.json.decode(raw) if raw else None

    def url(self, server=""):
        return f"{self.site.url}/mcp/{server}" if server else f"{self.site.url}/mcp"

    async def secret(self, name, value):
        answer = await self.operator.send(
            "PUT", f"/v1/secrets/{name}", value.encode(), "application/octet-stream"
        )
        assert answer.status in {200, 201}

    async def server(self, name, *, approve=True, **entry):
        """Enter a server, look at it, and approve all that it offers."""
        await self.api("PUT", f"/v1/mcp-servers/{name}", entry)
        return await self.approve(name) if approve else None

    async def look(self, name):
        return {
            each["tool"]: each for each in (await self.api("POST", f"/v1/mcp-servers/{name}/look"))["tools"]
        }

    async def approve(self, name, *tools):
        offered = {tool: each["offered"] for tool, each in (await self.look(name)).items()}
        wanted = {tool: digest for tool, digest in offered.items() if not tools or tool in tools}
        return await self.api("POST", f"/v1/mcp-servers/{name}/approvals", {"tools": wanted})

    async def role(self, name, text):
        await self.api("PUT", f"/v1/roles/{name}", {"role_file": f'name = "{name}"\n{text}'})

    async def agent(self, role):
        answer = await self.api("POST", "/v1/enrolments", {"role": role})
        key = SigningKey.generate(system_entropy)
        return await enrol(Holder(key), self.site.url, answer["enrolment_token"], "bot")

    async def token(self, holder, server="", **more):
        """A token for a server; for the house's own without one."""
        form = token_form(holder, self.site.url) | {"resource": self.url(server)} | more
        status, answer = await post_form(self.site.url, form)
        assert status == 200, answer
        return answer["access_token"]

    async def agent_token(self, role, server=""):
        return await self.token(await self.agent(role), server)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand():
    stand = await StandIn().start()
    yield stand
    await stand.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mcp(tmp_path_factory, stand):
    site = await Site(tmp_path_factory.mktemp("mcp") / "house").start()
    operator = await site.operator()
    mcp = McpSite(site, operator)
    await mcp.secret("stand-key", SECRET)
    common = {"url": stand.url, "allow_private": True}
    await mcp.server("stand", secret="stand-key", place="header:X-Key", **common)
    await mcp.server("brief", timeout_seconds=1, **common)
    await mcp.role("worker", WORKER)
    await mcp.role("buyer", BUYER)
    yield mcp
    await operator.close()
    await site.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker(mcp):
    return await mcp.agent("worker")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def token(mcp, worker):
    return await mcp.token(worker, "stand")


@pytest.fixture
def url(mcp):
    return mcp.url("stand")
