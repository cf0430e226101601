# SPDX-License-Identifier: Apache-2.0
"""gRPC through the gateway with grpcio on both ends, in a tunnel and in reverse mode."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from cryptography import x509

from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import Gateway, GatewaySettings, Interception
from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import AUTHORITY
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry, FakeDoors

pytestmark = pytest.mark.e2e
TOLD = SECRET.decode()


class Server:
    """Echoes in every way that gRPC has, and tells its secret to whoever asks."""

    def __init__(self):
        self.asked = []
        self.cancelled = asyncio.Event()

    def service(self, details):
        ways = {
            "/shop.Orders/Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/shop.Orders/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/shop.Orders/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }
        return ways.get(details.method)

    async def echo(self, request, context):
        fields = dict(context.invocation_metadata())
        self.asked.append(fields)
        await context.send_initial_metadata((("x-begin", "said first"), ("x-told", f"<{TOLD}>")))
        context.set_trailing_metadata((("x-end", "said last"), ("x-told-last", f"<{TOLD}>")))
        return f"it is {TOLD}!".encode() if request == b"secret" else request

    async def fail(self, request, context):
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"nö, {TOLD}", (("x-why", "because"),))

    async def chat(self, requests, context):
        try:
            async for request in requests:
                yield request
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@asynccontextmanager
async def world(tmp_path, *, tls=True, compression=None, **settings):
    server = Server()
    listening = grpc.aio.server(compression=compression)
    path, _ = certificate(tmp_path, x509.DNSName("localhost"))
    listening.add_generic_rpc_handlers((Handler(server),))
    if tls:
        key, begin, chain = path.read_bytes().partition(b"-----BEGIN CERTIFICATE")
        served = grpc.ssl_server_credentials([(key, begin + chain)])
        port = listening.add_secure_port("127.0.0.1:0", served)
    else:
        port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    doors = FakeDoors(Entry("shop", f"{'https' if tls else 'http'}://localhost:{port}"))
    known = GatewaySettings(sweep_seconds=0.02, ca_file=str(path), **settings)
    gateway = Gateway(doors, known, interception=Interception(AUTHORITY, SystemClock(), system_entropy))
    house = await gateway.serve("127.0.0.1", 0)
    try:
        async with asyncio.timeout(30):
            yield server, doors, gateway, (house.sockets[0].getsockname()[1], port)
    finally:
        await gateway.drain()
        await listening.stop(0)


class Handler(grpc.GenericRpcHandler):
    def __init__(self, server):
        self.server = server

    def service(self, details):
        return self.server.service(details)


@asynccontextmanager
async def tunneled(tmp_path, *, token=TOKEN, **more):
    """A client that knows the upstream's address, a proxy and the gateway's authority."""
    async with world(tmp_path, **more) as (server, doors, gateway, (port, upstream)):
        trust = grpc.ssl_channel_credentials(root_certificates=AUTHORITY.pem)
        proxy = (("grpc.http_proxy", f"http://agent:{token}@127.0.0.1:{port}"),)
        async with grpc.aio.secure_channel(f"localhost:{upstream}", trust, options=proxy) as channel:
            yield server, doors, gateway, channel


@asynccontextmanager
async def reverse(tmp_path, **more):
    """A client that calls the gateway itself, in clear text, and can name the upstream in its paths."""
    async with world(tmp_path, tls=False, **more) as (server, doors, gateway, (port, _)):
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield server, doors, gateway, channel


WAYS = pytest.mark.parametrize(
    ("way", "prefix", "metadata"),
    [
        (tunneled, "", ()),
        (reverse, "/shop", (("authorization", f"Bearer {TOKEN}"),)),
    ],
    ids=["tunnel", "reverse"],
)


@WAYS
async def test_a_unary_call_gets_the_credential_and_its_trailers_and_is_scrubbed(
    tmp_path, way, prefix, metadata
):
    async with way(tmp_path) as (server, doors, _, channel):
        echo = channel.unary_unary(f"{prefix}/shop.Orders/Echo")
        for said in (b"hello", b"", b"x" * 1_000_000):
            assert await echo(said, metadata=metadata) == said
        call = echo(b"secret", metadata=metadata)
        assert TOLD.encode() not in await call
        first, last = dict(await call.initial_metadata()), dict(await call.trailing_metadata())
        assert (first["x-begin"], last["x-end"]) == ("said first", "said last")
        assert TOLD not in first["x-told"] + last["x-told-last"]
        assert {each["authorization"] for each in server.asked} == {f"Bearer {TOLD}"}
        calls = [each for each in doors.committed if each.event == "gateway.call"]
        assert [each.decision for each in calls] == [Decision.PERMIT] * 4
        assert {each.target for each in calls} == {"POST /shop/shop.Orders/Echo"}
        assert {each.outcome for each in doors.later} == {"200"}


@WAYS
async def test_a_conversation_goes_both_ways_as_it_comes(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (server, _, _, channel):
        chat = channel.stream_stream(f"{prefix}/shop.Orders/Chat")(metadata=metadata)
        for said in (b"one", b"two", b"x" * 300_000, b"four"):
            await chat.write(said)
            assert await chat.read() == said
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF
        assert await chat.code() is grpc.StatusCode.OK
