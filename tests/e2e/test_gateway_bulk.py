# SPDX-License-Identifier: Apache-2.0
"""Large bodies and TLS: memory stays flat both ways, and certificates are the name's."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import json
import ssl

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smartagent.gateway import GatewaySettings
from tests.unit.gateway.fakes import SECRET, TOKEN
from tests.unit.gateway.origin import on_both_loops, reply, world

pytestmark = pytest.mark.e2e
MEBI = 1024 * 1024
BODY_BYTES = 200 * MEBI
MAX_GROWTH_BYTES = 32 * MEBI
PIECE = bytes(range(256)) * 256


class Memory:
    """The most that this process ever held above where it began."""

    def __init__(self):
        self.process = psutil.Process()
        self.began = self.process.memory_info().rss
        self.growth = 0

    def look(self):
        self.growth = max(self.growth, self.process.memory_info().rss - self.began)


async def pour(request, reader, writer):
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode())
    for _ in range(BODY_BYTES // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()


async def swallow(request, reader, writer):
    left = int(request.headers["content-length"])
    while left:
        left -= len(await reader.read(min(left, 65_536)))
    writer.write(reply(b"swallowed"))


@on_both_loops
async def test_a_large_answer_passes_in_flat_memory_also_to_a_slow_agent():
    async with world(pour) as here:
        agent = await here.agent()
        agent.ask()
        await agent.head()
        memory = Memory()
        left, looks = BODY_BYTES, 0
        while left:
            left -= len(await agent.reader.read(65_536))
            looks += 1
            if looks % 100 == 0:
                memory.look()
                # Let everybody else run ahead as far as they are allowed to.
                for _ in range(50):
                    await asyncio.sleep(0)
        assert memory.growth < MAX_GROWTH_BYTES
        assert here.doors.later == [] or here.doors.later[-1].detail["sent"] == BODY_BYTES


@on_both_loops
async def test_a_large_upload_passes_in_flat_memory():
    async with world(swallow, GatewaySettings(max_body_bytes=BODY_BYTES)) as here:
        agent = await here.agent()
        agent.ask("/crm/a", "POST", fields=f"Content-Length: {BODY_BYTES}\r\n")
        memory = Memory()
        for number in range(BODY_BYTES // len(PIECE)):
            agent.writer.write(PIECE)
            await agent.writer.drain()
            if number % 50 == 0:
                memory.look()
        assert (await agent.answer()).body == b"swallowed"
        assert memory.growth < MAX_GROWTH_BYTES
        assert here.doors.later[-1].detail["received"] == BODY_BYTES


@on_both_loops
async def test_what_unfolds_is_passed_on_at_the_agents_pace():
    plain = (b"a line that repeats itself %d\n" % 7) * 200_000
    packed = gzip.compress(plain, 1)

    async def folded(request, reader, writer):
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
        )
        writer.write(packed)

    async with world(folded) as here:
        agent = await here.agent()
        for _ in range(2):
            assert (await agent.call()).body == plain


def certificate(tmp_path, *names):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "upstream.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


async def hello(request, reader, writer):
    writer.write(reply(b"over TLS"))


@on_both_loops
async def test_tls_is_checked_against_the_name_while_the_pinned_address_is_dialled(tmp_path):
    path, context = certificate(tmp_path, x509.DNSName("localhost"))
    async with world(hello, GatewaySettings(ca_file=str(path), sweep_seconds=0.02), tls=context) as here:
        agent = await here.agent()
        for _ in range(3):
            assert (await agent.call()).body == b"over TLS"
        assert here.origin.connections == 1


@pytest.mark.parametrize("trusted", [True, False])
@on_both_loops
async def test_a_certificate_for_another_name_or_from_nobody_we_trust_is_refused(tmp_path, trusted):
    other = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    path, context = certificate(tmp_path, x509.DNSName("localhost") if not trusted else other)
    settings = GatewaySettings(ca_file=str(path) if trusted else "", sweep_seconds=0.02)
    async with world(hello, settings, tls=context) as here:
        answer = await (await here.agent()).call()
        assert answer.status == 502
        assert json.loads(answer.body)["type"].endswith("upstream-unreachable")
        assert here.origin.requests == []


@on_both_loops
async def test_nothing_that_is_logged_or_recorded_holds_the_secret_or_the_token(caplog):
    async def breaks(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nX: " + SECRET + b"\r\n oops\r\n\r\n")

    async with world(breaks) as here:
        agent = await here.agent()
        await agent.call("/crm/a?key=" + TOKEN)
        here.doors.decide = lambda *_: 1 / 0
        answer = await agent.call()
        assert answer.status == 500
        everything = caplog.text + repr(here.doors.committed) + repr(here.doors.later) + answer.raw.decode()
        assert SECRET.decode() not in everything
        assert TOKEN not in everything
        assert "ZeroDivisionError" in caplog.text
