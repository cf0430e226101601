# SPDX-License-Identifier: Apache-2.0
"""How the page about MCP servers is followed."""

from tests.e2e.mcpserver import StandIn, tool


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
        await approve_what_is_shown(reader.shell, stand)
    finally:
        await stand.close()


async def approve_what_is_shown(shell, stand):
    """The commands that the page names without showing them."""
    stand.tools["order"] = tool("order", "Another \x1b[31mthing.")
    stand.tools["\x1b]0;title"] = tool("\x1b]0;title")
    shown = await shell.run("smartagentctl mcp diff orders")
    assert "\x1b" not in shown + await shell.run("smartagentctl mcp tools orders")
    assert '+  "description": "Another \\u001b[31mthing."' in shown
    refused = await shell.run("echo n | smartagentctl mcp approve orders order || echo refused")
    assert "Another" in refused
    assert refused.endswith("refused")
    assert "Approved: order" in await shell.run("echo y | smartagentctl mcp approve orders order")
    assert '"order"' not in await shell.run("smartagentctl mcp diff orders")
    assert "orders" in await shell.run("smartagentctl mcp list")
    assert stand.url in await shell.run("smartagentctl mcp show orders")
    assert "Released" in await shell.run("smartagentctl mcp release agt_none")
    assert "Deleted" in await shell.run("smartagentctl mcp delete orders")
