# SPDX-License-Identifier: Apache-2.0
"""From a name to its addresses."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

Resolver = Callable[[str, int], Awaitable[tuple[str, ...]]]


async def system_resolver(host: str, port: int) -> tuple[str, ...]:
    """Ask the machine's resolver for all addresses of `host`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
