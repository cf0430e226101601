# SPDX-License-Identifier: Apache-2.0
"""What is dialled, and what is read, over real sockets on loopback."""

import asyncio
import datetime as dt
import gzip
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from smartagent.federation import FetchFailed, FetchRefused, SafeFetch, system_resolver
from smartagent.federation.dialling import _Pinned

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Origin:
    """Answers every request with the same bytes, and remembers what it was sent."""

    def __init__(self, answer=OK):
        self.answer = answer
        self.requests = []
        self.port = 0
        self.silent = False
        self._server = None
        self._done = asyncio.Event()

    async def start(self, tls=None):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").lower().split("\r\n")
            size = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
            self.requests.append(head + (await reader.readexactly(size)))
            if self.silent:
                await self._done.wait()
            writer.write(self.answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def stop(self):
        self._done.set()
        self._server.close()
        await self._server.wait_closed()


@pytest.fixture
async def origin():
    made = await Origin().start()
    yield made
    await made.stop()


def answering(*addresses):
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return addresses

    resolve.asked = asked
    return resolve


def local(origin, *addresses, **more):
    """A fetch that may call loopback, and finds every name there."""
    return SafeFetch(answering(*(addresses or ("127.0.0.1",))), allow_private=True, allow_http=True, **more)


async def test_a_name_is_resolved_once_and_what_was_checked_is_dialled(origin):
    fetch = local(origin)
    assert await fetch(f"http://idp.example:{origin.port}/keys?a=1") == b"{}"
    head = origin.requests[0].decode().lower()
    assert head.startswith("get /keys?a=1 http/1.1\r\n")
    assert f"host: idp.example:{origin.port}\r\n" in head
    assert "accept: application/json\r\n" in head
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head
    assert fetch._resolver.asked == [("idp.example", origin.port)]


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("8.8.8.8", "::1"), ("169.254.169.254",),
        ("64:ff9b::a9fe:a9fe",), ("::ffff:127.0.0.1",), ("100.64.0.1",), ("198.18.0.1",), ("0.0.0.0",),  # noqa: S104 -- refused, not bound
        ("fc00::1",), ("2606:4700::1111", "fe80::1"), ("224.0.0.1",), ("not-an-address",),
    ],
)  # fmt: skip
async def test_one_address_that_is_not_public_refuses_the_name(addresses):
    with pytest.raises(FetchRefused):
        await SafeFetch(answering(*addresses))("https://idp.example/keys")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"])
async def test_an_address_in_the_url_is_checked_too_and_never_resolved(host):
    resolver = answering("8.8.8.8")
    with pytest.raises(FetchRefused):
        await SafeFetch(resolver)(f"https://{host}/keys")
    assert resolver.asked == []


async def test_a_developers_leave_is_for_loopback_only(origin):
    for address in ("10.0.0.1", "192.168.0.1", "fd12::1", "169.254.169.254"):
        with pytest.raises(FetchRefused):
            await local(origin, address)(f"http://idp.example:{origin.port}/")
    # In clear text nothing public is called, and without the leave nothing at all.
    with pytest.raises(FetchRefused):
        await local(origin, "8.8.8.8")("http://idp.example/")
    with pytest.raises(FetchRefused):
        await SafeFetch(answering("127.0.0.1"), allow_http=True)(f"http://idp.example:{origin.port}/")


@pytest.mark.parametrize("resolver_fails", [OSError("no such name"), UnicodeError("no name at all")])
async def test_a_name_without_address_cannot_be_fetched(resolver_fails):
    async def fails(host, port):
        raise resolver_fails

    for resolver in (fails, answering()):
        with pytest.raises(FetchFailed):
            await SafeFetch(resolver)("https://idp.example/")


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_no_redirect_is_followed(origin, status):
    origin.answer = f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:{origin.port}/x\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(FetchFailed, match="redirect"):
        await local(origin)(f"http://idp.example:{origin.port}/")
    assert len(origin.requests) == 1


@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "404 Not Found", "500 Oh"])
async def test_only_200_is_a_document(origin, status):
    origin.answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
    with pytest.raises(FetchFailed):
        await local(origin)(f"http://idp.example:{origin.port}/")


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"10\r\n0123456789abcdef\r\n" * 100
    + b"0\r\n\r\n"
)
UNBOUNDED = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000
DECLARED = b"HTTP/1.1 200 OK\r\nContent-Length: 1601\r\n\r\n" + b"x" * 1601
PACKED = gzip.compress(b"x" * 1_000_000)
GZIPPED = (
    f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(PACKED)}\r\n\r\n".encode() + PACKED
)


@pytest.mark.parametrize(
    "answer", [CHUNKED, UNBOUNDED, DECLARED, GZIPPED], ids=["chunked", "open", "said", "gzip"]
)
async def test_a_body_is_read_within_its_bound_and_never_unpacked(origin, answer):
    origin.answer = answer
    with pytest.raises(FetchFailed):
        await local(origin)(f"http://idp.example:{origin.port}/", max_bytes=1599)


async def test_a_body_of_just_the_bound_is_read(origin):
    origin.answer = CHUNKED
    assert len(await local(origin)(f"http://idp.example:{origin.port}/", max_bytes=1600)) == 1600


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"])
async def test_what_does_not_speak_http_is_no_answer(origin, answer):
    origin.answer = answer
    with pytest.raises(FetchFailed):
        await local(origin)(f"http://idp.example:{origin.port}/")


async def test_a_server_that_says_nothing_is_left_in_time(origin):
    origin.silent = True
    with pytest.raises(FetchFailed, match="in time"):
        await local(origin, total_seconds=0.05)(f"http://idp.example:{origin.port}/")


async def test_a_resolver_that_says_nothing_is_left_in_time():
    async def hangs(host, port):
        await asyncio.Event().wait()

    with pytest.raises(FetchFailed, match="in time"):
        await SafeFetch(hangs, total_seconds=0.05)("https://idp.example/")


async def test_nobody_who_listens_is_no_answer():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with pytest.raises(FetchFailed):
            await local(None)(f"http://idp.example:{port}/")


async def test_a_proxy_of_the_environment_is_not_used(origin, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await local(origin)(f"http://idp.example:{origin.port}/") == b"{}"


@pytest.mark.parametrize(
    ("cache_control", "age"),
    [
        ("max-age=120", 120), ("public, Max-Age=7", 7), ('max-age="9"', 9), ("s-maxage=5", None), ("", None),
        ("no-store", 0), ("max-age=60, no-cache", 0),
    ],
)  # fmt: skip
async def test_what_the_sender_says_of_keeping_it_is_passed_on(origin, cache_control, age):
    origin.answer = (
        f"HTTP/1.1 200 OK\r\nCache-Control: {cache_control}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    )
    assert (await local(origin).get(f"http://idp.example:{origin.port}/")).max_age_seconds == age


async def test_posting_has_the_same_protection_and_returns_any_status(origin):
    origin.answer = b"HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nerr"
    headers = {
        "Content-Type": "application/secevent+jwt",
        "Authorization": "Bearer x",
        "Accept-Encoding": "gzip",
    }
    posted = await local(origin).post(f"http://idp.example:{origin.port}/events", b"a.b.c", headers)
    assert (posted.status, posted.body) == (400, b"err")
    sent = origin.requests[0].lower()
    assert sent.startswith(b"post /events http/1.1\r\n")
    assert sent.endswith(b"\r\n\r\na.b.c")
    assert b"content-type: application/secevent+jwt\r\n" in sent
    assert sent.count(b"accept-encoding:") == 1
    with pytest.raises(FetchRefused):
        await SafeFetch(answering("10.0.0.1")).post("https://rp.example/", b"x", {})
    with pytest.raises(FetchFailed):
        await local(origin).post(f"http://idp.example:{origin.port}/", b"x", {"x-a": "1\r\nx-b: 2"})


def certificate(name):
    """A certificate for `name`, and who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    return pem, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@pytest.fixture
async def secure(tmp_path):
    pem, key = certificate(x509.DNSName("idp.example"))
    (tmp_path / "chain.pem").write_bytes(pem + key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "chain.pem")
    origin = await Origin().start(server)
    origin.believed = ssl.create_default_context(cadata=pem.decode())
    yield origin
    await origin.stop()


async def test_the_tls_identity_is_the_names_and_not_the_addresses(secure):
    fetch = local(secure, tls=secure.believed)
    assert await fetch(f"https://idp.example:{secure.port}/") == b"{}"
    for host in ("other.example", "127.0.0.1"):
        with pytest.raises(FetchFailed):
            await fetch(f"https://{host}:{secure.port}/")
    with pytest.raises(FetchFailed):
        # Nobody whom the system believes signed it.
        await local(secure)(f"https://idp.example:{secure.port}/")
    assert len(secure.requests) == 1


async def test_the_resolver_of_the_client_knows_the_checked_name_only():
    pinned = _Pinned("idp.example", ("93.184.216.34", "2606:4700::1111"))
    assert [one["host"] for one in await pinned.resolve("idp.example", 443)] == [
        "93.184.216.34",
        "2606:4700::1111",
    ]
    (only,) = await pinned.resolve("idp.example", 443, socket.AF_INET6)
    assert (only["host"], only["port"], only["family"]) == ("2606:4700::1111", 443, socket.AF_INET6)
    with pytest.raises(OSError, match="another name"):
        await pinned.resolve("other.example", 443)


async def test_the_systems_resolver_gives_each_address_once():
    assert await system_resolver("127.0.0.1", 443) == ("127.0.0.1",)
