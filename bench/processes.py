# SPDX-License-Identifier: Apache-2.0
"""Starting what is measured, on which core, and reading what it used.

CPU time is that of a whole process tree, so a writer or a second worker is never forgotten.  It
is what shared machines disturb least, and what a ratio of two servers is made of.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SERVER_CORE = 1
LOAD_CORE = 0


_TICK = os.sysconf("SC_CLK_TCK")
_CPU = slice(11, 15)
"""In /proc/PID/stat after the name: user and system time, then those of children that ended."""


class Running(NamedTuple):
    """A process that was started, and which may have started others."""

    pid: int
    process: "subprocess.Popen[bytes]"


class Missing(Exception):
    """A program that the measurement needs is not here."""


def program(name: str, *places: str) -> str:
    """Return where `name` is.

    Raises:
        Missing: It is not installed.
    """
    found = shutil.which(name) or next((place for place in places if Path(place).exists()), None)
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    """Return `command` so that it and its children stay on `core`."""
    if core is None or (os.cpu_count() or 1) <= core:
        return list(command)
    return [program("taskset"), "-c", str(core), *command]


@contextlib.contextmanager
def running(
    command: Sequence[str], *, core: int | None = None, environ: Mapping[str, str] | None = None, log: Path
) -> Iterator[Running]:
    """Run `command` until the block ends; then stop it and whatever it started."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned(command, core),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    try:
        yield Running(process.pid, process)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process's group to end, and insist after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def await_port(port: int, process: Running, log: Path, seconds: float = 60) -> None:
    """Return when somebody listens on `port`.

    Raises:
        RuntimeError: The process ended first, or nobody did in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        if process.process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {port}: {tail(log)}")


def tail(log: Path, size: int = 2000) -> str:
    """Return the end of a log."""
    return log.read_text(errors="replace")[-size:] if log.exists() else ""


def family(process: Running) -> list[int]:
    """Return the process and all that came of it and still runs."""
    parents = {int(path.name): _stat(path) for path in Path("/proc").glob("[0-9]*")}
    found = [process.pid]
    for member in found:
        found += [pid for pid, stat in parents.items() if stat and int(stat[1]) == member]
    return found


def cpu_seconds(process: Running) -> float:
    """Return the CPU time that the whole tree has used so far, children that ended included."""
    stats = (_stat(Path(f"/proc/{pid}")) for pid in family(process))
    return sum(sum(map(int, stat[_CPU])) for stat in stats if stat) / _TICK


def memory(process: Running) -> dict[str, int]:
    """Return the tree's resident and proportional memory in bytes, and how many processes it has."""
    members = family(process)
    resident = proportional = 0
    for pid in members:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in rollup[1:]}
            resident += sizes["Rss:"]
            proportional += sizes["Pss:"]
    return {"rss_bytes": resident, "pss_bytes": proportional, "processes": len(members)}


def _stat(process: Path) -> list[str]:
    """Return /proc/PID/stat after the name: state, parent, ... ; nothing when the process is gone."""
    with contextlib.suppress(OSError):
        return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return []


def free_port() -> int:
    """Return a port that nobody listens on, beneath those the kernel gives to outgoing connections."""
    while True:
        port = 20_000 + int.from_bytes(os.urandom(2)) % 10_000
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def loaded(command: Sequence[str], process: Running | None, core: int | None = LOAD_CORE) -> dict[str, float]:
    """Run a load generator; return the rate, the times, and the CPU that `process` used for each request.

    Raises:
        RuntimeError: Some requests were not answered as they should be.
    """
    before = cpu_seconds(process) if process else 0.0
    seen = json.loads(subprocess.run(pinned(command, core), stdout=subprocess.PIPE, check=True).stdout)
    used = cpu_seconds(process) - before if process else 0.0
    if seen["errors"] or seen.get("exhausted"):
        raise RuntimeError(f"the load was not what it should be: {seen}")
    sample = {"per_second": seen["per_second"], "p50_ms": seen["p50_ms"], "p99_ms": seen["p99_ms"]}
    return {"cpu_us": used / seen["all"] * 1e6, **sample} if process else sample
