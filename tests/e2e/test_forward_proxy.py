# SPDX-License-Identifier: Apache-2.0
"""The forward proxy over real sockets: an agent that knows only a proxy and a CA, real clients, and who lies."""

import asyncio
import base64
import contextlib
import os
import ssl
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from msgspec import structs

from smartagent.crypto import CertificateAuthority, SystemClock, system_entropy
from smartagent.gateway import GatewaySettings, Interception
from smartagent.kernel import Decision, Secret
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.fakes import SECRET, TOKEN, Entry
from tests.unit.gateway.origin import Agent, always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b'{"ok": true}', "Content-Type: application/json")
PASSWORD = TOKEN.encode()
BASIC = "Basic " + base64.b64encode(f"agent:{TOKEN}".encode()).decode()
AUTHORITY = CertificateAuthority(Secret(os.urandom(32)), "the house's gateway")


class Tunneled:
    """A world whose upstream speaks TLS, and an agent that trusts the gateway's authority alone."""

    def __init__(self, here, folder):
        self.here = here
        self.host = f"localhost:{here.origin.port}"
        self.doors = here.doors
        self.ca_file = folder / "gateway-ca.pem"
        self.ca_file.write_bytes(AUTHORITY.pem)
        self.trusts = ssl.create_default_context(cadata=AUTHORITY.pem.decode())

    async def connect(self, target="", *, credentials=BASIC, host="", more=b""):
        """Ask for a tunnel; return the status, and the streams as they are."""
        agent = await self.here.agent()
        target = target or self.host
        says = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {host or target}\r\n{says}\r\n"
        agent.writer.write(head.encode() + more)
        status, headers, _ = await agent.head()
        if status != 200:
            length = int(headers.get("content-length", 0))
            agent.refused = await agent.reader.readexactly(length)
            agent.headers = headers
        return status, agent

    async def tunnel(self, *, name="localhost", context=None):
        status, agent = await self.connect()
        assert status == 200
        await agent.writer.start_tls(context or self.trusts, server_hostname=name)
        return agent

    def ask(self, agent: Agent, target="/v1/orders?x=1", host="", fields="", method="GET"):
        head = f"{method} {target} HTTP/1.1\r\nHost: {host or self.host}\r\n{fields}\r\n"
        agent.writer.write(head.encode())

    def events(self):
        return [(each.event, each.decision) for each in self.doors.committed]


@asynccontextmanager
async def tunneled(tmp_path, script=None, settings=None, authority=AUTHORITY, **entry):
    path, served = certificate(tmp_path, x509.DNSName("localhost"))
    settings = structs.replace(settings or GatewaySettings(sweep_seconds=0.02), ca_file=str(path))
    interception = Interception(authority, SystemClock(), system_entropy)
    async with world(script or always(OK), settings, tls=served, interception=interception, **entry) as here:
        yield Tunneled(here, tmp_path)


@on_both_loops
async def test_a_request_in_a_tunnel_gets_the_credential_and_the_upstream_sees_its_own_address(tmp_path):
    async with tunneled(tmp_path) as rig:
        agent = await rig.tunnel()
        for _ in range(3):
            rig.ask(agent, fields="Authorization: Bearer made-up\r\n")
            assert (await agent.answer()).body == b'{"ok": true}'
        seen = rig.here.origin.requests
        assert [each.target for each in seen] == ["/v1/orders?x=1"] * 3
        assert {each.headers["authorization"] for each in seen} == {"Bearer " + SECRET.decode()}
        assert {each.headers["host"] for each in seen} == {rig.host}
        assert all(TOKEN.encode() not in each.raw for each in seen)
        assert rig.here.origin.connections == 1
        assert rig.events() == [("gateway.tunnel", Decision.PERMIT)] + [("gateway.call", Decision.PERMIT)] * 3
        assert [each.target for each in rig.doors.committed][-1] == "GET /crm/v1/orders"


@on_both_loops
async def test_the_answer_is_scrubbed_in_a_tunnel_too(tmp_path):
    async with tunneled(tmp_path, always(reply(b"your key is " + SECRET))) as rig:
        agent = await rig.tunnel()
        rig.ask(agent)
        assert SECRET not in (await agent.answer()).raw


@pytest.mark.parametrize(
    "credentials",
    ["", "Basic !!!", "Basic " + base64.b64encode(b"agent").decode(), "Bearer wrong", "Digest x"],
)
async def test_who_is_not_known_is_asked_for_a_token_and_gets_no_certificate(tmp_path, credentials):
    async with tunneled(tmp_path) as rig:
        status, agent = await rig.connect(credentials=credentials)
        assert status == 407
        assert "proxy-authenticate" in agent.headers
        assert rig.events() == [("gateway.tunnel", Decision.DENY)]
        assert not rig.here.gateway._interception._contexts


async def test_a_bearer_token_is_as_good_as_a_password(tmp_path):
    async with tunneled(tmp_path) as rig:
        assert (await rig.connect(credentials=f"Bearer {TOKEN}"))[0] == 200


@pytest.mark.parametrize("target", ["api.example:443", "localhost:1", "evil.localhost:443"])
async def test_a_host_that_no_upstream_names_is_refused_and_says_what_to_ask_for(tmp_path, target):
    async with tunneled(tmp_path) as rig:
        status, _ = await rig.connect(target)
        assert status == 403
        (refused,) = rig.doors.committed
        assert (refused.decision, refused.event) == (Decision.DENY, "gateway.tunnel")
        assert "ask an operator" in refused.reason


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("127.0.0.1:443", ""),
        ("[::1]:443", ""),
        ("localhost", ""),
        ("localhost:0", ""),
        ("localhost:99999", ""),
        ("/x", ""),
        ("http://localhost/", ""),
        ("HOST", "other.example"),
    ],
)
async def test_a_tunnel_to_what_is_no_host_or_to_two_is_refused(tmp_path, target, host):
    async with tunneled(tmp_path) as rig:
        status, _ = await rig.connect(rig.host if target == "HOST" else target, host=host)
        assert status == 400


async def test_who_speaks_before_the_tunnel_is_open_is_refused(tmp_path):
    async with tunneled(tmp_path) as rig:
        status, _ = await rig.connect(more=b"\x16\x03\x01")
        assert status == 400


@pytest.mark.parametrize("name", ["other.example", None])
async def test_a_name_in_tls_that_is_not_the_tunnels_or_none_ends_it(tmp_path, name):
    async with tunneled(tmp_path) as rig:
        status, agent = await rig.connect()
        assert status == 200
        careless = ssl.create_default_context()
        careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await agent.writer.start_tls(careless, server_hostname=name)
        assert rig.here.origin.requests == []


@pytest.mark.parametrize("host", ["other.example", "localhost", "localhost:1", ""])
async def test_a_host_field_that_is_not_the_tunnels_is_refused_and_recorded(tmp_path, host):
    async with tunneled(tmp_path) as rig:
        agent = await rig.tunnel()
        rig.ask(agent, host=host or "x")
        assert (await agent.answer()).status == 400
        assert rig.events()[-1] == ("gateway.call", Decision.DENY)
        assert rig.here.origin.requests == []


async def test_absolute_form_in_a_tunnel_names_the_same_host_or_is_refused(tmp_path):
    async with tunneled(tmp_path) as rig:
        agent = await rig.tunnel()
        rig.ask(agent, f"https://{rig.host}/v1/x")
        assert (await agent.answer()).status == 200
        rig.ask(agent, "https://other.example/v1/x")
        assert (await agent.answer()).status == 400


async def test_a_tunnel_in_a_tunnel_is_refused(tmp_path):
    async with tunneled(tmp_path) as rig:
        agent = await rig.tunnel()
        rig.ask(agent, rig.host, method="CONNECT")
        assert (await agent.answer()).status == 400


async def test_the_longest_base_path_takes_the_call_and_none_is_refused(tmp_path):
    async with tunneled(tmp_path) as rig:
        base = f"https://{rig.host}"
        rig.doors.entries = {
            "one": Entry("one", f"{base}/v1"),
            "two": Entry("two", f"{base}/v1/admin"),
        }
        agent = await rig.tunnel()
        for target, called in (
            ("/v1", "one"),
            ("/v1/a", "one"),
            ("/v1/admin/b", "two"),
            ("/v1/admins", "one"),
        ):
            rig.ask(agent, target)
            assert (await agent.answer()).status == 200
            assert rig.doors.committed[-1].subject == called
        rig.ask(agent, "/v2/a")
        assert (await agent.answer()).status == 403


async def test_each_request_is_decided(tmp_path):
    async with tunneled(tmp_path) as rig:
        rig.doors.denied.add(("GET", "/closed"))
        agent = await rig.tunnel()
        rig.ask(agent, "/closed")
        assert (await agent.answer()).status == 403
        rig.ask(agent, "/open")
        assert (await agent.answer()).status == 200


async def test_a_revocation_closes_idle_tunnels_and_ends_calls_in_them(tmp_path):
    begun = asyncio.Event()

    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        begun.set()
        await asyncio.Event().wait()

    async with tunneled(tmp_path, stalling) as rig:
        idle, busy = await rig.tunnel(), await rig.tunnel()
        rig.ask(busy)
        await begun.wait()
        assert await busy.head()
        rig.doors.revoked.add("agt_1")
        rig.here.gateway.cut_revoked()
        async with asyncio.timeout(1):
            assert await idle.reader.read() == b""
            with contextlib.suppress(ConnectionError):
                assert len(await busy.reader.read()) <= 5


async def test_a_plain_upstream_is_asked_for_in_absolute_form(tmp_path):
    interception = Interception(AUTHORITY, SystemClock(), system_entropy)
    async with world(always(OK), interception=interception) as here:
        agent = await here.agent()
        host = f"localhost:{here.origin.port}"
        says = f"Proxy-Authorization: {BASIC}\r\n"
        agent.writer.write(f"GET http://{host}/v1/a HTTP/1.1\r\nHost: {host}\r\n{says}\r\n".encode())
        assert (await agent.answer()).status == 200
        (seen,) = here.origin.requests
        assert seen.headers["authorization"] == "Bearer " + SECRET.decode()
        assert "proxy-authorization" not in seen.headers
        agent.writer.write(
            f"GET http://other.example/v1/a HTTP/1.1\r\nHost: other.example\r\n{says}\r\n".encode()
        )
        assert (await agent.answer()).status == 403


async def test_without_interception_there_are_no_tunnels(tmp_path):
    async with world(always(OK)) as here:
        agent = await here.agent()
        agent.writer.write(
            f"CONNECT localhost:{here.origin.port} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        assert (await agent.head())[0] == 405


def hello(name=b"localhost", port=0, user=b"agent", password=PASSWORD, kind=3, command=1):
    """What a SOCKS client says, step by step."""
    address = bytes([len(name)]) + name if kind == 3 else name
    return (
        b"\x05\x02\x00\x02",
        b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password,
        bytes([5, command, 0, kind]) + address + port.to_bytes(2),
    )


async def greeted(rig, steps, *, at_once=False):
    """Say it, and return what came back after the password was asked for, and the streams."""
    agent = await rig.here.agent()
    if at_once:
        agent.writer.write(b"".join(steps))
        assert await agent.reader.readexactly(4) == b"\x05\x02\x01\x00"
    else:
        for step, expected in zip(steps[:-1], (b"\x05\x02", b"\x01\x00"), strict=True):
            for byte in step:
                agent.writer.write(bytes([byte]))
                await asyncio.sleep(0)
            assert await agent.reader.readexactly(2) == expected
        agent.writer.write(steps[-1])
    return await agent.reader.read(10), agent


@pytest.mark.parametrize("at_once", [True, False])
@on_both_loops
async def test_socks_opens_the_same_tunnel(tmp_path, at_once):
    async with tunneled(tmp_path) as rig:
        answer, agent = await greeted(rig, hello(port=rig.here.origin.port), at_once=at_once)
        assert answer == b"\x05\x00\x00\x01" + bytes(6)
        await agent.writer.start_tls(rig.trusts, server_hostname="localhost")
        rig.ask(agent)
        assert (await agent.answer()).body == b'{"ok": true}'
        assert rig.events() == [("gateway.tunnel", Decision.PERMIT), ("gateway.call", Decision.PERMIT)]


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"password": b"wrong"}, b"\x05\x02"),
        ({"name": b"api.example"}, b"\x05\x02"),
        ({"name": b"127.0.0.1"}, b"\x05\x02"),
        ({"name": b"\x7f\x00\x00\x01", "kind": 1}, b"\x05\x08"),
        ({"command": 2}, b"\x05\x07"),
        ({"name": b"a b"}, b"\x05\x02"),
        ({"name": b""}, b"\x05\x02"),
    ],
)
async def test_socks_to_nowhere_or_by_nobody_is_refused(tmp_path, changes, answer):
    async with tunneled(tmp_path) as rig:
        given, agent = await greeted(rig, hello(**{"port": rig.here.origin.port, **changes}))
        assert given[:2] == answer
        assert await agent.reader.read() == b""
        assert rig.here.origin.requests == []


@pytest.mark.parametrize("said", [b"\x05\x01\x00", b"\x05\x00", b"\x04\x01\x00\x50\x00\x00\x00\x01u\x00"])
async def test_socks_without_a_password_or_of_another_version_is_refused(tmp_path, said):
    async with tunneled(tmp_path) as rig:
        agent = await rig.here.agent()
        agent.writer.write(said + b"\r\n\r\n" if said[0] == 4 else said)
        answer = await agent.reader.read()
        assert answer == b"\x05\xff" or answer.startswith(b"HTTP/1.1 400")


async def test_curl_works_by_socks(tmp_path):
    async with tunneled(tmp_path) as rig:
        proxy = f"socks5h://agent:{TOKEN}@127.0.0.1:{rig.here.port}"
        trust = {"CURL_CA_BUNDLE": str(rig.ca_file)}
        words = ("curl", "-sS", "--proxy", proxy, f"https://{rig.host}/v1/orders")
        assert await run(*words, environ=trust) == (0, '{"ok": true}')


async def run(*words, environ=None):
    """Run a real client, and return what it printed."""
    known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}  # noqa: TID251 -- what a client needs
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        env=known | (environ or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


PYTHON = {
    "requests": "import requests; print(requests.get(URL).text)",
    "urllib": "import urllib.request as u; print(u.urlopen(URL).read().decode())",
    "aiohttp": (
        "import aiohttp, asyncio\n"
        "async def main():\n"
        "    async with aiohttp.ClientSession(trust_env=True) as s, s.get(URL) as r: print(await r.text())\n"
        "asyncio.run(main())"
    ),
}


def environment(rig):
    proxy = f"http://agent:{TOKEN}@127.0.0.1:{rig.here.port}"
    ca = str(rig.ca_file)
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "SSL_CERT_FILE": ca,
        "REQUESTS_CA_BUNDLE": ca,
        "CURL_CA_BUNDLE": ca,
        "NO_PROXY": "",
        "no_proxy": "",
    }


async def test_curl_needs_nothing_but_the_proxy_and_the_authority(tmp_path):
    async with tunneled(tmp_path) as rig:
        code, said = await run("curl", "-sS", f"https://{rig.host}/v1/orders", environ=environment(rig))
        assert (code, said) == (0, '{"ok": true}')
        assert rig.here.origin.requests[0].headers["authorization"] == "Bearer " + SECRET.decode()


@pytest.mark.parametrize("client", sorted(PYTHON))
async def test_pythons_clients_need_nothing_but_the_proxy_and_the_authority(tmp_path, client):
    import sys

    async with tunneled(tmp_path) as rig:
        script = f"URL = 'https://{rig.host}/v1/orders'\n{PYTHON[client]}"
        code, said = await run(sys.executable, "-W", "ignore", "-c", script, environ=environment(rig))
        assert (code, said.strip()) == (0, '{"ok": true}')
        assert rig.here.origin.requests[0].headers["authorization"] == "Bearer " + SECRET.decode()
