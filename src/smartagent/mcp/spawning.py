# SPDX-License-Identifier: Apache-2.0
"""Servers that are programs: a child process for each user, in a process group and a directory of its own.

It inherits nothing: its environment is a search path, an empty home that goes when it goes, the entry's variables,
and the one variable that its secret is put into.  What it writes to standard error is thrown away.  Lines longer
than `MAX_LINE_BYTES` end the connection.

Spec: MCP 2025-11-25, Transports, stdio; Lifecycle, Shutdown.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from smartagent.kernel import Secret
from smartagent.mcp.model import McpServer

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
LEAVE_SECONDS: Final = 1.0
"""How long a program may take to end by itself when its input ends, and again when it is told to."""
_LOOK_SECONDS: Final = 0.05
_LOOKS: Final = 10
SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


@contextlib.asynccontextmanager
async def spawned(server: McpServer, secret: Secret[bytes] | None) -> AsyncIterator[Streams]:
    """Start a server's program, and talk to it until the block ends; then nothing of it is left.

    Raises:
        OSError: It cannot be started.
    """
    home = await asyncio.to_thread(tempfile.mkdtemp, prefix="smartagent-mcp-")
    try:
        process = await asyncio.create_subprocess_exec(
            *server.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment_of(server, secret, home),
            cwd=home,
            start_new_session=True,
            limit=MAX_LINE_BYTES,
        )
        try:
            async with _talking(process) as streams:
                yield streams
        finally:
            await _ended(process)
    finally:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


def environment_of(server: McpServer, secret: Secret[bytes] | None, home: str) -> dict[str, str]:
    """Return all that a server's program finds in its environment."""
    environment = {"PATH": SEARCH_PATH, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8", **server.env}
    if secret is not None:
        environment[server.place.partition(":")[2]] = secret.reveal().decode(errors="surrogateescape")
    return environment


@contextlib.asynccontextmanager
async def _talking(process: asyncio.subprocess.Process) -> AsyncIterator[Streams]:
    incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, process, incoming)
        group.start_soon(_write, process, outgoing, incoming)
        group.start_soon(_watch, process, incoming)
        try:
            yield read_stream, write_stream
        finally:
            for stream in (incoming, read_stream, write_stream, outgoing):
                stream.close()
            group.cancel_scope.cancel()


async def _read(
    process: asyncio.subprocess.Process, incoming: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    output = process.stdout
    with (
        incoming,
        contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError, ValueError),
    ):
        # A line beyond the limit is a ValueError: the connection ends.
        while output is not None and (line := await output.readline()):
            message = _message_of(line)
            if message is not None:
                await incoming.send(message)


def _message_of(line: bytes) -> SessionMessage | None:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValidationError:
        # Programs that print something else among their messages are common, and it means nothing.
        return None


async def _write(
    process: asyncio.subprocess.Process,
    outgoing: MemoryObjectReceiveStream[SessionMessage],
    incoming: MemoryObjectSendStream[SessionMessage | Exception],
) -> None:
    with outgoing, contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        async for message in outgoing:
            if process.stdin is None:
                break
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
        return
    # It takes nothing any more: whoever waits for its answers is told.
    incoming.close()


async def _watch(
    process: asyncio.subprocess.Process, incoming: MemoryObjectSendStream[SessionMessage | Exception]
) -> None:
    """End the connection when the program is over, although a child of it may still hold its output open."""
    while not await _gone(process, LEAVE_SECONDS):
        pass
    incoming.close()


async def _gone(process: asyncio.subprocess.Process, within_seconds: float) -> bool:
    # `process.wait` waits for the output's end too, which a child of the program can put off for ever.
    looks = int(within_seconds / _LOOK_SECONDS)
    for _ in range(looks):
        if process.returncode is not None:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return process.returncode is not None


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Let the program leave; then end its whole process group, which may live on when it has left."""
    leaving = asyncio.get_running_loop().create_task(_leave(process))
    # It ends even when whoever waits for it is cancelled.
    await asyncio.shield(leaving)


async def _leave(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if not await _gone(process, LEAVE_SECONDS):
        _signal(process.pid, signal.SIGTERM)
        await _gone(process, LEAVE_SECONDS)
    # The leader is gone, its children may not be: the group has the leader's number.
    _signal(process.pid, signal.SIGKILL)
    await process.wait()
    await _emptied(process.pid)


async def _emptied(group: int) -> None:
    """Wait until nobody is in a group that was killed; not for long, for who is not reaped stays in it."""
    for _ in range(_LOOKS):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _signal(group: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, sign)
