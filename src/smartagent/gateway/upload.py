# SPDX-License-Identifier: Apache-2.0
"""What an agent sends after its head, on its way: held until there is somewhere to go, looked at, framed anew."""

import asyncio
from collections.abc import Sequence

from smartagent.edge import BodyTooLarge, MalformedRequest
from smartagent.gateway.body import LAST_CHUNK, chunk
from smartagent.gateway.head import CHUNKED, RequestHead
from smartagent.gateway.leaks import Watch


class Upload:
    """The body of one request, or what is said in a WebSocket."""

    __slots__ = ("_held", "_held_bytes", "_is_chunked", "_limit", "_watches", "_whole", "done")

    def __init__(self, head: RequestHead, buffer_bytes: int) -> None:
        self.done = head.body == 0
        """All of it has come."""
        self._watches: Sequence[Watch] = ()
        self._is_chunked = head.body == CHUNKED
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._limit = buffer_bytes
        self._whole: asyncio.Future[bytes] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether some of it has come, or somebody waits for all of it."""
        return bool(self._held) or self._whole is not None

    def look(self, watches: Sequence[Watch]) -> None:
        """Have `watches` look at it before it goes on."""
        self._watches = watches

    def replace(self, body: bytes) -> None:
        """Let `body` go on instead of the whole body that was read."""
        self._is_chunked = False
        self._held, self._held_bytes = [body], len(body)

    def hold(self, payload: bytes) -> bool:
        """Keep bytes until they can go on; tell whether the agent should wait with more."""
        self._held.append(payload)
        self._held_bytes += len(payload)
        if self._whole is not None:
            self._gather(self._whole)
            return False
        return self._held_bytes > self._limit

    def whole(self) -> "asyncio.Future[bytes]":
        """Return what will be all of it; it stays held.

        Raises (when it is awaited):
            BodyTooLarge: It is more than is held in memory.
            MalformedRequest: The agent left before its end.
        """
        self._whole = asyncio.get_running_loop().create_future()
        self._gather(self._whole)
        return self._whole

    def taken(self) -> bytes:
        """Return what is held, and hold it no longer."""
        held, self._held = self._held, []
        return b"".join(held)

    def passed(self, payload: bytes) -> bytes:
        """Return the next bytes as they go on.

        Raises:
            SecretLeaking: They hold a secret, or complete one.
            MalformedRequest: They are no WebSocket's frames, and should be.
        """
        if payload:
            for watch in self._watches:
                watch.feed(payload)
        if not self._is_chunked:
            return payload
        return (chunk(payload) if payload else b"") + (LAST_CHUNK if self.done else b"")

    def end(self) -> None:
        """Nothing of it goes on any more."""
        self._held.clear()
        if self._whole is not None and not self._whole.done():
            self._whole.set_exception(MalformedRequest("the request's body did not come to its end"))

    def _gather(self, whole: "asyncio.Future[bytes]") -> None:
        if whole.done():
            return
        if self._held_bytes > self._limit:
            whole.set_exception(
                BodyTooLarge(f"limit for a body that must be known beforehand is {self._limit} bytes")
            )
        elif self.done:
            whole.set_result(b"".join(self._held))
