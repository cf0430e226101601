# SPDX-License-Identifier: Apache-2.0
"""Servers that are programs, and bad ones: they end, they flood, they do not leave; and several workers."""

import asyncio
import json
import sys
from pathlib import Path

import psutil
import pytest

from smartagent.kernel import Secret
from smartagent.mcp.errors import McpServerUnreachable
from smartagent.mcp.link import Link
from smartagent.mcp.model import McpServer
from tests.e2e.mcpserver import LEGACY, MODERN, StandIn, ask, call
from tests.e2e.mcpsite import WORKER, McpSite
from tests.e2e.site import until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("mcp-programs")]
SECRET = "program-key-" + "77b0"
PROGRAM = """
import json, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
print("this is no message")
def say(rpc_id, **more):
    print(json.dumps({"jsonrpc": "2.0", "id": rpc_id, **more}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    method, name = asked["method"], asked.get("params", {}).get("name")
    if method == "initialize":
        info = {"name": "p", "version": "1"}
        say(asked["id"], result={"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info})
    elif method == "tools/list":
        say(asked["id"], result={"tools": [{"name": "x", "inputSchema": {"type": "object"}}]})
    elif method != "tools/call":
        say(asked["id"], error={"code": -32601, "message": "no " + os.environ["KEY"]})
    elif name == "die":
        os._exit(1)
    elif name == "flood":
        print("x" * 20_000_000, flush=True)
        time.sleep(600)
    elif name == "nonsense":
        say(asked["id"], result={"content": os.environ["KEY"]})
    else:
        text = json.dumps({"env": dict(os.environ), "pids": [os.getpid(), child.pid], "cwd": os.getcwd()})
        say(asked["id"], result={"content": [{"type": "text", "text": text}]})
time.sleep(600)
"""


async def nobody(progress, total, message):
    pass


@pytest.fixture
async def program(tmp_path):
    made = []

    async def start(script=PROGRAM):
        file = written(tmp_path / f"server-{len(made)}.py", script)
        entry = McpServer(
            "bad", command=(sys.executable, str(file)), secret="s", place="env:KEY", env={"A": "b"}
        )
        made.append(Link(entry, (Secret(SECRET.encode()),), None))
        await made[-1].open()
        return made[-1]

    yield start
    for link in made:
        await link.close()


def written(file, script):
    file.write_text(script)
    return file


async def told(link):
    return json.loads((await link.call_tool("tell", {}, nobody))["content"][0]["text"])


async def test_it_finds_nothing_that_was_not_declared_and_leaves_nothing(program):
    link = await program()
    said = await told(link)
    assert set(said["env"]) - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "A", "KEY"}
    assert said["env"]["KEY"] == "*" * len(SECRET)
    assert said["cwd"] == said["env"]["HOME"]
    await link.close()
    assert not exists(said["cwd"])
    assert not any(alive(pid) for pid in said["pids"])


async def test_a_program_that_ends_in_the_middle_is_an_error_and_its_children_end_too(program):
    link = await program()
    said = await told(link)
    with pytest.raises(McpServerUnreachable):
        await link.call_tool("die", {}, nobody)
    assert not link.alive
    await link.close()
    assert not any(alive(pid) for pid in said["pids"])


@pytest.mark.parametrize("tool", ["flood", "nonsense"])
async def test_what_is_no_message_or_too_long_is_an_error_that_says_nothing_of_it(program, tool):
    link = await program()
    with pytest.raises(McpServerUnreachable) as error:
        await asyncio.wait_for(link.call_tool(tool, {}, nobody), 20)
    assert SECRET not in f"{error.value!r} {error.value.reason}"


@pytest.mark.parametrize(
    "script", ["raise SystemExit(1)", "import sys; sys.stdin.close(); sys.stdout.close()"]
)
async def test_a_program_that_does_not_speak_is_unreachable(program, script):
    with pytest.raises(McpServerUnreachable):
        await program(script)


async def test_a_call_that_is_given_up_leaves_the_connection_as_it_was(program):
    link = await program(
        PROGRAM.replace('elif name == "die":\n        os._exit(1)', 'elif name == "die":\n        pass')
    )
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.call_tool("die", {}, nobody), 0.2)
    assert (await told(link))["env"]["A"] == "b"


def exists(path):
    return Path(path).exists()


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_any_worker_answers_any_message(sites):
    await at_any_worker(sites, "")


@pytest.mark.postgres
async def test_any_worker_answers_any_message_on_postgresql(sites, fresh_database):
    await at_any_worker(sites, fresh_database)


async def at_any_worker(sites, address):
    stand = await StandIn().start()
    site = await sites(workers=2, store=address).start()
    operator = await site.operator()
    try:
        mcp = McpSite(site, operator)
        await mcp.server("stand", url=stand.url, allow_private=True)
        await mcp.role("worker", WORKER)
        token, url = await mcp.agent_token("worker", "stand"), mcp.url("stand")

        async def everybody_sees():
            answers = await asyncio.gather(
                *(ask(url, token, "tools/list", revision=LEGACY) for _ in range(8))
            )
            return all(answer.result["tools"] for answer in answers)

        await until(everybody_sees, what="the approval on every worker")
        calls = [call(url, token, "order", {"n": n}, (MODERN, LEGACY)[n % 2]) for n in range(24)]
        assert all("result" in answer.last for answer in await asyncio.gather(*calls))
    finally:
        await operator.close()
        await stand.close()
