# SPDX-License-Identifier: Apache-2.0
"""The streams as this node holds them, and who waits for their events."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from smartagent.kernel import Caller, CallerKind
from smartagent.signals.errors import StreamNotFound
from smartagent.signals.model import Stream
from smartagent.signals.ports import Means
from smartagent.signals.store import read_streams


class Streams:
    """Knows every stream, without asking the store."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._streams: dict[str, Stream] = {}
        self._arrived: dict[str, set[asyncio.Event]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._closing = False

    def all(self) -> list[Stream]:
        """Return all streams."""
        return list(self._streams.values())

    def get(self, stream_id: str) -> Stream | None:
        """Return a stream."""
        return self._streams.get(stream_id)

    def of(self, caller: Caller) -> list[Stream]:
        """Return the caller's streams; to an operator, all."""
        return [each for each in self._streams.values() if _is_own(each, caller)]

    def own(self, caller: Caller, stream_id: str) -> Stream:
        """Return the caller's stream of that id; operators may have anybody's.

        Raises:
            StreamNotFound: There is none; somebody else's is none.
        """
        stream = self._streams.get(stream_id)
        if stream is None or not _is_own(stream, caller):
            raise StreamNotFound("check stream_id")
        return stream

    def holds(self, stream: Stream) -> bool:
        """Say whether the stream's receiver may still get events."""
        return self._means.holds(stream.owner)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when a stream changed, or something waits for one."""
        self._listeners.append(listener)

    async def reload(self, stream_ids: Sequence[str]) -> None:
        """Read these streams again; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if not stream_ids:
            self._streams = {each.id: each for each in await read_streams(self._means.database)}
        for stream_id in dict.fromkeys(stream_ids):
            found = await read_streams(self._means.database, stream_id)
            self._streams.pop(stream_id, None)
            if found:
                self._streams[stream_id] = found[0]
        self._tell(stream_ids)

    async def reload_outbox(self, stream_ids: Sequence[str]) -> None:
        """Something waits for these streams."""
        self._tell(stream_ids)

    async def arrival(self, stream_id: str, *, seconds: float) -> None:
        """Return when something happens to the stream, or the time is over, or the node is on its way out."""
        if self._closing:
            return
        arrived = asyncio.Event()
        waiting = self._arrived.setdefault(stream_id, set())
        waiting.add(arrived)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await arrived.wait()
        finally:
            waiting.discard(arrived)
            if not waiting:
                self._arrived.pop(stream_id, None)

    @property
    def waiting(self) -> int:
        """How many wait for an arrival at this node."""
        return sum(len(each) for each in self._arrived.values())

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closing = True
        self._tell(())

    def _tell(self, stream_ids: Sequence[str]) -> None:
        for stream_id in stream_ids or tuple(self._arrived):
            for arrived in self._arrived.get(stream_id, ()):
                arrived.set()
        for listener in self._listeners:
            listener()


def _is_own(stream: Stream, caller: Caller) -> bool:
    return caller.kind is CallerKind.OPERATOR or stream.owner == caller.principal
