# SPDX-License-Identifier: Apache-2.0
"""A proxy on this machine's loopback for one program: it adds the session's token, as it is now, and passes bytes on.

The program's clients know the proxy's address with a password that lives as long as the program, and an authority to
trust; the token never enters the program.  What may be called is decided at the gateway, request by request.
"""

import asyncio
import base64
import contextlib
import hmac
import os
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from smartagent.kernel import Entropy, SmartAgentError
from smartagent.sdk import AgentSession

_PASSWORD_BYTES: Final = 16
_MAX_HEAD: Final = 32_768
_CHUNK: Final = 65_536
_HEAD_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 10.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- memory that looks like a folder; what is put there is no secret
_REFUSED: Final = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'proxy-authenticate: Basic realm="smartagent run"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'
)
_AWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_ENDS: Final = (
    OSError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    TimeoutError,
    asyncio.CancelledError,
)
_TRUST: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)


class LocalProxy:
    """Serves one program.

    Args:
        session: Whose token is added.
        gateway: The gateway's URL.
        authority: The certificate to trust, in PEM.
        entropy: For the password.
    """

    def __init__(self, session: AgentSession, gateway: str, authority: bytes, entropy: Entropy) -> None:
        self._session = session
        self._gateway = urlsplit(gateway)
        self._authority = authority
        self._password = entropy(_PASSWORD_BYTES).hex()
        self._server: asyncio.Server | None = None
        self._folder: Path | None = None
        self._port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and write down what the program's clients shall trust."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MAX_HEAD)
        self._port = self._server.sockets[0].getsockname()[1]
        self._folder = Path(tempfile.mkdtemp(prefix="smartagent-", dir=_MEMORY if _MEMORY.is_dir() else None))
        bundle = self._folder / "ca.pem"
        bundle.write_bytes(_trusted() + self._authority)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open))
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what common programs read to find the proxy, and to trust what it shows.

        Args:
            environ: As it is; who is not to be asked for by the proxy stays so.
        """
        address = f"http://run:{self._password}@127.0.0.1:{self._port}"
        trusted = str(self._folder / "ca.pem") if self._folder is not None else ""
        direct = environ.get("NO_PROXY", environ.get("no_proxy", "localhost,127.0.0.1,::1"))
        return {
            **dict.fromkeys(_PROXIES, address),
            **dict.fromkeys(_TRUST, trusted),
            "NO_PROXY": direct,
            "no_proxy": direct,
            "NODE_USE_ENV_PROXY": "1",
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        # To be cancelled is how a connection ends when the program has; it is no error to anybody.
        with contextlib.suppress(*_ENDS):
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._pass_on(head, reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, fields = _fields_of(head)
        if not self._is_ours(fields):
            writer.write(_REFUSED)
            await writer.drain()
            return
        try:
            token = self._session.token.reveal()
            async with asyncio.timeout(_CONNECT_SECONDS):
                there = await self._connect()
        except (OSError, TimeoutError, RuntimeError, SmartAgentError):
            writer.write(_AWAY)
            await writer.drain()
            return
        there[1].write(_with_token(line, fields, token))
        try:
            await asyncio.gather(_piped(reader, there[1]), _piped(there[0], writer))
        finally:
            there[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = self._gateway.scheme == "https"
        return await asyncio.open_connection(
            self._gateway.hostname,
            self._gateway.port or (443 if tls else 80),
            ssl=ssl.create_default_context() if tls else None,
        )

    def _is_ours(self, fields: list[tuple[bytes, bytes]]) -> bool:
        expected = base64.b64encode(f"run:{self._password}".encode())
        given = [value for name, value in fields if name.lower() == b"proxy-authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], b"Basic " + expected)


def _fields_of(head: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    line, *rest = head[:-4].split(b"\r\n")
    pairs = [field.partition(b":") for field in rest]
    return line, [(name, value.strip()) for name, _, value in pairs]


def _with_token(line: bytes, fields: list[tuple[bytes, bytes]], token: str) -> bytes:
    """Return the head with the session's token; without a tunnel each connection is good for one request."""
    dropped = {b"proxy-authorization", b"proxy-connection"}
    own = [(b"Proxy-Authorization", b"Bearer " + token.encode())]
    if not line.startswith(b"CONNECT "):
        dropped |= {b"connection", b"keep-alive"}
        own.append((b"Connection", b"close"))
    kept = [(name, value) for name, value in fields if name.lower() not in dropped]
    return b"\r\n".join([line, *(name + b": " + value for name, value in (*kept, *own)), b"", b""])


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _trusted() -> bytes:
    """Return what this machine trusts, for hosts that are called without the proxy."""
    paths = ssl.get_default_verify_paths()
    for place in (os.path.realpath(paths.cafile or ""), "/etc/ssl/certs/ca-certificates.crt"):
        with contextlib.suppress(OSError):
            return Path(place).read_bytes() + b"\n"
    return b""
