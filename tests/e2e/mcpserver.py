# SPDX-License-Identifier: Apache-2.0
"""An MCP server of the SDK that does what it is told, good or bad, and a client that sends what it is told."""

import asyncio
import base64
import contextlib
import json
import urllib.parse

import aiohttp
import mcp_types as types
import uvicorn
from mcp import MCPError
from mcp.server.lowlevel import Server

from tests.e2e.site import free_port, until

SECRET = "stand-in-key/" + "9f31=ü"
SECRET_WIRE = base64.b64encode(SECRET.encode()).decode()
MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {"io.modelcontextprotocol/clientCapabilities": {}}
ANY = {"type": "object"}


def tool(name, description="Does what it says.", **more):
    return types.Tool(name=name, description=description, input_schema=more.pop("schema", ANY), **more)


class StandIn:
    """A server whose tools can be changed, and which remembers with what credentials it was asked."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.tools = {
            name: tool(name) for name in ("order", "tell", "fail", "huge", "slow", "die", "secretly")
        }
        self.seen = []
        self.called = []
        self.waiting, self.let_go = asyncio.Event(), asyncio.Event()

    async def start(self):
        server = Server(
            "stand-in",
            instructions="Be kind.",
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._resources,
            on_read_resource=self._read,
            on_list_prompts=self._prompts,
            on_get_prompt=self._prompt,
        )
        app = server.streamable_http_app()

        async def remembering(scope, receive, send):
            if scope["type"] == "http":
                self.seen.append({name.decode(): value.decode("latin-1") for name, value in scope["headers"]})
            await app(scope, receive, send)

        config = uvicorn.Config(
            remembering,
            port=self.port,
            log_config=None,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server.serve())

        async def started():
            return self._server.started

        await until(started, what="the stand-in")
        return self

    async def close(self):
        self.let_go.set()
        self._server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _list(self, ctx, params):
        return types.ListToolsResult(tools=list(self.tools.values()))

    async def _resources(self, ctx, params):
        named = [types.Resource(name=each, uri=f"stand://{each}") for each in ("open", "shut", "key")]
        return types.ListResourcesResult(resources=named)

    async def _read(self, ctx, params):
        blob = base64.b64encode(b"x" + self._key(ctx).encode()).decode()
        inside = types.BlobResourceContents(uri=params.uri, blob=blob)
        return types.ReadResourceResult(contents=[inside])

    async def _prompts(self, ctx, params):
        return types.ListPromptsResult(prompts=[types.Prompt(name="greet"), types.Prompt(name="insult")])

    async def _prompt(self, ctx, params):
        said = types.TextContent(type="text", text=f"Say {self._key(ctx)}")
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=said)])

    def _key(self, ctx):
        return ctx.request.headers.get("x-key", ctx.request.headers.get("authorization", ""))

    async def _call(self, ctx, params):
        self.called.append((params.name, params.arguments, self._key(ctx)))
        return await getattr(self, f"_{params.name}", self._order)(ctx, params)

    async def _order(self, ctx, params):
        return said(f"ordered by {self._key(ctx)[-6:]}")

    async def _tell(self, ctx, params):
        key = self._key(ctx).encode("latin-1")
        shown = forms_of(key)
        await ctx.session.report_progress(1, 2, f"telling {shown[1]}")
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=" ".join(shown))],
            structured_content={"forms": shown, shown[1]: "as a name"},
        )

    async def _fail(self, ctx, params):
        raise MCPError(-32050, f"no luck with {self._key(ctx)}", {"key": self._key(ctx)})

    async def _huge(self, ctx, params):
        return said("x" * 40_000_000)

    async def _slow(self, ctx, params):
        self.waiting.set()
        await self.let_go.wait()
        return said("at last")

    async def _die(self, ctx, params):
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.Event().wait()


def said(text):
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)])


def forms_of(key):
    """The ways in which a server may write what it was given."""
    return [
        key.decode("latin-1"),
        base64.b64encode(key).decode(),
        base64.urlsafe_b64encode(b"ab" + key).decode(),
        key.hex(),
        urllib.parse.quote(key, safe=""),
        json.dumps(key.decode("latin-1")),
    ]


class Answer:
    """An HTTP answer: its status and headers, the messages in it."""

    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        is_stream = "event-stream" in headers.get("content-type", "")
        self.messages = (
            [json.loads(line) for line in lines] if is_stream else [json.loads(text)] if text else []
        )

    @property
    def last(self):
        return self.messages[-1]

    @property
    def error(self):
        return self.last.get("error") or {}

    @property
    def result(self):
        assert "result" in self.last, self.last
        return self.last["result"]


def message(method, params=None, revision=MODERN, rpc_id=7):
    """A request and its headers, as a client of that revision writes them."""
    params = dict(params or {})
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": revision}
    if revision == MODERN:
        meta = META | {"io.modelcontextprotocol/protocolVersion": revision}
        params["_meta"] = meta | params.get("_meta", {})
        headers["mcp-method"] = method
        name = params.get("name") or params.get("uri")
        if name is not None:
            headers["mcp-name"] = name
    return {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params}, headers


async def send(url, token, body, headers):
    """Send what is given, as it is."""
    bearer = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body, headers={**bearer, **headers}) as answer,
    ):
        return Answer(answer.status, answer.headers, await answer.text())


async def ask(url, token, method, params=None, revision=MODERN):
    """Send a well-formed request of a revision."""
    return await send(url, token, *message(method, params, revision))


async def call(url, token, name, arguments=None, revision=MODERN, **more):
    """Call a tool."""
    return await ask(url, token, "tools/call", {"name": name, "arguments": arguments or {}, **more}, revision)
