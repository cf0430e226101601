# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end of a local connection: Linux says which user it is.

Processes of one user can read each other's environment and memory anyway, so the user is where the line is.
"""

import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_UCRED: Final = struct.Struct("3i")
# Programs whose sockets speak both versions of IP stand in the second, with mapped addresses.
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _USER = 1, 2, 7
"""Columns of the kernel's table of TCP sockets (proc_pid_net(5))."""


def is_own(link: socket.socket) -> bool:
    """Tell whether the other end of a Unix or loopback connection is a process of this user."""
    if link.family == socket.AF_UNIX:
        raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        user: int | None = _UCRED.unpack(raw)[1]
    else:
        user = user_of(_rows(), link.getpeername()[1], link.getsockname()[1])
    return user == os.getuid()


def user_of(rows: Iterable[str], client_port: int, server_port: int) -> int | None:
    """Return whose socket the client's end of a loopback connection is; None when nobody's is found.

    Args:
        rows: Lines of the kernel's tables.
        client_port: The port that the connection comes from.
        server_port: The port that it goes to.
    """
    for row in rows:
        columns = row.split()
        if len(columns) <= _USER or ":" not in columns[_LOCAL]:
            continue
        if (_port(columns[_LOCAL]), _port(columns[_REMOTE])) == (client_port, server_port):
            return int(columns[_USER])
    return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def _rows() -> Iterable[str]:
    for table in _TABLES:
        if table.exists():
            yield from table.read_text(encoding="ascii").splitlines()
