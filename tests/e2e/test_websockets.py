# SPDX-License-Identifier: Apache-2.0
"""WebSockets through the gateway with a real client and a real server, in reverse mode and in a tunnel."""

import asyncio
import base64
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from cryptography import x509

from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import Gateway, GatewaySettings, Interception
from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import AUTHORITY
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry, FakeDoors

pytestmark = pytest.mark.e2e


class Server:
    """Echoes, remembers how it was asked, and tells its secret to whoever asks."""

    def __init__(self):
        self.asked = []
        self.open = 0

    async def serve(self, request):
        self.asked.append(dict(request.headers))
        if request.headers.get("Authorization") != "Bearer " + SECRET.decode():
            return web.Response(status=401)
        socket = web.WebSocketResponse(protocols=("chat",), compress=True)
        await socket.prepare(request)
        self.open += 1
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data == "secret":
                await socket.send_str(f"it is {SECRET.decode()}!")
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        self.open -= 1
        return socket


@asynccontextmanager
async def world(tmp_path, *, tls=False):
    server, app = Server(), web.Application()
    app.router.add_get("/v1/chat", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context if tls else None)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    doors = FakeDoors(Entry("crm", f"{'https' if tls else 'http'}://localhost:{port}"))
    settings = GatewaySettings(sweep_seconds=0.02, ca_file=str(path))
    gateway = Gateway(doors, settings, interception=Interception(AUTHORITY, SystemClock(), system_entropy))
    listening = await gateway.serve("127.0.0.1", 0)
    try:
        async with asyncio.timeout(30), aiohttp.ClientSession() as client:
            yield server, doors, gateway, client, (listening.sockets[0].getsockname()[1], port)
    finally:
        await gateway.drain()
        await runner.cleanup()


def by_token():
    return {"Authorization": f"Bearer {TOKEN}"}


async def converse(socket):
    for text in ("hello", "ü" * 50_000, ""):
        await socket.send_str(text)
        assert (await socket.receive()).data == text
    for data in (b"\x00\xff", bytes(200_000)):
        await socket.send_bytes(data)
        assert (await socket.receive()).data == data
    await socket.send_str("secret")
    assert (await socket.receive()).data == f"it is {'*' * len(SECRET)}!"
    await socket.ping()


async def test_a_conversation_in_reverse_mode(tmp_path):
    async with world(tmp_path) as (server, doors, _, client, (port, _)):
        url = f"http://127.0.0.1:{port}/crm/v1/chat"
        async with client.ws_connect(url, headers=by_token(), protocols=("chat",), compress=15) as socket:
            assert socket.protocol == "chat"
            assert socket.compress == 0
            await converse(socket)
        (asked,) = server.asked
        assert asked["Authorization"] == "Bearer " + SECRET.decode()
        assert "Sec-WebSocket-Extensions" not in asked
        assert TOKEN not in str(asked)
        assert [(each.event, each.decision) for each in doors.committed] == [
            ("gateway.call", Decision.PERMIT)
        ]


async def test_a_conversation_in_a_tunnel(tmp_path):
    async with world(tmp_path, tls=True) as (server, _, _, client, (port, upstream)):
        trusts = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
        credentials = base64.b64encode(f"agent:{TOKEN}".encode()).decode()
        async with client.ws_connect(
            f"wss://localhost:{upstream}/v1/chat",
            proxy=f"http://127.0.0.1:{port}",
            proxy_headers={"Proxy-Authorization": f"Basic {credentials}"},
            ssl=trusts,
        ) as socket:
            await converse(socket)
        assert len(server.asked) == 1


async def test_a_call_that_is_denied_becomes_no_websocket(tmp_path):
    async with world(tmp_path) as (server, doors, _, client, (port, _)):
        doors.denied.add(("GET", "/v1/chat"))
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"http://127.0.0.1:{port}/crm/v1/chat", headers=by_token())
        assert refused.value.status == 403
        assert server.asked == []


async def test_a_revocation_cuts_it_at_once(tmp_path):
    async with world(tmp_path) as (server, doors, gateway, client, (port, _)):
        socket = await client.ws_connect(f"http://127.0.0.1:{port}/crm/v1/chat", headers=by_token())
        await socket.send_str("a")
        assert (await socket.receive()).data == "a"
        doors.revoked.add("agt_1")
        gateway.cut_revoked()
        async with asyncio.timeout(1):
            assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}
            while server.open:  # noqa: ASYNC110 -- the server notices when it reads
                await asyncio.sleep(0.01)
        (done,) = doors.later
        assert done.event == "gateway.done"


async def test_an_upstream_that_refuses_is_heard(tmp_path):
    async with world(tmp_path) as (_, doors, _, client, (port, _)):
        doors.entries["crm"] = Entry("crm", doors.entries["crm"].base_url, secret="")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"http://127.0.0.1:{port}/crm/v1/chat", headers=by_token())
        assert refused.value.status == 401
