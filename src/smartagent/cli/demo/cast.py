# SPDX-License-Identifier: Apache-2.0
"""The processes of the demo: who they are, how they start and how they end."""

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from smartagent.cli.demo.agent import Order, Report

_LINE_LIMIT: Final = 4_194_304
_END_SECONDS: Final = 10.0
_START_SECONDS: Final = 40.0


class StageFright(Exception):
    """A process did not come up, or went away in the middle."""


class Cast:
    """All processes that were started, so that all are ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer = f"http://127.0.0.1:{_free_port()}"
        self.gateway = f"http://127.0.0.1:{_free_port()}"
        self._processes: list[Process] = []
        self._agent: Process | None = None

    async def start_authority(self) -> str:
        """Start the authority in an empty folder, and return its claim link."""
        process = await self._start(
            "-c",
            "from smartagent.cli.smartagent import main; main()",
            "serve",
            "--data-dir",
            str(self.folder / "data"),
            "--port",
            self.issuer.rpartition(":")[2],
            "--gateway-port",
            self.gateway.rpartition(":")[2],
            "--log-level",
            "warning",
        )
        async with asyncio.timeout(_START_SECONDS):
            while True:
                line = await _line(process, "the authority")
                if "/claim#" in line:
                    return line.split()[-1]

    async def start_shop(self, key: str) -> str:
        """Start the shop's API, which demands `key`, and return its address."""
        process = await self._start("-m", "smartagent.cli.demo.upstream")
        await _tell(process, key)
        return f"http://127.0.0.1:{(await _line(process, 'the shop')).strip()}"

    async def start_agent(self) -> None:
        """Start the agent, which has no key yet."""
        key_file = str(self.folder / "agent.key")
        self._agent = await self._start(
            "-m", "smartagent.cli.demo.agent", key_file, self.issuer, self.gateway
        )

    async def agent(self, do: str, argument: str = "", *, method: str = "GET", path: str = "") -> Report:
        """Have the agent do something, and return its report."""
        if self._agent is None:
            raise StageFright("the agent was not started")
        await _tell(self._agent, msgspec.json.encode(Order(do, argument, method, path)).decode())
        return await self.report()

    async def report(self) -> Report:
        """Return the agent's next report."""
        if self._agent is None:
            raise StageFright("the agent was not started")
        return msgspec.json.decode(await _line(self._agent, "the agent"), type=Report)

    async def end(self) -> None:
        """End every process, the youngest first."""
        for process in reversed(self._processes):
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
                try:
                    async with asyncio.timeout(_END_SECONDS):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()

    async def _start(self, *words: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=None if "serve" in words else DEVNULL,
            limit=_LINE_LIMIT,
        )
        self._processes.append(process)
        return process


async def _tell(process: Process, line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{line}\n".encode())
        await process.stdin.drain()


async def _line(process: Process, who: str) -> str:
    line = await process.stdout.readline() if process.stdout is not None else b""
    if not line:
        raise StageFright(f"{who} went away")
    return line.decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
