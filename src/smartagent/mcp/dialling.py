# SPDX-License-Identifier: Apache-2.0
"""Servers at a URL: each request goes to an address that was checked, and each answer is bounded.

The name is resolved and every address checked before each request; what was checked is what is dialled, and
TLS still verifies the name.  The credential stands in the client's headers and goes nowhere else: redirects
that leave the origin are not followed by the SDK.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

import httpx2

from smartagent.gateway import CredentialUnusable, Pinner
from smartagent.kernel import Secret, SmartAgentError
from smartagent.mcp.model import McpServer

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""The most that one answer may have; a stream of events counts as one."""
CONNECT_SECONDS: Final = 5.0
_HEADER_VALUE: Final = re.compile(rb"[!-~\x80-\xff](?:[ -~\x80-\xff]*[!-~\x80-\xff])?")


class AnswerTooLarge(httpx2.TransportError):
    """The server's answer has more bytes than are taken, or is compressed although nobody asked for that."""


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Sends to checked addresses only.

    Args:
        pinner: Resolves and checks.
        server: Whose addresses.
        inner: What sends; given by tests.
    """

    def __init__(
        self, pinner: Pinner, server: McpServer, inner: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._pinner = pinner
        self._server = server
        self._inner = inner or httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            TransportError: An address may not be dialled, or the server does not answer.
        """
        url = request.url
        tls = url.scheme == "https"
        port = url.port or (443 if tls else 80)
        try:
            addresses = await self._pinner.pin(
                url.host, port, allow_private=self._server.allow_private, cleartext=not tls
            )
        except SmartAgentError as error:
            raise httpx2.ConnectError(error.code) from None
        # The header `host` was made from the name, and TLS is told the name: only the address is put in.
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=addresses[0])
        response = await self._inner.handle_async_request(request)
        request.url = url
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise AnswerTooLarge("the answer is compressed")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_ANSWER_BYTES
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise AnswerTooLarge("the answer is too large")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def http_client(
    pinner: Pinner,
    server: McpServer,
    secret: Secret[bytes] | None,
    inner: httpx2.AsyncBaseTransport | None = None,
) -> httpx2.AsyncClient:
    """Return a client that talks to a server with its credential.

    Raises:
        CredentialUnusable: No header can carry the secret.
    """
    timeout = httpx2.Timeout(server.timeout_seconds, connect=CONNECT_SECONDS)
    return httpx2.AsyncClient(
        transport=CheckedTransport(pinner, server, inner),
        headers={b"accept-encoding": b"identity", **_credential(server, secret)},
        timeout=timeout,
        trust_env=False,
    )


def _credential(server: McpServer, secret: Secret[bytes] | None) -> Mapping[bytes, bytes]:
    if secret is None:
        return {}
    value = secret.reveal()
    if _HEADER_VALUE.fullmatch(value) is None:
        raise CredentialUnusable("the secret holds characters that no header can carry")
    kind, _, name = server.place.partition(":")
    return {name.encode(): value} if kind == "header" else {b"authorization": b"Bearer " + value}
