# SPDX-License-Identifier: Apache-2.0
"""One HTTP exchange over a connection to addresses that were checked, with the TLS identity of the name.

Nothing else is believed of the environment or the answer: no proxy, no cookies, no redirect, no
decompression, and no more bytes than were asked for.
"""

import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from smartagent.federation.errors import FetchFailed
from smartagent.federation.message import Answer, Sent

_CHUNK_BYTES: Final = 16_384
_PLAIN: Final = frozenset({"", "identity"})


class _Pinned(AbstractResolver):
    """Answers with what was checked, so that a name server cannot answer differently the second time."""

    def __init__(self, host: str, addresses: tuple[str, ...]) -> None:
        self._host = host
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host != self._host:
            message = "another name than the one that was checked"
            raise OSError(message)
        found = [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, address) for address in self._addresses
        ]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=own,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for own, address in found
            if family in {socket.AF_UNSPEC, own}
        ]

    async def close(self) -> None:
        """There is nothing to let go of."""


async def exchange(
    sent: Sent, addresses: tuple[str, ...], *, max_bytes: int, tls: ssl.SSLContext | None = None
) -> Answer:
    """Send one request to one of `addresses`, and read its answer.

    Args:
        sent: What goes out.
        addresses: Checked; nothing else is dialled.
        max_bytes: A body that is longer is not read to its end.
        tls: For tests: which certificates to believe.

    Raises:
        FetchFailed: There is no answer, or it is too long or compressed.
    """
    connector = aiohttp.TCPConnector(
        resolver=_Pinned(sent.destination.host, addresses),
        use_dns_cache=False,
        force_close=True,
        ssl=tls if tls is not None else True,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        try:
            return await _ask(session, sent, max_bytes)
        except (aiohttp.ClientError, ValueError) as error:
            # The kind of error is enough: its text may hold what the other side sent.
            raise FetchFailed(f"there was no answer ({type(error).__name__})") from None


async def _ask(session: aiohttp.ClientSession, sent: Sent, max_bytes: int) -> Answer:
    async with session.request(
        sent.method,
        sent.destination.url,
        headers=sent.headers,
        data=sent.body or None,
        allow_redirects=False,
    ) as answer:
        if answer.headers.get("content-encoding", "").strip().lower() not in _PLAIN:
            raise FetchFailed("the answer is compressed, which was not asked for")
        body = await _bounded(answer, max_bytes)
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)


async def _bounded(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if (answer.content_length or 0) > max_bytes:
        raise FetchFailed(f"the answer is longer than {max_bytes} bytes")
    body = bytearray()
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchFailed(f"the answer is longer than {max_bytes} bytes")
    return bytes(body)
