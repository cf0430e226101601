# SPDX-License-Identifier: Apache-2.0
"""The SDK is an extra: without it the house works, and says how to install it."""

import subprocess
import sys

PROGRAM = """
import asyncio, sys
sys.modules["mcp"] = None
import smartagent.server.wiring
from smartagent.mcp import Mcp, McpNotInstalled
mcp = Mcp.__new__(Mcp)
mcp._serving = None
try:
    asyncio.run(mcp.take(None, None))
except McpNotInstalled as error:
    print(error)
asyncio.run(mcp.stop())
print(sorted(name for name in sys.modules if name.split(".")[0] in {"mcp_types", "pydantic", "starlette", "httpx2"}))
"""


def test_a_message_is_refused_with_how_to_install_it_and_nothing_of_it_was_loaded():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    said, loaded = done.stdout.splitlines()
    assert "pip install 'smartagent[mcp]'" in said
    assert loaded == "[]"
