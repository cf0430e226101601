# SPDX-License-Identifier: Apache-2.0
"""Putting what happened into the outbox, and pushing it to receivers, by whoever holds the lease.

    change --enqueue (with the cursor, one commit)--> waiting --POST--> 202: delivered, gone
                                                        ^  |
                                                        |  +-- 400 the third time, or a day old: dropped
                                                        +----- else: put off, twice as long each time

The cursor moves in the commit that adds the events, so each change becomes events once, whoever does it
and wherever it is stopped.  Delivery is at least once, in order within a stream: what is at its head is
tried until it is gone.  The record says what became of each event.

Spec: RFC 8935 section 2; SSF 1.0 sections 6.1.1, 8.1.2 and 8.1.5.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import structs

from smartagent.kernel import Change, Decision, Detail, IdPrefix, Record, SmartAgentError, Work, Write
from smartagent.signals.caep import (
    MEDIA_TYPE,
    PER_CHANGE,
    STREAM_UPDATED,
    TYPE,
    Envelope,
    Signal,
    id_of,
    of_stream,
    set_payload,
    signals_of,
)
from smartagent.signals.errors import CursorMoved, StreamChanged
from smartagent.signals.model import DeliveryMethod, Happened, Stream, StreamStatus, Waiting, What, sealed_as
from smartagent.signals.ports import Means
from smartagent.signals.shapes import delivered_of
from smartagent.signals.store import (
    add_waiting,
    drop_waiting,
    drop_waiting_of,
    move_cursor,
    outbox_changed,
    put_off,
    read_changes,
    read_counts,
    read_cursor,
    read_ends,
    read_waiting,
    set_stream,
    stream_changed,
)
from smartagent.signals.streams import Streams
from smartagent.signals.watch import Watch

KEPT_SECONDS: Final = 86_400
"""After a day an event is dropped: what it was about expired hours before."""
MOST_REFUSALS: Final = 3
MOST_HELD: Final = 10_000
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 900.0
_CHANGES: Final = 100
_IDLE_CHANGES: Final = 5_000
_MAX_ANSWER_BYTES: Final = 16_384
_MAX_SHOWN_CHARS: Final = 120
_LOOK_SECONDS: Final = 1.0
_ACCEPTED: Final = 202
_REFUSED: Final = 400

_log = logging.getLogger(__name__)


class _Refusal(msgspec.Struct, frozen=True):
    """What a receiver says that could not take an event (RFC 8935 section 2.4)."""

    err: str
    description: str = ""


class Transmitter:
    """Tells receivers."""

    def __init__(self, means: Means, watch: Watch, streams: Streams) -> None:
        self._means = means
        self._watch = watch
        self._streams = streams
        self._holding = False
        self._wake = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}
        watch.on_happened(lambda _: self._wake.set())
        streams.on_change(self._wake.set)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.step()
                except Exception:  # noqa: BLE001 -- a bug, or the store is down: events are sent all the same, later
                    _log.exception("events cannot be sent; it is tried again")
                    self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._wake.wait()
        finally:
            await self.stop()

    async def step(self) -> None:
        """Take the lease, put what happened into the outbox, and see that everything due is on its way.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        self._holding = bool(self._streams.all()) and await self._means.lease.acquire()
        if not self._holding:
            return
        await self._enqueue()
        for stream in self._streams.all():
            running = self._sending.get(stream.id)
            if stream.method is DeliveryMethod.PUSH and (running is None or running.done()):
                self._sending[stream.id] = asyncio.create_task(self._send_all(stream.id))

    async def settle(self) -> None:
        """Return when nothing is on its way any more."""
        while running := [task for task in self._sending.values() if not task.done()]:
            await asyncio.wait(running)

    async def stop(self) -> None:
        """Send no more; what was on its way is tried again by whoever goes on."""
        self._holding = False
        for task in self._sending.values():
            task.cancel()
        await self.settle()

    # --- into the outbox ------------------------------------------------------------------------

    async def _enqueue(self) -> None:
        more = True
        while more:
            cursor = await read_cursor(self._means.database)
            begin = self._first_since() if cursor is None else cursor
            oldest, _ = await read_ends(self._means.database)
            if oldest > begin + 1:
                # The changes since then are forgotten: what matters now is told instead.
                moved, happened = self._watch.position, self._all_that_matters()
                more = False
            else:
                rows = await read_changes(self._means.database, after=begin, most=_CHANGES)
                rows = [row for row in rows if row.version <= self._watch.position]
                more = len(rows) == _CHANGES
                moved, happened = rows[-1].version if rows else begin, self._watch.told(rows)
                if not rows and self._watch.position - begin >= _IDLE_CHANGES:
                    moved = self._watch.position
            if moved == cursor:
                return
            try:
                await self._put(cursor, moved, happened)
            except (CursorMoved, StreamChanged):
                return

    def _first_since(self) -> int:
        return min((stream.since for stream in self._streams.all()), default=self._watch.position)

    def _all_that_matters(self) -> list[Happened]:
        version = self._watch.position
        return [
            Happened(version, What.REVOKED, each.kind.value, each.id, each.revoked_at_ms, each.until)
            for each in self._means.dead.known()
        ]

    async def _put(self, cursor: int | None, moved: int, happened: Sequence[Happened]) -> None:
        writes: list[Write] = [move_cursor(cursor, moved)]
        changes: list[Change] = []
        counts = await read_counts(self._means.database) if happened else {}
        for stream in self._streams.all():
            events = self._events_for(stream, happened)
            if not events:
                continue
            changes.append(outbox_changed(stream.id))
            if counts.get(stream.id, 0) + len(events) <= MOST_HELD:
                writes += [add_waiting(event) for event in events]
            else:
                writes += self._given_up(stream)
                changes.append(stream_changed(stream.id))
        await self._means.ledger.commit(Work((), writes=tuple(writes), changes=tuple(changes)))

    def _events_for(self, stream: Stream, happened: Sequence[Happened]) -> list[Waiting]:
        if stream.status is StreamStatus.DISABLED or not self._streams.holds(stream):
            return []
        delivered, excluded = delivered_of(stream), stream.excluded.split()
        return [
            self._waiting(stream, signal, each.version * PER_CHANGE + place, f"chg-{each.version}")
            for each in happened
            if each.version > stream.since
            for place, signal in enumerate(signals_of(each, self._means.issuer))
            if signal.event in delivered and id_of(signal.subject) not in excluded
        ]

    def _waiting(self, stream: Stream, signal: Signal, seq: int, txn: str) -> Waiting:
        now = int(self._means.clock.now())
        jti = self._means.ids.new(IdPrefix.EVENT)
        payload = set_payload(signal, Envelope(self._means.issuer, stream.owner, jti, txn, now))
        return Waiting(jti, stream.id, seq, signal.event, payload, now, 0, 0)

    def _given_up(self, stream: Stream) -> list[Write]:
        """Disable a stream that nobody takes events of, and have its receiver told."""
        reason = "too many events wait"
        _log.error("the stream %s is disabled: %s", stream.id, reason)
        said = of_stream(STREAM_UPDATED, stream.id, {"status": "disabled", "reason": reason})
        disabled = structs.replace(
            stream, status=StreamStatus.DISABLED, reason=reason, revision=stream.revision + 1
        )
        notice = self._waiting(stream, said, self._watch.position * PER_CHANGE, f"stm-{disabled.revision}")
        return [set_stream(disabled), drop_waiting_of(stream.id), add_waiting(notice)]

    # --- out of it ------------------------------------------------------------------------------

    async def _send_all(self, stream_id: str) -> None:
        """Push what is due, in its order, until something is not."""
        try:
            while self._holding and await self._send_next(stream_id):
                pass
        except Exception:  # noqa: BLE001 -- as above, and no other stream may suffer
            _log.exception("events of %s cannot be sent; it is tried again", stream_id)

    async def _send_next(self, stream_id: str) -> bool:
        stream = self._streams.get(stream_id)
        if stream is None or stream.method is not DeliveryMethod.PUSH or not self._streams.holds(stream):
            return False
        if stream.status is StreamStatus.PAUSED:
            return False
        found = await read_waiting(self._means.database, stream_id, most=1)
        now = self._means.clock.now()
        if not found or found[0].not_before > now:
            return False
        event = found[0]
        if now - event.made_at >= KEPT_SECONDS:
            await self._finish(stream, event, "ssf.dropped", {"why": "too old"})
            return True
        return await self._push(stream, event)

    async def _push(self, stream: Stream, event: Waiting) -> bool:
        token = self._means.sign(self._means.bounds.set_algorithm, TYPE, event.payload)
        try:
            answer = await self._means.post.post(
                stream.endpoint, token.encode("ascii"), self._headers(stream), max_bytes=_MAX_ANSWER_BYTES
            )
        except SmartAgentError as error:
            return await self._put_off(event, f"{error.code}: {error}")
        if answer.status == _ACCEPTED:
            await self._finish(stream, event, "ssf.delivered", {})
            return True
        if answer.status != _REFUSED or event.attempts + 1 < MOST_REFUSALS:
            return await self._put_off(event, f"status {answer.status}")
        await self._finish(stream, event, "ssf.dropped", {"why": "refused", "err": _err_of(answer.body)})
        return True

    def _headers(self, stream: Stream) -> dict[str, str]:
        headers = {"content-type": MEDIA_TYPE, "accept": "application/json"}
        if stream.sealed_header:
            opened = self._means.sealing.open(stream.sealed_header, sealed_as(stream.id))
            headers["authorization"] = opened.reveal().decode("ascii")
        return headers

    async def _put_off(self, event: Waiting, why: str) -> bool:
        """Try again later: twice as long each time, and never when others do."""
        pause = min(FIRST_PAUSE_SECONDS * 2**event.attempts, LONGEST_PAUSE_SECONDS)
        chance = int.from_bytes(self._means.entropy(2)) / 0xFFFF
        not_before = int(self._means.clock.now() + pause * (1 + chance) / 2) + 1
        _log.info("the event %s is tried again: %s", event.jti, why[:_MAX_SHOWN_CHARS])
        later = structs.replace(event, attempts=min(event.attempts + 1, 60), not_before=not_before)
        await self._means.ledger.commit(Work((), writes=(put_off(later),)))
        return False

    async def _finish(self, stream: Stream, event: Waiting, outcome: str, detail: dict[str, Detail]) -> None:
        record = Record(
            event=outcome,
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            subject=stream.id,
            target=stream.endpoint.partition("?")[0],
            decision=Decision.PERMIT,
            rule="signals",
            detail={"jti": event.jti, "type": event.event.rpartition("/")[2], **detail},
        )
        await self._means.ledger.commit(Work((record,), writes=(drop_waiting(event.jti, stream.id),)))


def _err_of(body: bytes) -> str:
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "unreadable"
    # A receiver's own words stand in the log for good: short, and without what would break a line.
    return "".join(c for c in f"{refusal.err}: {refusal.description}" if c.isprintable())[:_MAX_SHOWN_CHARS]
