# SPDX-License-Identifier: Apache-2.0
"""What lies beside a SQLite store: the lock of whoever writes it, and the socket it listens on."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smartagent.storage.errors import WriterRuns

_LONGEST: Final = 100
"""Bytes of a Unix socket's address that every system allows."""


@contextlib.contextmanager
def alone(store: Path) -> Iterator[None]:
    """Be the only one to write `store`; the system ends that however this process ends.

    Raises:
        WriterRuns: Another process is.
    """
    descriptor = os.open(
        store.with_name(f"{store.name}.lock"), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise WriterRuns from None
    finally:
        os.close(descriptor)


def socket_of(store: Path) -> Path:
    """Return the path of the socket that belongs to `store`."""
    return store.with_name(f"{store.name}.sock")


@contextlib.contextmanager
def reachable(socket: Path) -> Iterator[str]:
    """Give an address for `socket` that is short enough, for as long as it takes to bind or connect."""
    if len(os.fsencode(socket)) <= _LONGEST:
        yield str(socket)
        return
    # Linux lets a process go through a directory it holds open, by a name of a few bytes.
    directory = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{socket.name}"
    finally:
        os.close(directory)
