# SPDX-License-Identifier: Apache-2.0
"""The parent of all: it owns the store's writer (SQLite), starts the workers, and brings them back.

    serve --+-- preparation      a short-lived process: directories, root key, migrations
            +-- the writer       in this process, on this loop; on PostgreSQL there is none
            '-- worker 0..N-1    processes of their own; one that dies is started again

The first worker starts alone, because it makes what is missing (signing keys, the claim
link); the others follow when it is ready.  On SIGTERM the workers drain first and the writer
ends last, so what is in flight is still recorded.  A second signal ends everything at once.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal

import msgspec

from smartagent.server.errors import SetUpBroken, WorkerFailed
from smartagent.server.settings import Settings

log: Final = logging.getLogger("smartagent.supervisor")

FIRST_BACK_OFF_SECONDS: Final = 0.25
LONGEST_BACK_OFF_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A worker that lived that long was well: its next death starts the back-off anew."""
READY_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 5.0
"""How much longer than its drain a worker may live."""


class Started(msgspec.Struct, frozen=True):
    """What the first worker said when it was ready.  `claim_link` is empty once an operator exists."""

    claim_link: str = ""


Announce = Callable[[Started], None]


async def supervise(settings: Settings, announce: Announce) -> int:
    """Run the authority until it is told to stop.

    Args:
        settings: All of them, derived.
        announce: Called once, when the first worker answers.

    Returns:
        The exit code: 0 after a stop that was asked for.

    Raises:
        ServerError: It cannot be started; the text says why.
    """
    await prepare(settings)
    stop = _Stop()
    async with _writer(settings) as writer:
        crew = _Crew(settings, stop)
        try:
            announce(await crew.start_first())
            crew.start_others()
            gc.collect()
            gc.freeze()
            await _until_stopped(stop, writer)
        finally:
            await crew.end()
        return 1 if writer is not None and writer.done() else 0


async def prepare(settings: Settings) -> None:
    """Have a process of its own make the root key and bring the schema up to date.

    What that needs in memory goes with it.

    Raises:
        SetUpBroken: It could not; the text says why.
    """
    process = await asyncio.create_subprocess_exec(
        *_python("smartagent.server.preparation"), stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    said, _ = await process.communicate(msgspec.json.encode(settings) + b"\n")
    if process.returncode != 0:
        raise SetUpBroken(said.decode(errors="replace").strip() or "see the log above")


class _Stop:
    """Turns the first signal into an event, and the second into the end."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal)

    def _signal(self) -> None:
        if self.asked.is_set():
            self.at_once.set()
        self.asked.set()


class _Crew:
    """The workers."""

    def __init__(self, settings: Settings, stop: _Stop) -> None:
        self._settings = settings
        self._stop = stop
        self._processes: dict[int, Process] = {}
        self._keepers: list[asyncio.Task[None]] = []

    async def start_first(self) -> Started:
        """Start worker 0, wait until it answers, and return what it has to say.

        Raises:
            WorkerFailed: It did not come up.
        """
        process = await self._spawn(0, first=True)
        asked = asyncio.ensure_future(self._stop.asked.wait())
        report = asyncio.ensure_future(_report(process))
        await asyncio.wait({asked, report}, return_when=asyncio.FIRST_COMPLETED, timeout=READY_SECONDS)
        asked.cancel()
        if not report.done() or report.result() is None:
            report.cancel()
            if self._stop.asked.is_set():
                return Started()
            raise WorkerFailed("its log above says why")
        self._keepers.append(asyncio.create_task(self._keep(0, process)))
        return report.result() or Started()

    def start_others(self) -> None:
        """Start the rest."""
        self._keepers += [
            asyncio.create_task(self._keep(worker, None)) for worker in range(1, self._settings.workers)
        ]

    async def end(self) -> None:
        """Let the workers drain within their bound; end those that do not."""
        for keeper in self._keepers:
            keeper.cancel()
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        ends = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        if not ends:
            return
        hurry = asyncio.create_task(self._stop.at_once.wait())
        hurry.add_done_callback(lambda _: self._kill())
        _, late = await asyncio.wait(ends, timeout=self._settings.drain_seconds + GRACE_SECONDS)
        if late:
            log.warning("some workers did not drain in time and are ended", extra={"workers": len(late)})
            self._kill()
            await asyncio.wait(late)
        hurry.cancel()

    def _kill(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.kill()

    async def _keep(self, worker: int, process: Process | None) -> None:
        """Keep one worker alive."""
        loop = asyncio.get_running_loop()
        back_off = FIRST_BACK_OFF_SECONDS
        while True:
            began = loop.time()
            if process is None:
                process = await self._spawn(worker, first=False)
                await _report(process)
            code = await process.wait()
            if loop.time() - began > STEADY_SECONDS:
                back_off = FIRST_BACK_OFF_SECONDS
            log.error("a worker died and is started again", extra={"worker": worker, "code": code})
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF_SECONDS)
            process = None

    async def _spawn(self, worker: int, *, first: bool) -> Process:
        # A session of its own: Ctrl-C in a terminal reaches this process only, which lets them drain.
        process = await asyncio.create_subprocess_exec(
            *_python("smartagent.server.worker"), stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        self._processes[worker] = process
        order = {"settings": self._settings, "worker": worker, "first": first}
        if process.stdin is not None:
            # It stays open: when it ends, the worker knows that this process is gone.
            process.stdin.write(msgspec.json.encode(order) + b"\n")
        return process


async def _report(process: Process) -> Started | None:
    line = await process.stdout.readline() if process.stdout is not None else b""
    try:
        return msgspec.json.decode(line, type=Started)
    except msgspec.MsgspecError:
        return None


@contextlib.asynccontextmanager
async def _writer(settings: Settings) -> AsyncIterator[asyncio.Task[None] | None]:
    """Run the SQLite writer while the body runs; on PostgreSQL there is none."""
    if settings.is_postgres:
        yield None
        return
    from smartagent.server.writing import write  # noqa: PLC0415 -- a node on PostgreSQL has no use for it

    ready = asyncio.Event()
    task = asyncio.create_task(write(settings, ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _until_stopped(stop: _Stop, writer: asyncio.Task[None] | None) -> None:
    asked = asyncio.ensure_future(stop.asked.wait())
    ends: set[asyncio.Future[None] | asyncio.Future[Literal[True]]] = {asked}
    if writer is not None:
        ends.add(writer)
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if writer is not None and writer.done():
        log.critical("the store's writer has ended; the authority stops")


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module)
