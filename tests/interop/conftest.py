# SPDX-License-Identifier: Apache-2.0
"""One authority for all foreign clients of a module."""

import pytest
import pytest_asyncio

from tests.interop.authority import NODE, Authority


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory):
    authority = await Authority(tmp_path_factory.mktemp("authority")).start()
    yield authority
    await authority.close()


@pytest.fixture
def openid_client():
    if not (NODE / "node_modules" / "openid-client").is_dir():
        pytest.skip("needs npm's openid-client: run npm ci in tests/interop/node")


@pytest.fixture(scope="session")
def mcp_packages():
    if not (NODE / "node_modules" / "@modelcontextprotocol" / "server-everything").is_dir():
        pytest.skip("needs npm's MCP servers: run npm ci in tests/interop/node")
    return NODE / "node_modules" / "@modelcontextprotocol"
