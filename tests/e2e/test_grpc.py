# SPDX-License-Identifier: Apache-2.0
"""gRPC through the gateway with grpcio on both ends, in a tunnel and in reverse mode."""

import asyncio
import sys
from contextlib import asynccontextmanager

import grpc
import msgspec
import pytest
from cryptography import x509

from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import Gateway, GatewaySettings, Interception
from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import AUTHORITY, run
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry, FakeDoors

pytestmark = pytest.mark.e2e
TOLD = SECRET.decode()


class Server:
    """Echoes in every way that gRPC has, and tells its secret to whoever asks."""

    def __init__(self):
        self.asked = []
        self.ended = asyncio.Event()

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
        finally:
            self.ended.set()


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
    known = GatewaySettings(sweep_seconds=0.02, linger_seconds=0.1, ca_file=str(path), **settings)
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
    async with (
        world(tmp_path, tls=False, **more) as (server, doors, gateway, (port, _)),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield server, doors, gateway, channel


UNMODIFIED = """
import sys, grpc
with grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials()) as channel:
    print(channel.unary_unary("/shop.Orders/Echo")(b"hello").decode())
"""


async def test_an_unmodified_program_needs_nothing_but_its_environment(tmp_path):
    authority = tmp_path / "gateway-ca.pem"
    authority.write_bytes(AUTHORITY.pem)
    async with world(tmp_path) as (server, _, _, (port, upstream)):
        environ = {
            "https_proxy": f"http://agent:{TOKEN}@127.0.0.1:{port}",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority),
        }
        said = await run(sys.executable, "-c", UNMODIFIED, f"localhost:{upstream}", environ=environ)
        assert said == (0, "hello\n")
        assert server.asked[0]["authorization"] == f"Bearer {TOLD}"


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
    async with way(tmp_path) as (_, _, _, channel):
        chat = channel.stream_stream(f"{prefix}/shop.Orders/Chat")(metadata=metadata)
        for said in (b"one", b"two", b"x" * 300_000, b"four"):
            await chat.write(said)
            assert await chat.read() == said
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF
        assert await chat.code() is grpc.StatusCode.OK


@WAYS
async def test_many_calls_at_once_do_not_mix(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (_, _, gateway, channel):
        echo = channel.unary_unary(f"{prefix}/shop.Orders/Echo")
        sizes = [size * 997 for size in range(150)]
        answers = await asyncio.gather(*(echo(bytes(size), metadata=metadata) for size in sizes))
        assert [len(each) for each in answers] == sizes
        assert gateway.open_connections <= 2


@WAYS
async def test_what_the_upstream_says_in_trailers_alone_arrives(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (_, _, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary(f"{prefix}/shop.Orders/Fail")(b"", metadata=metadata)
        assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert dict(failed.value.trailing_metadata())["x-why"] == "because"
        assert failed.value.details().startswith("nö, ")
        assert TOLD not in failed.value.details()
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await channel.unary_unary(f"{prefix}/shop.Orders/Unheard")(b"", metadata=metadata)
        assert missing.value.code() is grpc.StatusCode.UNIMPLEMENTED


@WAYS
async def test_a_refusal_is_said_in_grpcs_words(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (server, doors, _, channel):
        doors.denied.add(("POST", "/shop.Orders/Echo"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(f"{prefix}/shop.Orders/Echo")(b"", metadata=metadata)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "missing permission: shop:POST /shop.Orders/Echo" in refused.value.details()
        assert doors.committed[-1].decision is Decision.DENY
        assert server.asked == []


async def test_without_a_token_a_call_is_not_authenticated(tmp_path):
    async with reverse(tmp_path) as (_, _, _, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/shop/shop.Orders/Echo")(b"")
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            told = (("authorization", f"Bearer {TOKEN}"),)
            await channel.unary_unary("/nowhere/shop.Orders/Echo")(b"", metadata=told)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


@WAYS
async def test_a_revocation_cuts_a_conversation_on_both_sides(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (server, doors, _, channel):
        chats = [channel.stream_stream(f"{prefix}/shop.Orders/Chat")(metadata=metadata) for _ in range(5)]
        for chat in chats:
            await chat.write(b"hello")
            assert await chat.read() == b"hello"
        began = asyncio.get_running_loop().time()
        doors.revoke("agt_1")
        for chat in chats:
            with pytest.raises(grpc.aio.AioRpcError):
                await chat.read()
        await server.ended.wait()
        assert asyncio.get_running_loop().time() - began < 1
        assert [each.outcome for each in doors.later] == ["unauthenticated"] * 5


@WAYS
async def test_a_call_that_the_client_cancels_ends_at_the_upstream(tmp_path, way, prefix, metadata):
    async with way(tmp_path) as (server, doors, _, channel):
        chat = channel.stream_stream(f"{prefix}/shop.Orders/Chat")(metadata=metadata)
        await chat.write(b"hello")
        await chat.read()
        chat.cancel()
        await server.ended.wait()
        assert [each.outcome for each in doors.later] == ["agent-gone"]


async def test_messages_that_are_compressed_all_the_same_are_refused(tmp_path):
    async with tunneled(tmp_path, compression=grpc.Compression.Gzip) as (_, doors, _, channel):
        echo = channel.unary_unary("/shop.Orders/Echo")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await echo(b"secret")
        assert "compressed" in refused.value.details()
        doors.entries["shop"] = msgspec.structs.replace(doors.entries["shop"], scrub=False)
        assert await echo(b"unsearched", compression=grpc.Compression.Gzip) == b"unsearched"


async def test_an_upstream_that_is_not_there_is_unavailable(tmp_path):
    async with tunneled(tmp_path) as (_, doors, _, channel):
        entry = doors.entries["shop"]
        echo = channel.unary_unary("/shop.Orders/Echo")
        assert await echo(b"x") == b"x"
        doors.upstream = lambda name: Entry("shop", "https://localhost:1", secret=entry.secret)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await echo(b"x")
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_connections_to_the_upstream_are_used_again(tmp_path):
    async with tunneled(tmp_path) as (_, _, gateway, channel):
        echo = channel.unary_unary("/shop.Orders/Echo")
        for _ in range(20):
            await echo(b"x")
        (idle,) = gateway._pool._idle.values()
        assert len(idle) == 1


async def test_a_drain_lets_a_conversation_end_and_takes_no_more(tmp_path):
    async with reverse(tmp_path) as (_, _, gateway, channel):
        metadata = (("authorization", f"Bearer {TOKEN}"),)
        chat = channel.stream_stream("/shop/shop.Orders/Chat")(metadata=metadata)
        await chat.write(b"hello")
        assert await chat.read() == b"hello"
        draining = asyncio.create_task(gateway.drain())
        await chat.write(b"still here")
        assert await chat.read() == b"still here"
        assert not draining.done()
        await chat.done_writing()
        assert await chat.read() is grpc.aio.EOF
        assert await chat.code() is grpc.StatusCode.OK
        await draining
        assert gateway.open_connections == 0
