# SPDX-License-Identifier: Apache-2.0
"""Where a store lives in a test: each engine for real, with nodes that come and go, and a way to die."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg

from smartagent.crypto import SystemClock
from smartagent.storage import Feed, PostgresStore, SqliteStore, Store

Prepare = Callable[[Feed], None]

_running: list[subprocess.Popen[bytes]] = []


def spawn_writer(path: Path) -> subprocess.Popen[bytes]:
    """Start a writer process, and return when workers can connect."""
    script = Path(__file__).with_name("writer_process.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}  # noqa: TID251 -- the child gets what the test has
    writer = subprocess.Popen(
        [sys.executable, str(script), str(path)], stdout=subprocess.PIPE, env=environment
    )
    _running.append(writer)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    return writer


def reap(writer: subprocess.Popen[bytes]) -> None:
    """Kill a writer the hard way."""
    writer.kill()
    writer.wait()
    if writer.stdout is not None:
        writer.stdout.close()
    if writer in _running:
        _running.remove(writer)


def reap_all() -> None:
    """Kill every writer that is still there."""
    for writer in _running:
        reap(writer)


class SqliteSite:
    """A file, and a writer process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: subprocess.Popen[bytes] | None = spawn_writer(path)
        self._nodes: list[Store] = []

    async def node(self, prepare: Prepare | None = None, *, linger: bool = False) -> Store:
        store = SqliteStore(self.path, linger=linger)
        return await _started(store, self._nodes, prepare)

    async def die(self) -> None:
        if self.writer is not None:
            reap(self.writer)
            self.writer = None

    async def revive(self) -> None:
        self.writer = spawn_writer(self.path)

    async def close(self) -> None:
        for node in self._nodes:
            await node.close()
        await self.die()


class PostgresSite:
    """A database of its own on a server that tests share."""

    def __init__(self, server_url: str, url: str, name: str) -> None:
        self.url = url
        self._server_url = server_url
        self._name = name
        self._nodes: list[Store] = []

    async def node(self, prepare: Prepare | None = None) -> Store:
        return await _started(PostgresStore(self.url, clock=SystemClock()), self._nodes, prepare)

    async def die(self) -> None:
        await self._administer(
            f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'",  # noqa: S608 -- a name made here
        )

    async def revive(self) -> None:
        await self._administer(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    async def close(self) -> None:
        for node in self._nodes:
            await node.close()
        await self._administer(f"DROP DATABASE {self._name} WITH (FORCE)")

    async def _administer(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._server_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


Site = SqliteSite | PostgresSite


async def _started(store: Store, nodes: list[Store], prepare: Prepare | None) -> Store:
    if prepare is not None:
        prepare(store.feed)
    await store.start()
    nodes.append(store)
    return store


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Return as soon as `holds()`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 -- nothing announces what tests look at from outside
            await asyncio.sleep(0.005)
