# SPDX-License-Identifier: Apache-2.0
"""Real clients in the environment that `smartagent run --proxy` gives: each with a role, none with a key of its own."""

import asyncio
import os
import platform
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.home import Home
from tests.e2e.site import Site
from tests.interop.standin import KEY, LOGIN, WORDS, StandIn, furnish, leaks

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("behind-the-proxy")]
HERE = Path(__file__).parent / "behind"
MODULES = Path(__file__).parent / "node" / "node_modules"
NODE_24 = MODULES / f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}" / "bin" / "node"
STARS = "*" * len(KEY)
DONE = ["notes.md", "201"]
SENTENCE = "".join(WORDS)


class Behind:
    """Programs run in one session's environment, and what they say is searched for every key."""

    def __init__(self, standin, environ, folder):
        self.standin, self.url, self.environ, self.folder = standin, standin.url, environ, folder

    async def run(self, *words):
        process = await asyncio.create_subprocess_exec(
            *map(str, words),
            env=self.environ,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (out + err)[-3000:].decode()
        for secret in (KEY, LOGIN.partition(":")[2]):
            assert leaks(out + err, secret) == []
        return out.decode().splitlines()

    async def python(self, client):
        return await self.run(sys.executable, "-W", "ignore", HERE / "clients.py", client, self.url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(tmp_path_factory):
    async with AsyncExitStack() as stack:
        standin = await StandIn(tmp_path_factory.mktemp("standin")).start()
        site = Site(tmp_path_factory.mktemp("site"), environment={"SSL_CERT_FILE": str(standin.certificate)})
        await site.start()
        stack.push_async_callback(site.kill)
        # Before the node is killed, which says goodbye to its connections.
        stack.push_async_callback(standin.close)
        operator = await site.operator()
        stack.push_async_callback(operator.close)
        folder = tmp_path_factory.mktemp("agent") / "home"
        home = await furnish(Home(site, operator, standin.url, folder), standin)
        environ = await stack.enter_async_context(home.environment())
        yield Behind(standin, environ, folder)


@pytest.fixture
def npm():
    if not NODE_24.is_file():
        pytest.skip("needs npm's undici, ws and node 24: run npm ci in tests/interop/node")


async def test_curl_works_and_is_held_to_its_role(behind):
    said = await behind.run("curl", "-sS", "-o", os.devnull, "-w", "%{http_code}\n", f"{behind.url}/v1/files")
    assert said == ["200"]
    refused = await behind.run(
        "curl", "-s", "-o", os.devnull, "-w", "%{http_code}\n", f"{behind.url}/claude/v1/models"
    )
    assert refused == ["403"], "the role does not have it"
    headers = behind.standin.seen[-1][2]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert not any(name.lower().startswith("proxy-") for name in headers)


async def test_git_clones_over_smart_http(behind):
    await behind.run("git", "clone", "-q", f"{behind.url}/git/notes.git", "clone")
    assert (behind.folder / "clone" / "README").read_text() == "a repository\n"
    for file in (behind.folder / "clone").rglob("*"):
        assert not file.is_file() or leaks(file.read_bytes(), LOGIN.partition(":")[2]) == []


@pytest.mark.parametrize("client", ["httpx", "requests", "aiohttp"])
async def test_pythons_clients_work_as_they_are(behind, client):
    assert await behind.python(client) == DONE


@pytest.mark.parametrize("client", ["openai", "anthropic"])
async def test_sdks_of_models_whole_and_streaming(behind, client):
    assert await behind.python(client) == [SENTENCE, f"{SENTENCE} ({STARS})"]


async def test_a_python_websocket_is_a_conversation(behind):
    assert await behind.python("aiohttp_websocket") == ["hello", STARS]


@pytest.mark.usefixtures("npm")
async def test_nodes_fetch_of_24_without_any_help(behind):
    assert await behind.run(NODE_24, HERE / "fetch.mjs", behind.url) == DONE


@pytest.mark.needs("node")
@pytest.mark.usefixtures("npm")
async def test_nodes_fetch_before_24_with_undicis_agent(behind):
    assert (
        await behind.run("node", "--import", HERE / "env-proxy.mjs", HERE / "fetch.mjs", behind.url) == DONE
    )


@pytest.mark.needs("node")
@pytest.mark.usefixtures("npm")
async def test_undici_works_with_its_own_agent(behind):
    assert await behind.run("node", HERE / "undici.mjs", behind.url) == DONE


@pytest.mark.usefixtures("npm")
async def test_nodes_websockets_are_conversations(behind):
    assert await behind.run(NODE_24, HERE / "socket.mjs", behind.url) == [f"hello {STARS}"] * 2


@pytest.mark.needs("go")
async def test_gos_net_http_works_as_it_is(behind):
    program = behind.folder / "client"
    known = {name: os.environ[name] for name in os.environ if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what a compiler needs
    built = await asyncio.create_subprocess_exec("go", "build", "-o", program, HERE / "client.go", env=known)
    assert await built.wait() == 0
    # Go never asks a proxy for `localhost`; in capitals it is a name like any other.
    assert await behind.run(program, behind.url.replace("localhost", "LOCALHOST")) == DONE
