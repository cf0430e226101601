# SPDX-License-Identifier: Apache-2.0
"""Handing events to a receiver that asks for them, and taking its acknowledgements.

An event is handed out again until it is acknowledged; what is acknowledged goes in the same commit as the
record of the request, before the answer leaves.

Spec: RFC 8936 section 2.
"""

import asyncio
from typing import Final

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Detail
from smartagent.signals.caep import TYPE
from smartagent.signals.errors import MalformedStream
from smartagent.signals.manage import check_scope
from smartagent.signals.model import DeliveryMethod, StreamStatus, Waiting
from smartagent.signals.ports import Means
from smartagent.signals.shapes import PollRequest, PollView
from smartagent.signals.store import drop_waiting, outbox_changed, read_waiting
from smartagent.signals.streams import Streams

MOST_AT_ONCE: Final = 25
MOST_ACKNOWLEDGED: Final = 500
WAIT_SECONDS: Final = 20.0
_MOST_WAITING: Final = 256
_MAX_ERR_CHARS: Final = 64


class Poll:
    """Hands out what waits."""

    def __init__(self, means: Means, streams: Streams) -> None:
        self._means = means
        self._streams = streams

    async def poll(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give the events that wait; when there are none, wait a while for one.

        Raises:
            StreamNotFound: There is no such stream.
            MalformedStream: Its events are pushed, or the request acknowledges too much at once.
            KeysNotReady: There is nothing to sign with.
        """
        check_scope(caller)
        stream = self._streams.own(caller, inbound.params["stream"])
        if stream.method is not DeliveryMethod.POLL:
            raise MalformedStream("the events of this stream are pushed")
        request = parse_json(inbound.body, PollRequest)
        done = {*request.ack, *request.set_errs}
        if len(done) > MOST_ACKNOWLEDGED:
            raise MalformedStream(f"at most {MOST_ACKNOWLEDGED} acknowledgements at once")
        most = MOST_AT_ONCE if request.max_events is None else max(0, min(request.max_events, MOST_AT_ONCE))
        events = await self._waiting(stream.id, done, most)
        may_wait = most and not request.return_immediately and self._streams.waiting < _MOST_WAITING
        if not events and may_wait:
            await self._streams.arrival(stream.id, seconds=WAIT_SECONDS)
            events = await self._waiting(stream.id, done, most)
        sets = {event.jti: await self._signed(event) for event in events[:most]}
        return Outcome(
            Reply(200, PollView(sets, len(events) > most), headers=(("cache-control", "no-store"),)),
            subject=stream.id,
            detail=_detail(request, len(sets)),
            writes=tuple(drop_waiting(jti, stream.id) for jti in sorted(done)),
            changes=(outbox_changed(stream.id),) if done else (),
        )

    async def _waiting(self, stream_id: str, done: set[str], most: int) -> list[Waiting]:
        """Return up to one more event than will be given, in their order."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.status is StreamStatus.PAUSED:
            return []
        found = await read_waiting(self._means.database, stream_id, most=len(done) + most + 1)
        return [event for event in found if event.jti not in done][: most + 1]

    async def _signed(self, event: Waiting) -> str:
        # An RSA signature takes most of a millisecond: others get their turn between two.
        await asyncio.sleep(0)
        return self._means.sign(self._means.bounds.set_algorithm, TYPE, event.payload)


def _detail(request: PollRequest, given: int) -> dict[str, Detail]:
    detail: dict[str, Detail] = {"given": given, "acknowledged": len(request.ack)}
    if request.set_errs:
        jti, problem = next(iter(request.set_errs.items()))
        detail["refused"] = len(request.set_errs)
        detail["first_refused"] = jti[:_MAX_ERR_CHARS]
        detail["err"] = problem.err[:_MAX_ERR_CHARS]
    return detail
