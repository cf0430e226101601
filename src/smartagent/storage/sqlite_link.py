# SPDX-License-Identifier: Apache-2.0
"""One connection from a worker to the writer."""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from smartagent.kernel import Committed, Work
from smartagent.storage import wire
from smartagent.storage.beside import reachable, socket_of

Sent = tuple[Work, "asyncio.Future[Committed] | None"]


class Link(asyncio.Protocol):
    """Frames out, answers in, and what is still to be answered."""

    def __init__(self, answered: Callable[[wire.Answer], None]) -> None:
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is lost."""
        self.flight: deque[list[Sent]] = deque()
        """The frames that were not answered yet."""
        self.heard_at = 0.0
        """When the oldest of them began to wait, or the writer last answered (the loop's time)."""
        self._answered = answered
        self._frames = wire.Frames()
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the way out."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are not subclasses

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the protocol's signature
        """Tell the store."""
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Pass on what the writer says."""
        self.heard_at = self._loop.time()
        try:
            for body in self._frames.feed(data):
                self._answered(wire.decode_answer(body))
        except (wire.FrameTooLong, msgspec.MsgspecError):
            self.abort()
            raise

    def send(self, framed: bytes, sent: list[Sent]) -> None:
        """Send a batch, and remember who waits for it."""
        if not self.flight:
            self.heard_at = self._loop.time()
        self.flight.append(sent)
        self.write(framed)

    def write(self, framed: bytes) -> None:
        """Send a frame."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(framed)

    def silent_seconds(self) -> float:
        """Return for how long the writer has owed an answer."""
        return self._loop.time() - self.heard_at if self.flight else 0.0

    def abort(self) -> None:
        """Give the connection up."""
        if self._transport is not None:
            self._transport.abort()


async def connect(store: Path, answered: Callable[[wire.Answer], None], offered: int) -> Link:
    """Connect to the writer of `store`, and say which changes are known here.

    Raises:
        OSError: No writer listens there.
    """
    with reachable(socket_of(store)) as address:
        _, link = await asyncio.get_running_loop().create_unix_connection(lambda: Link(answered), address)
    link.write(wire.frame(wire.Hello(offered)))
    return link
