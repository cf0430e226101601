# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP/1.1 protocol, with the bounds it lacks: size and number of headers, and time to send them.

llhttp refuses bare line feeds, folded headers and a length beside a transfer coding by itself.
"""

import asyncio
from typing import Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

MAX_HEAD_BYTES: Final = 32_768
MAX_HEADERS: Final = 100
MAX_TARGET_BYTES: Final = 8_192
REQUEST_SECONDS: Final = 30.0
SWEEP_SECONDS: Final = 5.0


class HeadTooLarge(Exception):
    """Stops the parser; uvicorn answers 400 and closes."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts what a caller sends before anyone is asked to believe it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._waiting_since: float | None = self.loop.time()

    def on_message_begin(self) -> None:
        """Start to count."""
        self._head_bytes = 0
        self._waiting_since = self.loop.time()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Bound the request target."""
        self._head_bytes += len(url)
        if self._head_bytes > MAX_TARGET_BYTES:
            raise HeadTooLarge
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound the headers."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) >= MAX_HEADERS:
            raise HeadTooLarge
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """Whatever takes time now is ours."""
        self._waiting_since = None
        super().on_message_complete()

    def close_if_slow(self, now: float) -> None:
        """Close when the caller has not finished its request in time: `REQUEST_SECONDS`."""
        if self._waiting_since is not None and now - self._waiting_since > REQUEST_SECONDS:
            self.transport.close()


async def sweep(state: ServerState) -> None:
    """Close the connections of callers that send too slowly, for as long as the task lives."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in tuple(state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.close_if_slow(now)
