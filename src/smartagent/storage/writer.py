# SPDX-License-Identifier: Apache-2.0
"""The writer process: the one that owns a SQLite store.

    workers ==unix socket==> [ frames ] --turn--> one transaction --> answers
                                  ^                    |
                                  '-- what arrives meanwhile is the next batch

Everything happens in one thread.  While a batch is being synced to disk the next one gathers
in the sockets, so the load itself sizes the batches.  Log jobs run between them.
"""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from smartagent.kernel import Clock
from smartagent.storage import wire
from smartagent.storage.beside import alone, reachable, socket_of
from smartagent.storage.book import Book
from smartagent.storage.book_session import step
from smartagent.storage.log import LogJob

_MOST_WORKS: Final = 4096
_TIDY_SECONDS: Final = 2.0
_JOB_LATEST_SECONDS: Final = 0.25
_JOB_RECORDS: Final = 4096
_JOB_LOOK_SECONDS: Final = 0.01
_JOB_AGAIN_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class _Writer:
    """Gathers frames into batches, commits them, and answers."""

    def __init__(self, book: Book, jobs: Sequence[LogJob]) -> None:
        self.peers: set[_Peer] = set()
        self._book = book
        self._jobs = _Jobs(book, jobs)
        self._queue: list[tuple[_Peer, list[wire.WireWork]]] = []
        self._loop = asyncio.get_running_loop()
        self._due = False

    def received(self, peer: "_Peer", works: list[wire.WireWork]) -> None:
        self._queue.append((peer, works))
        if not self._due:
            # Not at once: first every socket that is readable now gets to add its frame.
            self._due = True
            self._loop.call_soon(self._turn)

    def greet(self, peer: "_Peer", offered: int) -> None:
        self.peers.add(peer)
        peer.send(wire.frame(self._book.since(offered)))

    def tidy(self) -> None:
        self._book.tidy()
        self._jobs.look()
        self._loop.call_later(_TIDY_SECONDS, self.tidy)

    def _turn(self) -> None:
        queue = self._take()
        answers = self._book.commit([works for _, works in queue])
        news = self._book.news()
        if news is not None:
            told = wire.frame(news)
            for peer in self.peers:
                peer.send(told)
        for (peer, _), answer in zip(queue, answers, strict=True):
            peer.send(wire.frame(answer))
        self._jobs.look()

    def _take(self) -> list[tuple["_Peer", list[wire.WireWork]]]:
        """Return the frames of the next batch: all that wait, within bounds."""
        works = 0
        for position, (_, frame) in enumerate(self._queue):
            works += len(frame)
            if works > _MOST_WORKS and position:
                queue, self._queue = self._queue[:position], self._queue[position:]
                self._loop.call_soon(self._turn)
                return queue
        queue, self._queue = self._queue, []
        self._due = False
        return queue


class _Jobs:
    """Runs the log jobs: soon when it is quiet, in good time when it is not."""

    def __init__(self, book: Book, jobs: Sequence[LogJob]) -> None:
        self._book = book
        self._jobs = jobs
        self._loop = asyncio.get_running_loop()
        self._timer = False
        self._seen = -1
        self._done = -1
        self._done_at = self._loop.time()
        self._not_before = 0.0

    def look(self) -> None:
        """Arrange for a step when there is something new."""
        if self._jobs and not self._timer and self._book.next != self._done:
            self._arm(0 if self._book.next - self._done >= _JOB_RECORDS else _JOB_LOOK_SECONDS)

    def _arm(self, seconds: float) -> None:
        self._timer = True
        self._loop.call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = False
        now, size = self._loop.time(), self._book.next
        quiet, self._seen = size == self._seen, size
        waited = now - self._done_at >= _JOB_LATEST_SECONDS or size - self._done >= _JOB_RECORDS
        if now < self._not_before or not (quiet or waited):
            self._arm(_JOB_LOOK_SECONDS)
        elif self._step():
            self._arm(0)
        else:
            self._done, self._done_at = size, now

    def _step(self) -> bool:
        try:
            # Every job gets its step, whatever the ones before it say.
            return sum(step(self._book.open(), job) for job in self._jobs) > 0
        except Exception:  # noqa: BLE001 -- a job's bug must not stop the store
            _log.exception("a log job failed; it is tried again")
            self._not_before = self._loop.time() + _JOB_AGAIN_SECONDS
            return True


class _Peer(asyncio.Protocol):
    """One worker's connection."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer
        self._frames = wire.Frames()
        self._transport: asyncio.Transport | None = None
        self._greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way back."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        """Forget the worker; what it sent is committed all the same."""
        self._transport = None
        self._writer.peers.discard(self)

    def data_received(self, data: bytes) -> None:
        """Take frames."""
        try:
            for body in self._frames.feed(data):
                if self._greeted:
                    self._writer.received(self, wire.decode_works(body))
                else:
                    self._greeted = True
                    self._writer.greet(self, wire.decode_hello(body).offered)
        except (wire.FrameTooLong, msgspec.MsgspecError):
            _log.exception("a worker does not speak this release's language")
            if self._transport is not None:
                self._transport.abort()

    def close(self) -> None:
        """Send what is still to be sent, and hang up."""
        if self._transport is not None:
            self._transport.close()

    def send(self, framed: bytes) -> None:
        """Send, unless the worker has gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(framed)


async def run_writer(
    path: Path,
    *,
    clock: Clock,
    jobs: Sequence[LogJob] = (),
    ready: Callable[[], None] | None = None,
) -> None:
    """Own the store at `path` until cancelled.

    Run it in a process of its own, on uvloop, with nothing else on the loop.  `ready` is
    called when workers can connect.

    Raises:
        WriterRuns: Another process owns the store.
        SchemaTooNew, SchemaTooOld: The store is another release's; see `migrate`.
        sqlite3.Error: The store cannot be opened.
    """
    with alone(path):
        book = Book(path, clock)
        try:
            book.start()
            writer = _Writer(book, jobs)
            await _serve(path, writer, ready)
        finally:
            book.close()


async def _serve(path: Path, writer: _Writer, ready: Callable[[], None] | None) -> None:
    socket = socket_of(path)
    socket.unlink(missing_ok=True)  # a writer that was killed left it; only the holder of the lock is here
    with reachable(socket) as address:
        mask = os.umask(0o177)
        try:
            server = await asyncio.get_running_loop().create_unix_server(lambda: _Peer(writer), address)
        finally:
            os.umask(mask)
    try:
        writer.tidy()
        gc.collect()
        gc.freeze()
        if ready is not None:
            ready()
        await asyncio.Event().wait()
    finally:
        server.close()
        for peer in list(writer.peers):
            peer.close()
        socket.unlink(missing_ok=True)
