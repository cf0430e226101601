# SPDX-License-Identifier: Apache-2.0
"""The directory and the ports an authority lives by: made on first start, checked on every start.

Rule: what holds a key is readable by its owner only, or nothing starts.
"""

import fcntl
import socket
import stat
from pathlib import Path
from typing import IO, Final

from smartagent.server.errors import AlreadyRunning, PortTaken, SetUpBroken
from smartagent.server.settings import Settings

_PRIVATE_DIRECTORY: Final = 0o700
_OTHERS: Final = 0o077


def open_premises(settings: Settings) -> IO[str]:
    """Make the data directory when there is none, and take it for this process alone.

    Returns:
        The lock: the directory is ours while it is open.

    Raises:
        SetUpBroken: The directory cannot be made, or others can read it.
        AlreadyRunning: Another authority holds it.
    """
    for path in (settings.data_path, settings.run_path):
        try:
            path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        except OSError as error:
            raise SetUpBroken(f"cannot make {path}: {error.strerror}") from error
        check_private(path, "chmod 700")
    lock = (settings.run_path / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise AlreadyRunning(f"{settings.data_dir} is in use; stop the other one first") from error
    for counts in settings.run_path.glob("metrics-*"):
        counts.unlink()
    return lock


def check_private(path: Path, remedy: str) -> None:
    """Refuse a path that others than its owner can enter or read.

    Raises:
        SetUpBroken: They can; the text says how to change it.
    """
    if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
        raise SetUpBroken(f"others can read {path}; run: {remedy} {path}")


def check_port_free(address: str, port: int) -> None:
    """Refuse a port on which anybody listens, another authority included.

    The workers share their ports (`SO_REUSEPORT`), so a second authority would not fail to
    bind: it would silently take every other connection.

    Raises:
        PortTaken: Somebody does.
        SetUpBroken: The address is not ours to listen on.
    """
    try:
        with socket.socket(_family(address)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen(1)
    except PermissionError as error:
        raise SetUpBroken(f"may not listen on port {port}; choose one above 1023") from error
    except OSError as error:
        if error.errno in _NOT_OURS:
            raise SetUpBroken(f"{address} is not an address of this machine") from error
        raise PortTaken(address, port) from error


def listening_socket(address: str, port: int, backlog: int = 2048) -> socket.socket:
    """Return a socket that shares `port` with the other workers' sockets."""
    shared = socket.socket(_family(address))
    try:
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        shared.bind((address, port))
        shared.listen(backlog)
    except OSError:
        shared.close()
        raise
    shared.setblocking(False)
    return shared


_NOT_OURS: Final = frozenset({99, -2, -3, -5})  # EADDRNOTAVAIL, and what getaddrinfo says of an unknown name


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
