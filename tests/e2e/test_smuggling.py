# SPDX-License-Identifier: Apache-2.0
"""Bytes that two parsers could read differently, in both directions, in reverse mode and inside tunnels."""

from contextlib import asynccontextmanager

import pytest
from cryptography import x509

from smartagent.crypto import SystemClock, system_entropy
from smartagent.gateway import GatewaySettings, Interception
from tests.e2e.test_forward_proxy import AUTHORITY, Tunneled
from tests.e2e.test_gateway_bulk import certificate
from tests.unit.gateway.corpus import BAD_CHUNKS, SMUGGLED, SMUGGLING
from tests.unit.gateway.fakes import SECRET
from tests.unit.gateway.origin import always, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")
MODES = pytest.mark.parametrize("mode", ["reverse", "tunnel"])


class Rig:
    """A gateway before an upstream, asked directly or through a tunnel; `host` is what requests must name."""

    def __init__(self, here, tunneled):
        self.here, self.tunneled = here, tunneled
        self.host = tunneled.host if tunneled else "gw"
        self.path = b"/" if tunneled else b"/crm/"

    async def agent(self):
        return await self.tunneled.tunnel() if self.tunneled else await self.here.agent()

    def fitted(self, raw):
        """Return a request of the corpus, as it is asked for here."""
        return raw.replace(b"Host: gw\r\n", f"Host: {self.host}\r\n".encode()).replace(b"/crm/", self.path)

    def ask(self, agent, fields="", body=b"", method="POST", target="a"):
        head = f"{method} {self.path.decode()}{target} HTTP/1.1\r\nHost: {self.host}\r\n"
        token = "" if self.tunneled else "Authorization: Bearer token-of-the-agent\r\n"
        agent.writer.write(f"{head}{token}{fields}\r\n".encode("latin-1") + body)


@asynccontextmanager
async def rig(mode, tmp_path, script):
    path, served = certificate(tmp_path, x509.DNSName("localhost"))
    settings = GatewaySettings(sweep_seconds=0.02, head_seconds=0.5, linger_seconds=0.2, ca_file=str(path))
    interception = Interception(AUTHORITY, SystemClock(), system_entropy)
    tls = served if mode == "tunnel" else None
    async with world(script, settings, tls=tls, interception=interception) as here:
        yield Rig(here, Tunneled(here, tmp_path) if mode == "tunnel" else None)


TE = "Transfer-Encoding"
OBFUSCATED = [
    f"{TE}: chunked, chunked\r\n",
    f"{TE}: chunked,\r\n",
    f"{TE}: ,chunked\r\n",
    f"{TE}: chunked;q=1\r\n",
    f"{TE}: chunked\r\n{TE}: identity\r\n",
    f"{TE}: identity\r\n{TE}: chunked\r\n",
    f"{TE}: x\r\n{TE}: chunked\r\n",
    f"{TE}: gzip, chunked\r\n",
    f"{TE}: gzip\r\n",
    f"{TE}: 'chunked'\r\n",
    f"{TE}: chun\tked\r\n",
    f"{TE}: \x0bchunked\r\n",
    f"{TE}: chunked\x0c\r\n",
    f"{TE}: \x00chunked\r\n",
    f"{TE}:\r\n chunked\r\n",
    f"{TE}: chunked\r\n\t\r\n",
    f"{TE}\x00: chunked\r\n",
    f"\x00{TE}: chunked\r\n",
    f"X:X\r{TE}: chunked\r\n",
    f"X:X\n{TE}: chunked\r\n",
    f"{TE}: \xffchunked\r\n",
    f"{TE}: chunk\r\n",
    f"{TE}: \r\n",
    "Content-Length: 5\r\ncontent-length: 6\r\n",
    "Content-Length: 5,\r\n",
    "Content-Length: 5;\r\n",
    "Content-Length: 5.0\r\n",
    "Content-Length: 5e0\r\n",
    "Content-Length: 0b101\r\n",
    "Content-Length: 1_0\r\n",
    "Content-Length: '5'\r\n",
    "Content-Length:\r\n 5\r\n",
    "Content-Length: 18446744073709551621\r\n",
    "Content-Length: \xb95\r\n",
    f"Content-Length: 5\r\n{TE}: chunked\r\n",
    f"{TE}: chunked\r\nContent-Length: 0\r\n",
]


@MODES
async def test_requests_that_say_twice_or_unclearly_where_they_end_go_nowhere(tmp_path, mode):
    async with rig(mode, tmp_path, always(OK)) as here:
        for fields in OBFUSCATED:
            agent = await here.agent()
            here.ask(agent, fields, b"0\r\n\r\n" + here.fitted(SMUGGLED))
            seen = await agent.reader.read()
            assert seen.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")), (fields, seen)
            assert seen.count(b"HTTP/1.1 ") == 1, (fields, seen)
        assert here.here.origin.requests == []


async def test_the_whole_corpus_is_refused_inside_a_tunnel_too(tmp_path):
    async with rig("tunnel", tmp_path, always(OK)) as here:
        for raw in SMUGGLING:
            agent = await here.agent()
            agent.writer.write(here.fitted(raw))
            seen = await agent.reader.read()
            assert not seen or seen.split()[1] in {b"400", b"405", b"501"}, (raw, seen)
            assert seen.count(b"HTTP/1.1") <= 1, (raw, seen)
        assert here.here.origin.requests == []


CHUNKS = [
    *BAD_CHUNKS,
    b"5\r\nhello\r\n0\r\n\r",
    b"00000000000005\r\nhello\r\n0\r\n\r\n",
    b"7fffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"100000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5\r\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b"5\r\nhello\r\n\r\n0\r\n\r\n",
    b"5\r\nhello\r\n00x\r\n\r\n",
    b"5\x0b\r\nhello\r\n0\r\n\r\n",
    b"\xb5\r\nhello\r\n0\r\n\r\n",
    b"5;\ndata\r\nhello\r\n0\r\n\r\n",
    b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
]


@MODES
async def test_wrong_chunks_end_the_connection_and_nothing_behind_them_is_a_request(tmp_path, mode):
    async def reads(request, reader, writer):
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(OK)

    async with rig(mode, tmp_path, reads) as here:
        for chunks in CHUNKS:
            agent = await here.agent()
            here.ask(agent, f"{TE}: chunked\r\n", chunks + here.fitted(SMUGGLED))
            seen = await agent.reader.read()
            assert seen.startswith(b"HTTP/1.1 400 "), (chunks, seen)
            assert seen.count(b"HTTP/1.1 ") == 1, (chunks, seen)
        assert all(b"smuggled" not in each.raw for each in here.here.origin.requests)


@MODES
async def test_what_is_lawful_but_odd_goes_on_in_one_plain_form(tmp_path, mode):
    bodies = []

    async def reads(request, reader, writer):
        raw = b"" if "transfer-encoding" in request.headers else await reader.readexactly(5)
        while "transfer-encoding" in request.headers and not raw.endswith(b"0\r\n\r\n"):
            raw += await reader.read(100)
        bodies.append(raw)
        writer.write(OK)

    chunked = "transfer-encoding: CHUNKED\r\n"
    odd = [
        (chunked, b"0005\r\nhello\r\n000\r\n\r\n"),
        (chunked, b"5;a=b;c\r\nhello\r\n0;z\r\n\r\n"),
        (chunked, b"5\r\nhello\r\n0\r\nX-T: 1\r\nAuthorization: Bearer x\r\n\r\n"),
        ("Content-Length: 0005\r\n", b"hello"),
        ("Content-Length: 5\r\nConnection: content-length, host, authorization\r\n", b"hello"),
        ("Content-Length: 5\r\nTransfer_Encoding: chunked\r\nContent_Length: 99\r\n", b"hello"),
    ]
    async with rig(mode, tmp_path, reads) as here:
        agent = await here.agent()
        for fields, body in odd:
            here.ask(agent, fields, body)
            assert (await agent.answer()).status == 200, fields
        assert bodies == [b"5\r\nhello\r\n0\r\n\r\n"] * 3 + [b"hello"] * 3
        for each in here.here.origin.requests:
            assert each.raw.lower().count(b"content-length: 5\r\n") + each.raw.count(b"chunked") == 1
            assert each.raw.count(SECRET) == 1
            assert b"_" not in each.raw.partition(b"\r\n")[2]


def answer(fields, body=b"", line=b"HTTP/1.1 200 OK"):
    return line + b"\r\n" + fields + b"\r\n" + body


LENGTH = b"Content-Length: 2\r\n"
EVIL = reply(b"the answer to nobody")
NOT_BELIEVED = [
    answer(LENGTH + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL),
    answer(LENGTH + LENGTH, b"ok"),
    answer(LENGTH + b"Content-Length: 3\r\n", b"ok!"),
    answer(b"Content-Length: 2, 2\r\n", b"ok"),
    answer(b"Content-Length: +2\r\n", b"ok"),
    answer(b"Content-Length: 0x2\r\n", b"ok"),
    answer(b"Content-Length: \r\n", b"ok"),
    answer(b"Content-Length : 2\r\n", b"ok"),
    answer(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    answer(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    answer(b"Transfer-Encoding: identity\r\n", b"ok"),
    answer(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    answer(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b"HTTP/1.0 200 OK"),
    answer(b"Transfer-Encoding: chunked\r\n", b"-1\r\nok\r\n0\r\n\r\n"),
    answer(b"Transfer-Encoding: chunked\r\n", b"2\nok\r\n0\r\n\r\n"),
    answer(b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffffff\r\nok\r\n0\r\n\r\n"),
    answer(b"X: a\r\n b\r\n" + LENGTH, b"ok"),
    answer(b"X: a\nSet-Cookie: b\r\n" + LENGTH, b"ok"),
    answer(b"X: a\rSet-Cookie: b\r\n" + LENGTH, b"ok"),
    answer(b"X: a\x00b\r\n" + LENGTH, b"ok"),
    answer(b"X y: b\r\n" + LENGTH, b"ok"),
    answer(LENGTH, b"ok", b"HTTP/1.1 200 O\x00K"),
    answer(LENGTH, b"ok", b"HTTP/1.1 2000 OK"),
    answer(LENGTH, b"ok", b"HTTP/1.1 099 OK"),
    answer(LENGTH, b"ok", b"HTTP/2 200"),
    answer(LENGTH, b"ok", b"ICY 200 OK"),
    answer(LENGTH, b"ok", b" HTTP/1.1 200 OK"),
    answer(b"", b"", b"HTTP/1.1 100 Continue") * 17 + OK,
    answer(b"", b"", b"HTTP/1.1 101 Switching Protocols") + OK,
    answer(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"", b"HTTP/1.1 101 Switching Protocols") + OK,
    b"\r\n" + OK,
    b"x" * 70_000,
]


@MODES
async def test_answers_that_nobody_can_be_sure_of_are_not_passed_on(tmp_path, mode):
    raw = b""

    async def script(request, reader, writer):
        writer.write(raw)

    async with rig(mode, tmp_path, script) as here:
        for raw in NOT_BELIEVED:
            agent = await here.agent()
            here.ask(agent, method="GET")
            # A head that was believed before its body was not is cut; all others become a 502.
            seen = (
                await agent.reader.read(65_536) if b"chunked\r\n\r\n" in raw else (await agent.answer()).raw
            )
            assert seen.startswith(b"HTTP/1.1 502 ") or not seen.endswith(b"0\r\n\r\n"), (raw[:200], seen)
            assert EVIL not in seen
            assert b"Set-Cookie" not in seen
            assert here.here.doors.later[-1].outcome == "upstream-malformed", raw[:200]


AFTERWARDS = [
    ("GET", reply(b"mine") + EVIL, b"mine"),
    ("GET", reply(b"mine") + b"x", b"mine"),
    ("GET", answer(b"Transfer-Encoding: chunked\r\n", b"4\r\nmine\r\n0\r\n\r\n" + EVIL), b"mine"),
    ("HEAD", reply(b"a body that a HEAD does not have"), b""),
    ("GET", answer(b"Content-Length: 20\r\n", b"a body of a 304 is ..", b"HTTP/1.1 304 Not Modified"), b""),
    ("GET", answer(b"Content-Length: 20\r\n", b"a body of a 204 is ..", b"HTTP/1.1 204 No Content"), b""),
    ("GET", answer(b"", b"", b"HTTP/1.1 103 Early Hints") * 3 + reply(b"mine") + EVIL, b"mine"),
]


@MODES
async def test_what_comes_behind_an_answer_is_nobodys_answer(tmp_path, mode):
    raw = b""

    async def script(request, reader, writer):
        writer.write(raw)

    async with rig(mode, tmp_path, script) as here:
        agent = await here.agent()
        for method, raw, expected in AFTERWARDS:
            before = here.here.origin.connections
            for _ in range(2):
                here.ask(agent, method=method)
                assert (await agent.answer(method)).body == expected, raw
            assert here.here.origin.connections == before + 2, (
                "no connection with bytes left over is used again"
            )
