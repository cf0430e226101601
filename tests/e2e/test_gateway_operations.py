# SPDX-License-Identifier: Apache-2.0
"""Operations as targets of rules: a real git, and GraphQL, through the gateway."""

import asyncio
import json
import os
import subprocess

import pytest

from smartagent.gateway.ports import Said
from smartagent.kernel import Decision
from tests.unit.gateway.fakes import SECRET, TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"data": {}}', "Content-Type: application/json")
VIEWER = {"query": "query { ...F } fragment F on Query { viewer { login } }"}


def ask(agent, body, target="/crm/graphql", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = "Content-Type: application/json\r\n" + more.pop("fields", "")
    return agent.call(target, more.pop("method", "POST"), fields=fields, body=raw, **more)


@on_both_loops
async def test_a_graphql_call_is_decided_by_its_operation_and_arrives_as_it_was_sent():
    async with world(always(OK), speaks="graphql:/graphql") as here:
        here.doors.forbidden.add("graphql:mutation")
        agent = await here.agent()
        assert (await ask(agent, VIEWER)).status == 200
        assert here.doors.asked.said == Said("application/json", "graphql:query", ("viewer",))
        detail = here.doors.committed[-1].detail
        assert (detail["operation"], detail["fields"]) == ("graphql:query", "viewer")
        refused = await ask(agent, {"query": "mutation { viewer: deleteAll }"})
        assert refused.status == 403
        assert here.doors.asked.said.fields == ("deleteAll",)
        assert len(here.origin.requests) == 1
        assert here.origin.requests[0].headers["content-length"] == str(len(json.dumps(VIEWER)))


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        ([VIEWER, VIEWER], {}, "operation-unreadable"),
        ({"extensions": {}}, {}, "operation-unreadable"),
        (VIEWER, {"target": "/crm/graphql?query={a}"}, "operation-unreadable"),
        (VIEWER, {"target": "/crm/GraphQL/", "method": "PUT"}, "operation-unreadable"),
        (b"", {"method": "GET"}, "operation-unreadable"),
        (b'{"query": "{ a }", "variables": {"x": "' + b"x" * 300_000 + b'"}}', {}, "body-too-large"),
    ],
)
async def test_what_nobody_can_read_is_refused_with_a_record_and_goes_nowhere(body, more, code):
    async with world(always(OK), speaks="graphql:/graphql") as here:
        answer = await ask(await here.agent(), body, **more)
        assert json.loads(answer.body)["type"].endswith(f":{code}")
        last = here.doors.committed[-1]
        assert (last.caller, last.decision, last.outcome) == ("agt_1", Decision.DENY, code)
        assert here.origin.requests == []


async def test_who_is_not_known_is_refused_before_the_body_is_waited_for():
    async with world(always(OK), speaks="graphql:/graphql") as here:
        agent = await here.agent()
        agent.ask("/crm/graphql", "POST", fields="Content-Length: 100\r\n", token="wrong")
        assert (await agent.answer()).status == 401


async def test_other_paths_of_the_upstream_are_decided_by_method_and_path():
    async with world(always(OK), speaks="graphql:/graphql") as here:
        agent = await here.agent()
        assert (await agent.call("/crm/rest/a")).status == 200
        assert here.doors.asked.said == Said()
        assert (await ask(agent, b"not json", "/crm/rest/a")).status == 200
        assert here.doors.asked.said == Said("application/json")


def git(*words, folder):
    """Run git as a person would who has no settings of their own."""
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 -- where git is
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    return subprocess.run(
        ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=30
    )


def backend(folder):
    """Return a script that answers as `git http-backend` does, to whoever has the upstream's key."""

    async def script(request, reader, writer):
        path, _, query = request.target.partition("?")
        body = await body_of(request, reader)
        if request.headers.get("authorization") != "Bearer " + SECRET.decode():
            writer.write(reply(b"", status="401 Unauthorized"))
            return
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env={
                "PATH": os.environ["PATH"],  # noqa: TID251 -- where git is
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "gateway",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": request.method,
                "CONTENT_TYPE": request.headers.get("content-type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await process.communicate(body)
        head, _, payload = answer.partition(b"\r\n\r\n")
        fields = head.decode().split("\r\n")
        status = next(
            (each.removeprefix("Status: ") for each in fields if each.startswith("Status")), "200 OK"
        )
        writer.write(
            reply(payload, *(each for each in fields if not each.startswith("Status")), status=status)
        )

    return script


async def body_of(request, reader):
    if "transfer-encoding" not in request.headers:
        return await reader.readexactly(int(request.headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return body


async def test_a_real_git_clones_and_fetches_where_it_may_not_push(tmp_path):
    folder, home = tmp_path / "server", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    assert git("init", "--bare", "-b", "main", "code.git", folder=folder).returncode == 0
    assert git("config", "http.receivepack", "true", folder=folder / "code.git").returncode == 0
    async with world(backend(folder), speaks="git") as here:
        remote = f"http://127.0.0.1:{here.port}/crm/code.git"
        header = f"http.extraHeader=Authorization: Bearer {TOKEN}"

        async def run(*words, where=home / "code"):
            return await asyncio.to_thread(git, "-c", header, *words, folder=where)

        cloned = await run("clone", remote, "code", where=home)
        assert cloned.returncode == 0, cloned.stderr
        (home / "code" / "file").write_text("x")
        for words in (("checkout", "-b", "main"), ("add", "file"), ("commit", "-m", "one")):
            assert (await run(*words)).returncode == 0
        here.doors.forbidden.add("git-write")
        pushed = await run("push", "origin", "main")
        assert pushed.returncode != 0
        assert "403" in pushed.stderr
        here.doors.forbidden.clear()
        pushed = await run("push", "origin", "main")
        assert pushed.returncode == 0, pushed.stderr
        here.doors.forbidden.add("git-write")
        again = await run("clone", remote, "again", where=home)
        assert again.returncode == 0, again.stderr
        assert (home / "again" / "file").read_text() == "x"
        assert (await run("fetch", where=home / "again")).returncode == 0
        assert SECRET.decode() not in str([cloned, pushed, again])
