# SPDX-License-Identifier: Apache-2.0
"""How the page about MCP servers is followed."""

from tests.e2e.mcpserver import StandIn


async def mcp_servers(reader):
    stand = await StandIn().start()
    try:
        reader.stands_for["https://mcp.example.com/mcp"] = f"{stand.url} --allow-private"
        assert "/mcp/orders" in await reader.do()
        shown = await reader.do()
        assert "pending" in shown
        assert "Approved: (instructions), die" in shown
        assert "buyer" in await reader.do()
        await reader.enrol("bot", "buyer")
        assert '"ordered by' in await reader.do()
        assert "Nobody asks" in await reader.do()
        assert "reads-private" in await reader.do()
    finally:
        await stand.close()
