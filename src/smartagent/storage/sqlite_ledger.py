# SPDX-License-Identifier: Apache-2.0
"""The ledger of a worker on SQLite: works go to the writer, in frames.

All works of one turn of the loop travel in one frame.  When the connection is lost, what
waits for an answer fails at once; what nobody waits for and was not sent yet goes to the next
writer.
"""

import asyncio
import logging
from typing import Final

from smartagent.kernel import Committed, Work, Write
from smartagent.storage import wire
from smartagent.storage.errors import StoreUnavailable
from smartagent.storage.sqlite_link import Link, Sent
from smartagent.storage.statement import sqlite_compiler

_MOST_WAITING: Final = 50_000
_MOST_KEPT: Final = 4_096
_LINGER_SECONDS: Final = 0.002

_Shipped = tuple[object, ...]
"""What the writer reads as a `wire.WireWork` or `wire.WireWrite`."""

_log = logging.getLogger(__name__)


class SqliteLedger:
    """A `Ledger` that hands works to the writer.

    With `linger`, a frame waits for the answer to the one before it, up to 2 ms: fewer and
    larger frames, which suits many small requests, and can delay those that come close together.
    """

    def __init__(self, *, linger: bool = False) -> None:
        self._linger = linger
        self._compiled = sqlite_compiler()
        self._link: Link | None = None
        self._works: list[_Shipped] = []
        self._sent: list[Sent] = []
        self._waiting = 0
        self._due: asyncio.Handle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def up(self) -> bool:
        """Whether there is a writer."""
        return self._link is not None

    async def commit(self, work: Work) -> Committed:
        """Make `work` durable.

        Raises:
            SmartAgentError: The `lost` of the first claim or write that did not hold.
            StoreUnavailable: There is no writer, or it could not write.
        """
        if self._link is None or self._waiting >= _MOST_WAITING:
            raise StoreUnavailable("no writer answers")
        shipped = self._pack(work)
        committed: asyncio.Future[Committed] = self._loop.create_future()
        self._add(shipped, (work, committed))
        return await committed

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon, without waiting."""
        if len(self._works) < _MOST_KEPT or self._link is not None:
            self._add(self._pack(work), (work, None))
        else:
            _log.error("a record is lost: no writer has answered for too long")

    def attach(self, link: Link) -> None:
        """Send to `link` from now on."""
        self._link = link
        if self._works:
            self._flush()

    def detach(self) -> None:
        """The link is lost: fail what waits."""
        link, self._link = self._link, None
        if link is None:
            return
        for sent in link.flight:
            self._fail(sent)
        link.flight.clear()
        self._fail([each for each in self._sent if each[1] is not None])
        kept = [place for place, (_, waiter) in enumerate(self._sent) if waiter is None]
        self._works = [self._works[place] for place in kept]
        self._sent = [self._sent[place] for place in kept]
        self._waiting = len(kept)

    def answered(self, answer: wire.Replied | wire.Failed) -> None:
        """Hand the answer to the oldest frame to those who wait for it."""
        if self._link is None or not self._link.flight:
            return
        sent = self._link.flight.popleft()
        self._waiting -= len(sent)
        if isinstance(answer, wire.Failed):
            self._fail(sent)
        else:
            _settle(sent, answer)
        if self._linger and self._works and not self._link.flight:
            self._flush()

    def _pack(self, work: Work) -> _Shipped:
        entries, count = wire.entries(work), len(work.records)
        claims = wire.claims(work) if work.claims else b""
        if not work.writes and not work.changes:
            return (entries, count, claims)
        writes = tuple([self._pack_write(write) for write in work.writes])
        return (
            entries,
            count,
            claims,
            writes,
            tuple([(change.topic, change.key) for change in work.changes]),
        )

    def _pack_write(self, write: Write) -> _Shipped:
        compiled = self._compiled(write.statement)
        return (compiled.sql, compiled.values(write.parameters), -1 if write.rows is None else write.rows)

    def _add(self, shipped: _Shipped, sent: Sent) -> None:
        self._works.append(shipped)
        self._sent.append(sent)
        self._waiting += 1
        if self._due is None and self._link is not None:
            if self._linger and self._link.flight:
                self._due = self._loop.call_later(_LINGER_SECONDS, self._flush)
            else:
                self._due = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._link is None or not self._works:
            return
        try:
            framed = wire.frame(self._works)
        except (ValueError, OverflowError):
            self._drop_unsendable()
            framed = wire.frame(self._works)
        self._link.send(framed, self._sent)
        self._works, self._sent = [], []

    def _drop_unsendable(self) -> None:
        """Fail the works with a value that cannot travel (a lone surrogate, too large a number), and only those."""
        for place in range(len(self._works) - 1, -1, -1):
            try:
                wire.encode(self._works[place])
            except (ValueError, OverflowError) as error:
                del self._works[place]
                _, waiter = self._sent.pop(place)
                self._waiting -= 1
                if waiter is not None and not waiter.done():
                    waiter.set_exception(error)

    def _fail(self, sent: list[Sent]) -> None:
        for _, waiter in sent:
            if waiter is None:
                _log.error("a record that nobody waited for may be lost")
            elif not waiter.done():
                waiter.set_exception(StoreUnavailable("the writer could not write"))


def _settle(sent: list[Sent], answer: wire.Replied) -> None:
    """Give each work what came of it."""
    refused = {refusal.position: refusal for refusal in answer.refusals} if answer.refusals else None
    index, version = answer.first, answer.version
    for position, (work, waiter) in enumerate(sent):
        refusal = refused.get(position) if refused else None
        if refusal is not None:
            _refuse(work, waiter, refusal)
            continue
        if waiter is not None and not waiter.done():
            waiter.set_result(Committed(index, version))
        index += len(work.records)


def _refuse(work: Work, waiter: "asyncio.Future[Committed] | None", refusal: wire.Refusal) -> None:
    if refusal.broken:
        error: Exception = RuntimeError(f"the database does not understand a write: {refusal.broken}")
    elif refusal.claim >= 0:
        error = work.claims[refusal.claim].lost
    else:
        error = work.writes[refusal.write].lost
    if waiter is None:
        _log.error("a work that nobody waited for was refused: %s", error)
    elif not waiter.done():
        waiter.set_exception(error)
