# SPDX-License-Identifier: Apache-2.0
"""An agent that knows nothing of us does its work, and the secret is nowhere that it could look.

Everything that the agent has is searched for the upstreams' keys and for its own token, in every form: the environment
of each of its processes, its folder, what it printed, and what came out of TLS on its side.
"""

import asyncio
import contextlib
import json
import platform
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from tests.e2e.home import Home
from tests.e2e.site import Site
from tests.interop.standin import KEY, LOGIN, WORDS, StandIn, furnish, leaks

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("behind-the-proxy")]
AGENTS = Path(__file__).parent / "agents"
MODULES = Path(__file__).parents[1] / "interop" / "node" / "node_modules"
NODE_24 = MODULES / f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}" / "bin" / "node"
PYTHON = (sys.executable, "-W", "ignore", AGENTS / "listen.py", AGENTS / "agent.py")
NODE = (NODE_24, "--import", AGENTS / "listen.mjs", AGENTS / "agent.mjs")
STARS = "*" * len(KEY)


class Wire:
    """Stands between the local proxy and the gateway, and listens."""

    def __init__(self):
        self.sent = b""
        self.port = 0
        self._tasks = set()

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def close(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def tokens(self):
        return {each.decode() for each in re.findall(rb"Proxy-Authorization: Bearer (\S+)", self.sent)}

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        there = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await asyncio.gather(self._pipe(reader, there[1], heard=True), self._pipe(there[0], writer))
        finally:
            for each in (there[1], writer):
                each.close()

    async def _pipe(self, reader, writer, *, heard=False):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                self.sent += data if heard else b""
                writer.write(data)
                await writer.drain()
            writer.write_eof()


@pytest.fixture
async def house(tmp_path):
    """A house whose gateway is reached over a wire that is listened to, a stand-in, and a caller."""
    async with AsyncExitStack() as stack:
        wire = await Wire().start()
        stack.push_async_callback(wire.close)
        standin = StandIn(tmp_path / "standin")
        await standin.start()
        trusts = {"SSL_CERT_FILE": str(standin.certificate)}
        site = Site(tmp_path / "site", gateway=wire.url, environment=trusts)
        wire.port = site.gateway_port
        await site.start()
        stack.push_async_callback(site.kill)
        stack.push_async_callback(standin.close)
        operator = await site.operator()
        stack.push_async_callback(operator.close)
        home = await furnish(Home(site, operator, standin.url, tmp_path / "agent"), standin)
        yield home, standin, wire


def everything(process, folder):
    """Return what the program and all that came of it has: environments, files, by where they were found."""
    found = {}
    parent = psutil.Process(process.pid)
    for each in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(OSError):
            found[f"the environment of {each.pid}"] = Path(f"/proc/{each.pid}/environ").read_bytes()
    trust = Path(re.search(r"/[^\0'\"]+/ca.pem", (folder / "environment.txt").read_text())[0]).parent
    for file in (*folder.rglob("*"), *trust.rglob("*")):
        if file.is_file():
            found[str(file)] = file.read_bytes()
    return found


@pytest.mark.parametrize("program", [PYTHON, NODE], ids=["python", "node"])
async def test_it_does_its_work_and_finds_no_secret_anywhere(house, program):
    home, standin, wire = house
    if not NODE_24.is_file():
        pytest.skip("needs npm's node 24: run npm ci in tests/interop/node")
    words = (*map(str, program), home.url)
    # Git says on its own what it hears; nothing is left out of that.
    tells = {"GIT_TRACE_CURL": str(home.folder / "heard-by-git"), "GIT_TRACE_REDACT": "0"}
    process = await home.start(*words, stdin=asyncio.subprocess.PIPE, environ=tells)
    said = await asyncio.wait_for(process.stdout.readline(), 40)
    assert said == b"done\n", (said, await process.communicate())
    found = everything(process, home.folder)
    out, err = await asyncio.wait_for(process.communicate(b""), 40)
    assert (process.returncode, err) == (0, b"")
    found["what it printed"] = said + out + err

    # The work was done.
    assert standin.posted
    assert f"{''.join(WORDS)} ({STARS})".encode() in standin.posted[0]
    assert b"a repository" in standin.posted[0]
    # With the keys, which were put in where only the upstream sees them.
    assert {headers.get("Authorization", "")[:5] for _, _, headers in standin.seen} == {"Beare", "Basic"}
    assert any(KEY in str(headers) for _, _, headers in standin.seen)

    # What was searched is what the agent had: it, its tool, who started them and who watches; files; what it heard.
    assert len([where for where in found if where.startswith("the environment")]) >= 4
    assert b"notes.md" in found[str(home.folder / "heard")]
    assert STARS.encode() in found[str(home.folder / "heard")]
    assert b"git-upload-pack" in found[str(home.folder / "heard-by-git")]
    (token,) = wire.tokens
    assert token.count(".") == 2
    for secret in (KEY, LOGIN, LOGIN.partition(":")[2], token, token.rpartition(".")[2]):
        assert {where: leaks(data, secret) for where, data in found.items() if leaks(data, secret)} == {}


async def test_its_environment_names_the_proxy_and_the_authority_and_nothing_else(house):
    home, _, _ = house
    async with home.environment() as environ:
        given = {name: value for name, value in environ.items() if name not in home.inherited}
    told = json.dumps(given)
    places = re.compile(r"proxy|ca\.pem|ca\.p12|@smartagent-|^1?$|127\.0\.0\.1", re.IGNORECASE)
    assert [name for name, value in given.items() if not places.search(value)] == []
    assert "Bearer" not in told
    assert "eyJ" not in told
