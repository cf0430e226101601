# SPDX-License-Identifier: Apache-2.0
"""Servers and clients that nobody here wrote: npm's reference servers, the Inspector, and the SDK's client."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import httpx2
import psutil
import pytest
import pytest_asyncio
from mcp import Client, MCPError
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import PrivateKeyJWTOAuthProvider, SignedJWTParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests.e2e.mcpsite import McpSite
from tests.e2e.site import free_port, until
from tests.interop.authority import REDIRECT, pem
from tests.interop.test_mcp import Browser, Storage

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("mcp-servers"),
    pytest.mark.needs("node"),
]
TESTER = """
[[mcp]]
server = "everything"
tools = ["echo", "get-*", "trigger-*"]
prompts = ["simple-prompt", "args-prompt"]
resources = ["demo://resource/static/*"]

[[mcp]]
server = "remote"
tools = ["echo"]

[[mcp]]
server = "files"
tools = ["read_*", "list_directory"]

[[mcp.arguments]]
path = "path"
prefix = "{folder}/open"
"""
TOKEN = "everything-token-" + "8c1d"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mcp(authority, mcp_packages, tmp_path_factory):
    mcp = McpSite(authority.site, authority.operator)
    node, folder = shutil.which("node"), tmp_path_factory.mktemp("files")
    mcp.folder, mcp.everything = folder, mcp_packages / "server-everything" / "dist" / "index.js"
    for name in ("open", "shut"):
        (folder / name).mkdir()
        (folder / name / "note.txt").write_text(f"a note in {name}")
    await mcp.secret("everything-token", TOKEN)
    await mcp.server(
        "everything",
        command=[node, str(mcp.everything), "stdio"],
        env={"GREETING": "hello"},
        secret="everything-token",
        place="env:EVERYTHING_TOKEN",
    )
    files = mcp_packages / "server-filesystem" / "dist" / "index.js"
    await mcp.server("files", command=[node, str(files), str(folder)])
    await mcp.role("tester", TESTER.format(folder=folder))
    return mcp


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tester(mcp):
    return await mcp.agent("tester")


@contextlib.asynccontextmanager
async def client_of(url, auth, mode="auto"):
    async with (
        httpx2.AsyncClient(auth=auth, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


def by_key(mcp, holder, server):
    """A client that knows the server's address and its own key, and nothing else."""
    parameters = SignedJWTParameters(
        issuer=holder.principal,
        subject=holder.principal,
        signing_key=pem(holder.key),
        signing_algorithm="EdDSA",
    )
    return PrivateKeyJWTOAuthProvider(
        mcp.url(server),
        Storage(),
        holder.principal,
        parameters.create_assertion_provider(),
        issuer=mcp.site.url,
    )


@pytest.mark.parametrize(("mode", "revision"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_sdks_client_finds_its_way_and_uses_the_everything_server(mcp, tester, mode, revision):
    seen = []

    async def on_progress(progress, total, message):
        seen.append((progress, total))

    async with client_of(mcp.url("everything"), by_key(mcp, tester, "everything"), mode) as client:
        assert client.protocol_version == revision
        assert client.instructions.startswith("# Everything Server")
        names = {each.name for each in (await client.list_tools()).tools}
        assert {"echo", "get-sum", "get-env"} <= names
        assert not names & {"toggle-simulated-logging", "gzip-file-as-resource"}
        assert (await client.call_tool("echo", {"message": "ü"})).content[0].text == "Echo: ü"
        structured = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert structured.structured_content["conditions"]
        slow = {"duration": 0.3, "steps": 3}
        await client.call_tool("trigger-long-running-operation", slow, progress_callback=on_progress)
        assert seen[-1] == (3, 3)
        assert [each.name for each in (await client.list_prompts()).prompts] == [
            "simple-prompt",
            "args-prompt",
        ]
        prompt = await client.get_prompt("args-prompt", {"city": "Bern", "state": "BE"})
        assert "Bern" in prompt.messages[0].content.text
        listed = (await client.list_resources()).resources
        assert all(str(each.uri).startswith("demo://resource/static/") for each in listed)
        assert (await client.read_resource(str(listed[0].uri))).contents[0].text
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("toggle-simulated-logging", {})


async def test_a_program_finds_nothing_in_its_environment_but_what_was_declared(mcp, tester):
    async with client_of(mcp.url("everything"), by_key(mcp, tester, "everything")) as client:
        result = await client.call_tool("get-env", {})
        env = json.loads(result.content[0].text)
    assert set(env) - {"PWD", "SHLVL", "_"} == {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "GREETING",
        "EVERYTHING_TOKEN",
    }
    assert env["GREETING"] == "hello"
    assert env["EVERYTHING_TOKEN"] == "*" * len(TOKEN)
    assert env["HOME"] in {each.cwd() for each in programs(mcp)}


async def test_the_filesystem_server_reads_where_the_role_says_and_nowhere_else(mcp, tester):
    async with client_of(mcp.url("files"), by_key(mcp, tester, "files")) as client:
        path = mcp.folder / "open" / "note.txt"
        read = await client.call_tool("read_text_file", {"path": str(path)})
        assert read.content[0].text == "a note in open"
        outside = [mcp.folder / "shut" / "note.txt", mcp.folder / "open" / ".." / "shut" / "note.txt"]
        for each in outside:
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool("read_text_file", {"path": str(each)})
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("write_file", {"path": str(path), "content": "x"})


async def test_the_inspectors_command_line_lists_and_calls(mcp, tester, mcp_packages):
    token = await mcp.token(tester, "everything")

    async def inspect(*words):
        process = await asyncio.create_subprocess_exec(
            "node",
            str(mcp_packages / "inspector" / "cli" / "build" / "cli.js"),
            "--cli",
            mcp.url("everything"),
            "--transport",
            "http",
            "--header",
            f"Authorization: Bearer {token}",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            printed, complaints = await process.communicate()
        return printed.decode(), complaints.decode()

    printed, _ = await inspect("--method", "tools/list")
    assert "echo" in {each["name"] for each in json.loads(printed)["tools"]}
    printed, _ = await inspect(
        "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "message=through"
    )
    assert json.loads(printed)["content"][0]["text"] == "Echo: through"
    printed, complaints = await inspect("--method", "tools/call", "--tool-name", "toggle-simulated-logging")
    assert "Unknown tool" in complaints, printed


async def test_a_server_of_the_older_revision_at_a_url_is_spoken_to(mcp, tester):
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "node",
        str(mcp.everything),
        "streamableHttp",
        env={"PORT": str(port), "PATH": os.environ["PATH"]},  # noqa: TID251 -- what the child inherits
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:

        async def listens():
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
            except OSError:
                return False
            return True

        await until(listens, what="the everything server")
        await mcp.server("remote", url=f"http://127.0.0.1:{port}/mcp", allow_private=True)
        async with client_of(mcp.url("remote"), by_key(mcp, tester, "remote")) as client:
            assert client.protocol_version == "2026-07-28"
            assert [each.name for each in (await client.list_tools()).tools] == ["echo"]
            assert (await client.call_tool("echo", {"message": "x"})).content[0].text == "Echo: x"
    finally:
        process.terminate()
        await process.wait()


async def test_a_person_signs_in_and_has_the_role_that_the_server_has_for_people(authority, mcp):
    entry = await mcp.api("GET", "/v1/mcp-servers/everything")
    asked = {name: entry[name] for name in ("command", "env", "secret", "place")}
    await mcp.api("PUT", "/v1/mcp-servers/everything", asked | {"people_role": "tester"})
    storage, browser = Storage(), Browser(authority.person())
    metadata = OAuthClientMetadata(client_name="An MCP client", redirect_uris=[REDIRECT])
    auth = OAuthClientProvider(mcp.url("everything"), metadata, storage, browser.open, browser.callback)
    async with client_of(mcp.url("everything"), auth) as client:
        assert (await client.call_tool("echo", {"message": "me"})).content[0].text == "Echo: me"
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("toggle-simulated-logging", {})


async def test_each_user_has_a_program_of_their_own_and_none_outlives_the_authority(mcp, tester):
    other = await mcp.agent("tester")
    for holder in (tester, other):
        async with client_of(mcp.url("files"), by_key(mcp, holder, "files")) as client:
            await client.list_tools()
    running = programs(mcp)
    assert len(running) >= 4
    homes = [each.cwd() for each in running]
    assert len(set(homes)) == len(homes)
    mcp.site.process.terminate()
    await mcp.site.process.wait()

    assert [each for each in running if each.is_running()] == []
    assert not set(homes) & homes_left()


def programs(mcp):
    """The processes of MCP servers that this authority started and that are not over."""
    found = []
    for process in psutil.Process(mcp.site.process.pid).children(recursive=True):
        words = process.cmdline()
        if (
            len(words) > 1
            and words[1].startswith(str(mcp.everything.parents[2]))
            and words[-1] in {"stdio", str(mcp.folder)}
        ):
            found.append(process)
    return found


def homes_left():
    return {str(each) for each in Path(tempfile.gettempdir()).glob("smartagent-mcp-*")}
