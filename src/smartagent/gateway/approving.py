# SPDX-License-Identifier: Apache-2.0
"""A call that somebody has to approve: it is held until they do, and nothing of it leaves before.

    the rules ask --> the whole body is read and looked at --> leave is obtained --> the rules are asked again
                                                                  ^                            |
                                                                  +-------- they ask for more -+

Nothing was minted or fetched for the call yet.  Whoever is revoked, leaves, or may not call any more while the call
is held ends it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from smartagent.approvals import ApprovalPending, Deed, Obtained, Wish, covers, demand_of
from smartagent.edge import Inbound, NotPermitted
from smartagent.gateway.errors import CallAbandoned, UpstreamChanged, UpstreamUnknown
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.inject import passing
from smartagent.gateway.ports import Asked, Doors, Upstream
from smartagent.gateway.preference import preference_in
from smartagent.kernel import Caller, Claim, Denied, IdPrefix, NeedsApproval, Record, Work, parse_id

NAMED: Final = "smartagent-approval"
_NEUTRAL: Final = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "user-agent",
        "prefer",
        "traceparent",
        "tracestate",
        "baggage",
        "x-request-id",
        "x-correlation-id",
        "content-type",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
    ]
)
"""Fields that differ from one attempt to the next and change nothing that is done, or are shown elsewhere."""

Look = Callable[[Exchange, str, bytes], object]
"""Looks at a body that would go to the upstream of a name, and refuses what may not go there."""
IsSecret = Callable[[str], bool]


class Approving:
    """Obtains leave for calls.

    Args:
        doors: The house.
        look: Looks at bodies before people do.
        is_secret: Says whether a text holds something that the vault keeps.
        most_seconds: How long a call is held at most.
    """

    def __init__(self, doors: Doors, look: Look, is_secret: IsSecret, most_seconds: float) -> None:
        self._doors = doors
        self._look = look
        self._is_secret = is_secret
        self._most_seconds = most_seconds

    async def obtain(self, exchange: Exchange, caller: Caller, inbound: Inbound, asked: Asked) -> None:
        """Hold a call until it may be made, and keep the leave with it.

        Raises:
            ApprovalPending: Nobody has decided within the wait.
            ApprovalsError: Somebody said no, or the leave is over or another call's.
            NotPermitted: The rules changed meanwhile, and do not allow it.
            CallAbandoned: It ended while it was held.
            SecretLeaking: Its body holds a secret.
            BodyTooLarge: Its body is longer than people are asked about.
        """
        entry = self._entry(asked.upstream)
        body = await exchange.whole_body() if exchange.head.body else b""
        self._look(exchange, entry.name, body)
        fields = exchange.head.fields
        preference = preference_in(fields.get("prefer", ""), self._most_seconds)
        named = fields.get(NAMED, "")
        wish = Wish(
            _deed(exchange, asked, entry, inbound.query, body),
            exchange.request_id,
            preference.wait_seconds,
            parse_id(named, IdPrefix.APPROVAL) if named else "",
        )
        try:
            await self._until_covered(exchange, caller, asked, wish)
        except ApprovalPending as pending:
            pending.preference = preference.applied
            raise
        if self._entry(asked.upstream).base_url != entry.base_url:
            raise UpstreamChanged("the upstream was changed while the call was held")

    async def _until_covered(self, exchange: Exchange, caller: Caller, asked: Asked, wish: Wish) -> None:
        while exchange.needs is not None:
            waiting = self._doors.approve(caller, exchange.needs, wish, self._is_secret)
            leave = await _held(exchange, waiting)
            # What was true when it was asked need not be true any more.
            verdict = self._doors.decide(caller, asked)
            if isinstance(verdict, NeedsApproval):
                exchange.needs = verdict
                if covers(leave.demand, demand_of(verdict)):
                    exchange.approved = leave
                    return
            elif isinstance(verdict, Denied):
                raise NotPermitted(verdict.missing)
            else:
                exchange.needs = None

    def _entry(self, name: str) -> Upstream:
        entry = self._doors.upstream(name)
        if entry is None:
            raise UpstreamUnknown("no upstream has this name")
        return entry


async def _held(exchange: Exchange, waiting: Coroutine[None, None, Obtained]) -> Obtained:
    """Wait as long as the call is there to be made."""
    task = asyncio.get_running_loop().create_task(waiting)
    exchange.held = task
    if exchange.has_left:
        # Nothing is done behind the back of somebody who may be asking for it again already.
        task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        if not exchange.has_left:
            raise
        raise CallAbandoned("it ended while it was held for approval") from None
    finally:
        exchange.held = None
        # What it raised knows this frame, and would keep itself and the body until the next big collection.
        del task


def _deed(exchange: Exchange, asked: Asked, entry: Upstream, query: str, body: bytes) -> Deed:
    head = exchange.head
    return Deed(
        kind="websocket" if head.websocket else "http",
        upstream=entry.name,
        place=entry.base_url.rstrip("/"),
        method=asked.method,
        path=asked.path,
        query=query,
        content_type=head.fields.get("content-type", ""),
        fields=tuple(pair for pair in passing(head) if pair[0] not in _NEUTRAL),
        body=body,
    )


def intent(exchange: Exchange, record: Record, claims: tuple[Claim, ...]) -> Work:
    """Return what makes a call's intent durable, and uses up what it was approved by."""
    leave = exchange.approved
    if leave is None:
        return Work((record,), claims, exchange.flow.writes)
    record.detail.update({"approval": leave.id, "approved_by": " ".join(leave.by)})
    return Work((record,), claims, (*exchange.flow.writes, *leave.writes), leave.changes)
