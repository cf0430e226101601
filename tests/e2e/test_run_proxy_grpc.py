# SPDX-License-Identifier: Apache-2.0
"""`smartagent run --proxy` with grpcio on both ends: the whole house between them, and nothing told to the program."""

import sys

import grpc
import pytest
from cryptography import x509

from tests.e2e.home import Home
from tests.e2e.site import UPSTREAM_KEY
from tests.e2e.test_gateway_bulk import certificate

pytestmark = pytest.mark.e2e
PROGRAM = """
import sys, grpc
with grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials()) as channel:
    print(channel.unary_unary("/orders/Echo")(b"hello").decode())
    print(b" ".join(channel.unary_stream("/orders/Count")(b"3")).decode())
    print(channel.stream_unary("/orders/Sum")(iter([b"1", b"2", b"3"])).decode())
    print(b" ".join(channel.stream_stream("/orders/Chat")(iter([b"a", b"b"]))).decode())
    for method in ("/closed/Echo", "/orders/Tell"):
        try:
            print(channel.unary_unary(method)(b"").decode())
        except grpc.RpcError as refused:
            print(refused.code().name, flush=True)
"""


class Orders(grpc.GenericRpcHandler):
    """A service with every kind of call."""

    def __init__(self, certificate):
        self.certificate = certificate
        self.port = 0
        self.keys = set()

    def service(self, details):
        self.keys.update(value for name, value in details.invocation_metadata if name == "authorization")
        return {
            "/orders/Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "/orders/Tell": grpc.unary_unary_rpc_method_handler(self.tell),
            "/orders/Count": grpc.unary_stream_rpc_method_handler(self.count),
            "/orders/Sum": grpc.stream_unary_rpc_method_handler(self.add),
            "/orders/Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }.get(details.method)

    async def echo(self, request, context):
        return request

    async def tell(self, request, context):
        return UPSTREAM_KEY.encode()

    async def count(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    async def add(self, requests, context):
        return b"%d" % sum([int(each) async for each in requests])

    async def chat(self, requests, context):
        async for each in requests:
            yield each


@pytest.fixture
async def orders(tmp_path):
    path, _ = certificate(tmp_path, x509.DNSName("localhost"))
    key, begin, chain = path.read_bytes().partition(b"-----BEGIN CERTIFICATE")
    service, server = Orders(path), grpc.aio.server()
    server.add_generic_rpc_handlers((service,))
    served = grpc.ssl_server_credentials([(key, begin + chain)])
    service.port = server.add_secure_port("127.0.0.1:0", served)
    await server.start()
    yield service
    await server.stop(0)


async def test_a_program_of_grpc_works_behind_it(orders, sites, closing, tmp_path):
    site = await sites("home", environment={"SSL_CERT_FILE": str(orders.certificate)}).start()
    operator = await site.operator()
    closing(operator)
    home = await Home(site, operator, f"https://localhost:{orders.port}", tmp_path / "caller").furnish()

    code, out, err = await home.run(sys.executable, "-c", PROGRAM, f"localhost:{orders.port}")

    assert code == 0, err
    told = "*" * len(UPSTREAM_KEY)
    assert out.splitlines() == ["hello", "0 1 2", "6", "a b", "PERMISSION_DENIED", told]
    assert orders.keys == {f"Bearer {UPSTREAM_KEY}"}
