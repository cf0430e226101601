# SPDX-License-Identifier: Apache-2.0
"""A real upstream for tests: says what it was sent, and answers byte for byte what it was told to."""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from smartagent.gateway import Gateway, GatewaySettings
from tests.unit.gateway.fakes import TOKEN, Entry, FakeDoors

LOOPS = pytest.mark.parametrize(
    "loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)


def on_both_loops(test):
    """Run a test on the loop that is served with, and on the one that comes with Python."""

    def run(loop_factory, **more):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(test(**more))

    wanted = inspect.signature(test)
    own = inspect.Parameter("loop_factory", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = wanted.replace(parameters=[own, *wanted.parameters.values()])
    run.__name__ = test.__name__
    run.__module__ = test.__module__
    return LOOPS(run)


Script = Callable[["Request", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Request:
    """One request as the upstream got it."""

    def __init__(self, raw: bytes) -> None:
        line, _, block = raw.partition(b"\r\n")
        self.raw = raw
        self.method, self.target, _ = line.decode().split(" ")
        self.headers = dict(field.split(": ", 1) for field in block.decode("latin-1").split("\r\n") if field)


class Origin:
    """Listens on loopback and runs `script` for each request."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task] = set()

    async def start(self, tls=None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        self._tasks.add(asyncio.current_task())
        self.connections += 1
        try:
            while not writer.is_closing():
                request = Request(await reader.readuntil(b"\r\n\r\n"))
                self.requests.append(request)
                await self.script(request, reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()


def reply(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode("latin-1") + body


def always(raw: bytes, *, close: bool = False) -> Script:
    async def script(request, reader, writer):
        length = int(request.headers.get("content-length", 0))
        await reader.readexactly(length)
        writer.write(raw)
        if close:
            writer.close()

    return script


class Answer:
    """What an agent got."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.raw = raw


class Agent:
    """A plain HTTP client that hides nothing."""

    def __init__(self, reader, writer) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, target="/crm/a", method="GET", fields="", body=b"", token=TOKEN, version="1.1") -> None:
        if body:
            fields += f"Content-Length: {len(body)}\r\n"
        head = (
            f"{method} {target} HTTP/{version}\r\nHost: gw\r\nAuthorization: Bearer {token}\r\n{fields}\r\n"
        )
        self.writer.write(head.encode("latin-1") + body)

    async def head(self):
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, _, block = raw.partition(b"\r\n")
        fields = [field.partition(": ") for field in block.decode("latin-1").split("\r\n") if field]
        headers = {name.lower(): value for name, _, value in fields}
        return int(line.split()[1]), headers, raw

    async def answer(self, method="GET") -> Answer:
        status, headers, raw = await self.head()
        if method == "HEAD" or status in {204, 304}:
            body = b""
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        elif "transfer-encoding" in headers:
            body = await self.chunks()
        else:
            body = await self.reader.read()
        return Answer(status, headers, body, raw + body)

    async def chunk(self) -> bytes:
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size)
        await self.reader.readexactly(2)
        return data

    async def chunks(self) -> bytes:
        body = b""
        while data := await self.chunk():
            body += data
        return body

    async def call(self, target="/crm/a", method="GET", **more) -> Answer:
        self.ask(target, method, **more)
        return await self.answer(method)


class World:
    """An upstream, a gateway and the house, all in this process."""

    def __init__(self, origin: Origin, doors: FakeDoors, gateway: Gateway, port: int) -> None:
        self.origin = origin
        self.doors = doors
        self.gateway = gateway
        self.port = port
        self._agents: list[Agent] = []

    async def agent(self) -> Agent:
        agent = Agent(*await asyncio.open_connection("127.0.0.1", self.port))
        self._agents.append(agent)
        return agent

    async def leave(self) -> None:
        for agent in self._agents:
            agent.writer.close()
            with contextlib.suppress(Exception):
                await agent.writer.wait_closed()


@asynccontextmanager
async def world(
    script: Script,
    settings: GatewaySettings | None = None,
    tls=None,
    interception=None,
    doors=FakeDoors,
    **entry,
):
    origin = Origin(script)
    await origin.start(tls)
    scheme = "https" if tls else "http"
    entry.setdefault("base_url", f"{scheme}://localhost:{origin.port}")
    house = doors(Entry("crm", **entry))
    gateway = Gateway(house, settings or GatewaySettings(sweep_seconds=0.02), interception=interception)
    server = await gateway.serve("127.0.0.1", 0)
    here = World(origin, house, gateway, server.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(60):
            yield here
    finally:
        await here.leave()
        await gateway.drain()
        await origin.stop()
