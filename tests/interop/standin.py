# SPDX-License-Identifier: Apache-2.0
"""Stands in for what agents call: an API, two makers of models, a host of git repositories; over TLS, with keys.

It tells the key that it was asked with, in every form that it can think of: what the agent gets to see holds none.
"""

import asyncio
import base64
import json
import subprocess
from urllib.parse import quote

from aiohttp import WSMsgType, web
from cryptography import x509

from tests.e2e.test_gateway_bulk import certificate

KEY = "sk+live/5e2c==f0?x9-Q7"
LOGIN = "robot:g1t/p4ss+w0rd=="
FILES = {"data": [{"id": "notes.md", "bytes": 11}, {"id": "plan.md", "bytes": 7}]}
WORDS = ("Two ", "files", " are", " there.")
_MODEL = {"id": "chat_1", "model": "m", "created": 1}


def forms(secret):
    """Return how a secret may be written.  Made here, and not by what searches for it in the product."""
    raw = secret.encode()
    shifted = [base64.b64encode(bytes(shift) + raw + b"\0\0") for shift in range(3)]
    cut = [
        encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6] for shift, encoded in enumerate(shifted)
    ]
    every = "".join(f"%{byte:02x}" for byte in raw).encode()
    found = [
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        quote(raw, safe="").encode(),
        every,
        every.upper(),
        *cut,
    ]
    return [*found, *(each.replace(b"+", b"-").replace(b"/", b"_") for each in cut)]


def told(secret):
    """Return all forms of a secret as text."""
    return " ".join(form.decode() for form in forms(secret))


def leaks(data, secret):
    """Return the forms of a secret that are in `data`."""
    return [form for form in forms(secret) if form in data]


class StandIn:
    """Serves all of it on one port of this machine, by a name."""

    def __init__(self, folder, name="localhost"):
        self.folder, self.name = folder, name
        self.seen = []
        self.posted = []
        self.asked_models = []

    async def start(self):
        self._make_repository()
        self.certificate, context = certificate(self.folder, x509.DNSName(self.name))
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/v1/files", self._files)
        app.router.add_post("/v1/results", self._results)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/chat", self._socket)
        app.router.add_post("/claude/v1/messages", self._messages)
        app.router.add_route("*", "/git/{path:.*}", self._git)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self.url = f"https://{self.name}:{self.port}"
        return self

    async def close(self):
        open_still = [each.transport for each in self._runner.server.connections]
        await self._runner.cleanup()
        # Not all of the other side is there any more to say goodbye.
        for transport in open_still:
            transport.abort()
        await asyncio.sleep(0)

    def _make_repository(self):
        made = self.folder / "work"
        made.mkdir(parents=True)
        (made / "README").write_text("a repository\n")
        alone = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "PATH": "/usr/bin:/bin"}
        who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "first"]):
            subprocess.run(["git", *words], cwd=made, env=alone, check=True)
        bare = self.folder / "repositories" / "notes.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(made), str(bare)], env=alone, check=True)

    def _admit(self, request, name, value):
        self.seen.append((request.method, request.path, dict(request.headers)))
        if request.headers.get(name) != value:
            raise web.HTTPUnauthorized

    async def _files(self, request):
        self._admit(request, "Authorization", f"Bearer {KEY}")
        return web.json_response({**FILES, "debug": told(KEY)}, headers={"X-Debug": told(KEY)})

    async def _results(self, request):
        self._admit(request, "Authorization", f"Bearer {KEY}")
        self.posted.append(await request.read())
        return web.json_response({"ok": True}, status=201)

    async def _chat(self, request):
        self._admit(request, "Authorization", f"Bearer {KEY}")
        asked = await request.json()
        if not asked.get("stream"):
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "".join(WORDS)},
            }
            return web.json_response({**_MODEL, "object": "chat.completion", "choices": [choice]})
        answer = await _events(request)
        for word in (*WORDS, f" ({KEY})"):
            choice = {"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": word}}
            event = {**_MODEL, "object": "chat.completion.chunk", "choices": [choice]}
            await _torn(answer, f"data: {json.dumps(event)}\n\n".encode())
        await answer.write(b"data: [DONE]\n\n")
        return answer

    async def _messages(self, request):
        self._admit(request, "X-Api-Key", KEY)
        asked = await request.json()
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "stop_reason": "end_turn",
        }
        message |= {"stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        if not asked.get("stream"):
            return web.json_response({**message, "content": [{"type": "text", "text": "".join(WORDS)}]})
        answer = await _events(request)
        events = [
            {"type": "message_start", "message": {**message, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
                for word in (*WORDS, f" ({KEY})")
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        ]
        for event in events:
            await _torn(answer, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        return answer

    async def _socket(self, request):
        self._admit(request, "Authorization", f"Bearer {KEY}")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(KEY if message.data == "key?" else message.data)
        return socket

    async def _git(self, request):
        self._admit(request, "Authorization", "Basic " + base64.b64encode(LOGIN.encode()).decode())
        described = {
            "GIT_PROJECT_ROOT": str(self.folder / "repositories"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": "/" + request.match_info["path"],
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "PATH": "/usr/bin:/bin",
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=described,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(fields.pop("Status", "200").split()[0])
        fields["X-Debug"] = told(LOGIN.partition(":")[2])
        return web.Response(status=status, body=body, headers=fields)


async def _events(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    return answer


async def _torn(answer, data):
    """Send it in two pieces, torn where a key in it would be in its middle."""
    middle = data.find(KEY[:4].encode()) + 6
    for piece in (data[:middle], data[middle:]):
        await answer.write(piece)
        await asyncio.sleep(0)


ALLOWED = """
[[allow]]
scope = "files.read"
upstream = "model"
methods = ["GET", "POST"]
paths = ["/**"]

[[allow]]
scope = "models.ask"
upstream = "claude"
methods = ["POST"]
paths = ["/v1/messages"]

[[allow]]
scope = "repo.read"
upstream = "repo"
methods = ["GET", "POST"]
paths = ["/notes.git/**"]
"""


async def furnish(home, standin):
    """Give the house the stand-in's keys, and enrol a caller who has none."""
    await home.keep("api-key", KEY)
    await home.keep("repo-login", LOGIN)
    await home.upstream("model", f"{standin.url}/v1", "api-key", "bearer")
    await home.upstream("claude", f"{standin.url}/claude", "api-key", "header:x-api-key")
    await home.upstream("repo", f"{standin.url}/git", "repo-login", "basic")
    return await home.enrol(ALLOWED)
