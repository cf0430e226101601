# SPDX-License-Identifier: Apache-2.0
"""A proxy on this machine for one program: it adds the session's token, as it is now, and passes bytes on.

The program's clients know the proxy's address with a password that lives as long as the program, and an authority to
trust; the token never enters the program.  What may be called is decided at the gateway, request by request.

It listens in three ways.  A loopback port wants the password.  A Unix socket, for programs that are cut off from the
network, and a second loopback port, for Java, want nothing but this user, as Linux tells it.
"""

import asyncio
import base64
import contextlib
import hmac
import shutil
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from smartagent.cli.run.peers import is_own
from smartagent.cli.run.trust import Addresses, variables, write_trust
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
_MISTAKEN: Final = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_AWAY: Final = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_ENDS: Final = (
    OSError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    TimeoutError,
    asyncio.CancelledError,
)
_Fields = list[tuple[bytes, bytes]]
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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
        self._servers: list[asyncio.Server] = []
        self._folder: Path | None = None
        self._addresses = Addresses("", 0, "")
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and write down what the program's clients shall trust."""
        folder = Path(tempfile.mkdtemp(prefix="smartagent-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self._folder = folder
        write_trust(folder, self._authority)
        path = str(folder / "proxy.sock")
        port = await self._listen_on_loopback(self._serve_by_password)
        java_port = await self._listen_on_loopback(self._serve_by_user)
        self._servers.append(await asyncio.start_unix_server(self._serve_by_user, path, limit=_MAX_HEAD))
        self._addresses = Addresses(f"http://run:{self._password}@127.0.0.1:{port}", java_port, path)

    async def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.close()
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(list(self._open))
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return what common programs read to find the proxy, and to trust what it shows; nothing before `start`.

        Args:
            environ: As it is; who is not to be asked for by the proxy stays so.
        """
        return variables(self._addresses, self._folder, environ) if self._folder is not None else {}

    async def _listen_on_loopback(self, serve: _Serve) -> int:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_MAX_HEAD)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _serve_by_password(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, self._knows_password)

    async def _serve_by_user(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = is_own(writer.get_extra_info("socket"))
        await self._serve(reader, writer, lambda _: own)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, admits: Callable[[_Fields], bool]
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        # To be cancelled is how a connection ends when the program has; it is no error to anybody.
        with contextlib.suppress(*_ENDS):
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            line, fields = _fields_of(head)
            if not _asks_a_proxy(line):
                await _answer(writer, _MISTAKEN)
            elif not admits(fields):
                await _answer(writer, _REFUSED)
            else:
                await self._pass_on(line, fields, reader, writer)
        writer.close()

    async def _pass_on(
        self, line: bytes, fields: _Fields, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            token = self._session.token.reveal()
            async with asyncio.timeout(_CONNECT_SECONDS):
                there = await self._connect()
        except (OSError, TimeoutError, RuntimeError, SmartAgentError):
            await _answer(writer, _AWAY)
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

    def _knows_password(self, fields: _Fields) -> bool:
        expected = base64.b64encode(f"run:{self._password}".encode())
        given = [value for name, value in fields if name.lower() == b"proxy-authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], b"Basic " + expected)


async def _answer(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()


def _asks_a_proxy(line: bytes) -> bool:
    # A page in this user's browser can send requests to loopback ports, but never in these forms.
    method, _, rest = line.partition(b" ")
    return method == b"CONNECT" or rest[:7].lower() == b"http://"


def _fields_of(head: bytes) -> tuple[bytes, _Fields]:
    line, *rest = head[:-4].split(b"\r\n")
    pairs = [field.partition(b":") for field in rest]
    return line, [(name, value.strip()) for name, _, value in pairs]


def _with_token(line: bytes, fields: _Fields, token: str) -> bytes:
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
