# SPDX-License-Identifier: Apache-2.0
"""One worker: the authority's port and the gateway's port on one event loop.

    python -m smartagent.server.worker      is what the supervisor starts

It is told what to do by one line of JSON on standard input, says that it is ready by one line
on standard output, and drains and ends on SIGTERM, or when standard input ends: then the
supervisor, and with it the store's writer, is gone.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from typing import IO, Final

import msgspec
import uvicorn
import uvloop

from smartagent.server import logs
from smartagent.server.node import Node
from smartagent.server.premises import listening_socket
from smartagent.server.protocol import BoundedProtocol, sweep
from smartagent.server.settings import Settings
from smartagent.server.wiring import wire

log: Final = logging.getLogger("smartagent.worker")

FAILED: Final = 3
GC_THRESHOLDS: Final = (50_000, 20, 100)


class Order(msgspec.Struct, frozen=True):
    """What the supervisor tells a worker."""

    settings: Settings
    worker: int
    first: bool
    """Whether it is the first on this start: it looks after the keys and the claim link."""


class Report(msgspec.Struct, frozen=True):
    """What a worker tells the supervisor when it is ready."""

    claim_link: str = ""


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers (the worker has one way to stop), and with word of its start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.came_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self.came_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def main() -> int:
    """Run the worker that standard input describes."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    logs.configure(order.settings)
    return uvloop.run(run(order, sys.stdin.buffer, sys.stdout.buffer))


async def run(order: Order, orders: IO[bytes], reports: IO[bytes]) -> int:
    """Serve until told to stop, and return the exit code."""
    settings = order.settings
    authority, node = wire(settings, worker=order.worker)
    server = _Server(
        uvicorn.Config(
            authority,
            http=BoundedProtocol,
            ws="none",
            loop="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
            limit_concurrency=settings.max_connections,
        )
    )
    stopping = _stop_on_signal(server, node, orders)
    sweeper = asyncio.create_task(sweep(server.server_state))
    announcer = asyncio.create_task(_announce(server, node, order, reports))
    try:
        await server.serve(sockets=[listening_socket(settings.listen, settings.port)])
    finally:
        sweeper.cancel()
        announcer.cancel()
        stopping.close()
    return 0 if server.started else FAILED


async def _announce(server: _Server, node: Node, order: Order, reports: IO[bytes]) -> None:
    await server.came_up.wait()
    report = Report()
    if order.first:
        link = await node.first_claim_link()
        if link is not None:
            report = Report(link.reveal())
    # What was loaded to start stays: the collector need not walk it again.
    gc.collect()
    gc.freeze()
    # Requests leave few cycles behind: to look for them after every 700 objects costs some percent.
    gc.set_threshold(*GC_THRESHOLDS)
    reports.write(msgspec.json.encode(report) + b"\n")
    reports.flush()


class _Stop:
    """The one way to stop: a signal, or the end of the supervisor's pipe."""

    def __init__(self, server: uvicorn.Server, node: Node, orders: IO[bytes]) -> None:
        self._server = server
        self._node = node
        self._orders = orders
        self._draining: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        self._loop.add_reader(orders, self._orphaned)

    def stop(self) -> None:
        """Stop accepting; finish what is in flight."""
        if self._draining is None:
            self._server.should_exit = True
            self._draining = self._loop.create_task(self._node.drain())

    def close(self) -> None:
        """Stop listening for the end."""
        self._loop.remove_reader(self._orders)

    def _orphaned(self) -> None:
        self._loop.remove_reader(self._orders)
        log.error("the supervisor is gone; stopping")
        self.stop()


def _stop_on_signal(server: uvicorn.Server, node: Node, orders: IO[bytes]) -> _Stop:
    return _Stop(server, node, orders)


if __name__ == "__main__":
    sys.exit(main())
