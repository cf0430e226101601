# SPDX-License-Identifier: Apache-2.0
"""A request goes to an address that was checked, under the name that it was meant for, and its answer is bounded."""

import httpx2
import pytest

from smartagent.gateway import CredentialUnusable, Pinner
from smartagent.kernel import Secret
from smartagent.mcp.dialling import MAX_ANSWER_BYTES, AnswerTooLarge, http_client
from smartagent.mcp.model import McpServer

FILES = McpServer("files", url="https://mcp.example/mcp", secret="s", place="bearer")
SECRET = Secret(b"key-1")


class Wire(httpx2.AsyncBaseTransport):
    """Answers, and remembers what would have been sent where."""

    def __init__(self, **answer):
        self.sent = []
        self._answer = answer

    async def handle_async_request(self, request):
        self.sent.append((str(request.url), dict(request.headers), dict(request.extensions)))
        return httpx2.Response(200, **self._answer)


def pinner(*addresses):
    async def resolve(host, port):
        return list(addresses)

    return Pinner(frozenset({8700}), resolve, lambda address: True)


async def get(wire, server=FILES, secret=SECRET, addresses=("93.184.216.34",)):
    async with http_client(pinner(*addresses), server, secret, wire) as client:
        return await client.get(server.url)


async def test_the_checked_address_is_dialled_under_the_servers_name():
    wire = Wire()
    response = await get(wire)
    ((url, headers, extensions),) = wire.sent
    assert url == "https://93.184.216.34/mcp"
    assert (headers["host"], extensions["sni_hostname"]) == ("mcp.example", "mcp.example")
    assert str(response.request.url) == FILES.url


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [("bearer", "authorization", "Bearer key-1"), ("header:X-Key", "x-key", "key-1")],
)
async def test_the_credential_stands_where_the_entry_says(place, name, value):
    wire = Wire()
    await get(wire, McpServer("files", url=FILES.url, secret="s", place=place))
    assert wire.sent[0][1][name] == value


async def test_without_a_credential_none_is_sent():
    wire = Wire()
    await get(wire, McpServer("files", url=FILES.url), None)
    assert "authorization" not in wire.sent[0][1]


@pytest.mark.parametrize("value", [b"", b"a\r\nb: c", b"a\nb", b" a", b"a\0"])
async def test_a_secret_that_no_header_can_carry_is_not_sent(value):
    with pytest.raises(CredentialUnusable):
        await get(Wire(), secret=Secret(value))


@pytest.mark.parametrize(
    "addresses", [("10.0.0.1",), ("93.184.216.34", "127.0.0.1"), ("169.254.169.254",), ()]
)
async def test_a_name_that_leads_inward_is_not_asked(addresses):
    wire = Wire()
    with pytest.raises(httpx2.ConnectError):
        await get(wire, addresses=addresses)
    assert wire.sent == []


async def test_the_house_itself_is_not_asked_even_where_private_addresses_are():
    own = McpServer("files", url="http://mcp.example:8700/mcp", allow_private=True)
    with pytest.raises(httpx2.ConnectError):
        await get(Wire(), own, None, ("127.0.0.1",))


async def test_answers_are_bounded_and_plain():
    with pytest.raises(AnswerTooLarge):
        await get(Wire(content=_pieces(MAX_ANSWER_BYTES // 4, 5)))
    with pytest.raises(AnswerTooLarge):
        await get(Wire(content=b"x", headers={"content-encoding": "x-unknown"}))
    assert len((await get(Wire(content=_pieces(1000, 5)))).content) == 5000


async def _pieces(size, number):
    for _ in range(number):
        yield b"x" * size
