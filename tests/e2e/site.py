# SPDX-License-Identifier: Apache-2.0
"""The installed authority for real: its processes, a claimed operator, an upstream, and agents."""

import asyncio
import base64
import contextlib
import json
import os
import re
import socket
import sys
import time

import aiohttp
import msgspec
import psutil

from smartagent.crypto import SigningKey, SystemClock, system_entropy
from smartagent.sdk import Agent, Holder, Operator, claim_house, client_assertion, enrol, verify_export

UPSTREAM_KEY = "upstream-key-" + "5e2c"
ROLE = """\
name = "reader"
ttl = "10m"

[[allow]]
scope = "read"
upstream = "shop"
methods = ["GET", "POST"]
paths = ["/**"]
"""
READY_SECONDS = 40


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def until(condition, *, seconds=20, what="it"):
    """Return when `condition` (a coroutine function) says yes."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        await asyncio.sleep(0.02)


class Shop:
    """An upstream that wants its key, answers slowly when asked to, streams, and remembers what it got."""

    def __init__(self):
        self.seen = []
        self.let_go = asyncio.Event()
        self.waiting = asyncio.Event()
        self._writers = set()

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def close(self):
        self.let_go.set()
        self._server.close()
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?im)^content-length: (\d+)", head)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                self.seen.append((head, body))
                await self._answer(head.split(" ")[1], head, writer)
                await writer.drain()
        writer.close()

    async def _answer(self, path, head, writer):
        if f"Bearer {UPSTREAM_KEY}" not in head:
            writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
        elif path == "/events":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            while not self.let_go.is_set():
                writer.write(b"data: tick\n\n")
                await writer.drain()
                await asyncio.sleep(0.02)
            raise OSError
        else:
            if path == "/slow":
                self.waiting.set()
                await self.let_go.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


class Site:
    """One node: `smartagent serve` with its workers.  Several may share a store and a root key."""

    def __init__(self, folder, *, workers=1, store="", issuer="", gateway="", environment=()):
        self.folder = folder
        self._environment = dict(environment)
        self.port, self.gateway_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.gateway = f"http://127.0.0.1:{self.gateway_port}"
        self.issuer, self.audience = issuer or self.url, gateway or self.gateway
        self._workers, self._store = workers, store
        self.process = None

    async def start(self):
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The child inherits what the test has, but for settings.
        inherited = os.environ.items()  # noqa: TID251 -- what the child inherits
        environment = {name: value for name, value in inherited if not name.startswith("SMARTAGENT_")}
        environment |= self._environment
        words = ["serve", "--data-dir", str(self.folder), "--port", str(self.port)]
        words += ["--gateway-port", str(self.gateway_port), "--workers", str(self._workers)]
        words += ["--issuer", self.issuer, "--gateway-url", self.audience]
        if self._store:
            words += ["--store", self._store]
        self.output = self.folder / "serve.out"
        with self.output.open("ab") as sink:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from smartagent.cli.smartagent import main; main()",
                *words,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        await until(self.ready, seconds=READY_SECONDS, what=f"ready ({self.output})")
        return self

    async def ready(self):
        assert self.process.returncode is None, self.output.read_text()
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def processes(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    async def kill(self):
        """Kill every process of the node at once, the hard way."""
        for each in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        await self.process.wait()

    async def claim_link(self):
        async def printed():
            return "#scl_" in self.output.read_text()

        await until(printed, what="the claim link")
        return re.search(r"http\S+claim#\S+", self.output.read_text()).group()

    async def operator(self):
        """Claim the house."""
        holder = Holder(SigningKey.generate(system_entropy))
        return Operator(await claim_house(holder, await self.claim_link(), "Ada"))

    async def agent(self, operator, at=None):
        """Enrol an agent, and return it with its holder."""
        raw = await operator.request("POST", "/v1/enrolments", {"role": "reader"})
        token = msgspec.json.decode(raw)["enrolment_token"]
        holder = await enrol(Holder(SigningKey.generate(system_entropy)), self.url, token, "bot")
        return Agent(holder, gateway=(at or self).gateway), holder


async def furnish(operator, shop):
    """Put the shop's key into the vault, and describe the shop and the role."""
    answer = await operator.send(
        "PUT", "/v1/secrets/shop-key", UPSTREAM_KEY.encode(), "application/octet-stream"
    )
    assert answer.status in {200, 201}
    entry = {"base_url": shop.url, "secret": "shop-key", "place": "bearer", "allow_private": True}
    await operator.request("PUT", "/v1/upstreams/shop", entry)
    await operator.request("PUT", "/v1/roles/reader", {"role_file": ROLE, "allow_broad": True})


def token_form(holder, issuer):
    """Return the form of a token request, whose assertion works once."""
    assertion = client_assertion(
        holder.key, issuer, holder.principal, now=SystemClock().now(), entropy=system_entropy
    )
    return {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }


async def post_form(url, form):
    """Post a form on a connection of its own."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/oauth/token", data=form) as answer:
        return answer.status, await answer.json()


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def call(gateway, token, path="/shop/x"):
    """Call through the gateway on a connection of its own."""
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(gateway + path, headers=headers) as answer:
        return answer.status, await answer.read()


async def whole_log(site, operator):
    """Return the records of the whole log, each part of which was checked against the log's key."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{site.url}/.well-known/smartagent") as answer,
    ):
        vkey = (await answer.json())["log_vkey"]
    records = []
    while True:
        raw = await operator.request("GET", f"/v1/log/export?from={len(records)}")
        lines = raw.splitlines(keepends=True)
        verified = verify_export(lines, vkey)
        assert verified.indexes == range(len(records), len(records) + len(lines) - 1)
        records += [json.loads(line)["record"] for line in lines[1:]]
        if len(records) == verified.size:
            return records
