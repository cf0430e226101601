# SPDX-License-Identifier: Apache-2.0
"""One call: bind -> check target -> obtain -> inject -> send -> scrub.

The call comes in by the same door as every other request (`edge.enter`: admit, authenticate,
authorise).  Its act is outside the house, so the intent is durable before the credential leaves, and the
outcome is recorded after.  Scrubbing happens while the answer streams: `reply.ReplyStream`.
"""

import logging
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from smartagent.edge import (
    Inbound,
    NotPermitted,
    enter,
)
from smartagent.gateway.admission import Admission
from smartagent.gateway.approving import Approving, intent
from smartagent.gateway.covering import check_body, cover, read_body
from smartagent.gateway.errors import PlaceholderRefused, SecretLeaking, UpstreamUnknown
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import PERMISSION, plain_place, token_of, translated
from smartagent.gateway.inject import inject
from smartagent.gateway.leaks import Leaked, Leaks, Watch
from smartagent.gateway.placeholders import (
    BodyWatch,
    Found,
    check_placed,
    found_in,
    found_in_body,
    honeytoken_in,
)
from smartagent.gateway.plan import Plan, Plans, audience_of, shown_in
from smartagent.gateway.ports import Doors, Upstream
from smartagent.gateway.recorded import detail_of
from smartagent.gateway.threshold import EVENT, ROUTE, Threshold
from smartagent.gateway.upstream import Pool
from smartagent.kernel import (
    Caller,
    CallerKind,
    Decision,
    Record,
    Secret,
    SmartAgentError,
    Work,
    Write,
)

HONEYTOKEN_EVENT: Final = "gateway.honeytoken"
OUTCOME_EVENT: Final = "gateway.done"
NOBODY: Final = Caller("", CallerKind.NOBODY)
_log = logging.getLogger(__name__)


class Dispatch:
    """Takes calls through the house and out of it."""

    def __init__(self, doors: Doors, pool: Pool, admission: Admission, hold_seconds: float) -> None:
        self._doors = doors
        self._pool = pool
        self._admission = admission
        self.leaks = Leaks(doors)
        self._plans = Plans(self._learn)
        self._approving = Approving(
            doors, self._searched, lambda text: bool(self.leaks.find(text.encode())), hold_seconds
        )

    async def forward(self, exchange: Exchange, now: float) -> None:
        """Take a call from its head to the first byte that goes upstream.

        Args:
            exchange: The call.
            now: The loop's time.

        Raises:
            SmartAgentError: It was refused, and that is in the log; or it failed on its way out.
        """
        if exchange.tunnel is not None or exchange.head.authority:
            await self._translate(exchange)
        inbound = _inbound(exchange)
        found = found_in(exchange.head)
        # 1 to 3. Admit, authenticate, authorise.
        try:
            entered = await enter(
                inbound, ROUTE, Threshold(self._doors, self.leaks, self._admission, exchange)
            )
        except SmartAgentError:
            self._guard(exchange, found)
            raise
        caller = entered.caller
        exchange.permitted(caller, entered.verdict.rules, now - self._doors.now())
        try:
            plan = await self._prepare(exchange, caller, inbound, found)
        except SmartAgentError as error:
            await self._refuse(exchange, caller, error, now)
            raise
        if await self._intend(exchange, caller):
            # 4. Act, outside.
            await self.send(exchange, plan)

    async def _prepare(
        self, exchange: Exchange, caller: Caller, inbound: Inbound, found: Sequence[Found]
    ) -> Plan:
        """Have everything that the call needs; nothing of it leaves yet."""
        self._refuse_honeytokens(exchange, found)
        self._admission.admit(exchange, caller, self._entry(inbound.params["upstream"]), exchange.started)
        if caller.restriction is not None:
            await check_body(caller.restriction, exchange)
        if exchange.needs is not None and exchange.asked is not None:
            # Before anything is fetched or minted for it.
            await self._approving.obtain(exchange, caller, inbound, exchange.asked)
        plan = await self.bind(inbound.params["upstream"], caller)
        if plan.signer is not None or plan.member:
            found = (*found, *await self._cover(exchange, plan))
        if found:
            check_placed(found, plan, self._doors.placeholder(plan.entry.name))
        if plan.entry.labels:
            exchange.flow = await self._doors.flow(caller, plan.entry.labels, exchange.request_id)
        if plan.entry.txn_token:
            exchange.txn_token = self._doors.transaction_token(caller, inbound)
        # A body that was put together here has been looked at, and holds the credential.
        exchange.bound(plan, () if plan.member else self._watches(exchange))
        return plan

    async def _cover(self, exchange: Exchange, plan: Plan) -> Sequence[Found]:
        body = await read_body(exchange, plan)
        found = self._searched(exchange, plan.entry.name, body)
        cover(exchange, plan, body)
        return found

    def _searched(self, exchange: Exchange, upstream: str, body: bytes) -> Sequence[Found]:
        """Return the placeholders in a body that would go to an upstream.

        Raises:
            SecretLeaking: It holds a secret.
            NotPermitted: It holds a honeytoken.
        """
        found = found_in_body(body)
        self._refuse_honeytokens(exchange, found)
        secret = self.leaks.find(body)
        if secret:
            leaking = SecretLeaking(secret, "body")
            self._alert(exchange, upstream, leaking)
            raise leaking
        return found

    def _watches(self, exchange: Exchange) -> Sequence[Watch]:
        def refuse(found: Sequence[Found]) -> None:
            self._refuse_honeytokens(exchange, found)
            raise PlaceholderRefused("a placeholder stands in the body; a credential does not go there")

        head = exchange.head
        if not head.body and not head.websocket:
            return ()
        leaks = self.leaks.watch(head)
        own: tuple[Watch, ...] = () if leaks is None else (leaks,)
        return own if head.websocket else (*own, BodyWatch(refuse))

    async def _intend(self, exchange: Exchange, caller: Caller) -> bool:
        """Say in the log that the call is made; tell whether anybody still waits for it."""
        # 5, first half. The intent is durable, and the caller not revoked, before the credential leaves.
        try:
            record = self._record(exchange, Decision.PERMIT)
            record.detail.update(exchange.flow.detail)
            await self._doors.commit(intent(exchange, record, caller.claims), caller)
        except SmartAgentError as error:
            # The intent may stand in the log all the same; then this says that nothing came of it.
            self.outcome(exchange, error.code, 0.0)
            raise
        exchange.intended = True
        if exchange.is_over:
            self.outcome(exchange, "abandoned", 0.0)
        return not exchange.is_over

    def _guard(self, exchange: Exchange, found: Sequence[Found]) -> bool:
        """Raise the alarm when a honeytoken was used; tell whether one was."""
        honeytoken = honeytoken_in(found, self._doors)
        if honeytoken is None:
            return False
        name, where = honeytoken
        record = self._record(exchange, None)
        record = structs.replace(
            record,
            event=HONEYTOKEN_EVENT,
            subject=name,
            detail={**record.detail, "where": where, "ip": exchange.client_ip},
        )
        self._doors.commit_later(Work((record,), writes=(self._alarm(record, where, exchange.client_ip),)))
        _log.warning("the honeytoken %s was used, in %s, from %s", name, where, exchange.client_ip)
        return True

    def _alarm(self, record: Record, where: str, client_ip: str) -> Write:
        lines = (
            "Nobody has a reason to use it: whoever did has it from where it was laid out.",
            f"It stood in {where} of a request from {client_ip}.",
            f"Caller: {record.caller or 'unknown'}",
            f"Request: {record.request}",
            f"smartagentctl audit list {record.subject}",
        )
        title = f"The honeytoken {record.subject} was used"
        return self._doors.alarm(f"honeytoken/{record.subject}", title, lines, record.subject)

    def _refuse_honeytokens(self, exchange: Exchange, found: Sequence[Found]) -> None:
        if self._guard(exchange, found):
            # Whoever holds one is not told that it is one.
            raise NotPermitted(PERMISSION)

    def _learn(self, entry: Upstream, secrets: tuple[Secret[bytes], ...]) -> None:
        if entry.secret:
            self.leaks.learn(entry.secret, shown_in(entry, secrets))

    async def _refuse(self, exchange: Exchange, caller: Caller, error: SmartAgentError, now: float) -> None:
        if self._admission.is_recorded(exchange, error, now):
            await self._doors.commit(Work((self._record(exchange, Decision.DENY, error.code),)), caller)

    async def _translate(self, exchange: Exchange) -> None:
        """Make a request to an upstream's own address one to the gateway.

        Raises:
            SmartAgentError: It is not one to an upstream; that is in the log.
        """
        tunnel, head = exchange.tunnel, exchange.head
        if tunnel is None and "proxy-authorization" not in head.fields:
            return
        try:
            place = plain_place(head.authority) if tunnel is None else tunnel.place
            token = token_of(head) if tunnel is None else tunnel.token
            upstreams = self._doors.upstreams_at(place.host, place.port, tls=place.tls)
            exchange.head = translated(head, place, token, upstreams)
        except SmartAgentError as error:
            exchange.path = self.leaks.shown(head.target.partition("?")[0])
            exchange.caller = None if tunnel is None else tunnel.caller
            await self._doors.commit(
                Work((self._record(exchange, Decision.DENY, error.code),)), exchange.caller or NOBODY
            )
            raise

    async def bind(self, name: str, caller: Caller) -> Plan:
        """Return how the upstream of that name is called for `caller`, with its secret as it is now.

        Raises:
            SmartAgentError: There is no such upstream, or its secret cannot be had or used.
        """
        entry = self._entry(name)
        audience = audience_of(entry)
        if audience:
            # Whose token it is makes it another plan.
            return self._plans.get(
                f"{name} {caller.jti}", entry, (self._doors.house_token(caller, audience),)
            )
        return self._plans.get(name, entry, await self._doors.secret(entry) if entry.secret else ())

    def _entry(self, name: str) -> Upstream:
        entry = self._doors.upstream(name)
        if entry is None:
            self._plans.forget(name)
            raise UpstreamUnknown("no upstream has this name")
        return entry

    async def send(self, exchange: Exchange, plan: Plan, *, fresh: bool = False) -> None:
        """Send the request with its credential, on a warm connection when there is one.

        Raises:
            GatewayError: The upstream cannot be reached, or may not be.
        """
        origin = structs.replace(plan.origin, http2=True) if exchange.head.grpc else plan.origin
        connection = None if fresh else self._pool.take(origin)
        if connection is None and not exchange.is_over:
            connection = await self._pool.dial(origin, plan.certificate)
        if exchange.is_over:
            # The agent left, or was revoked, meanwhile.
            if connection is not None:
                connection.close()
            return
        if connection is not None:
            exchange.wire_head = _injected(exchange, plan, self._doors.now())
            exchange.start(connection, plan)
            exchange.wire_head = b""

    def outcome(self, exchange: Exchange, outcome: str, elapsed_seconds: float) -> None:
        """Record what came of a call whose intent is in the log."""
        record = self._record(exchange, None, outcome)
        detail = {
            "received": exchange.received_bytes,
            "sent": exchange.sent_bytes,
            "ms": int(elapsed_seconds * 1000),
        }
        record.detail.update(detail)
        self._doors.commit_later(Work((record,)))
        if exchange.leaking is not None:
            asked = exchange.asked.upstream if exchange.asked is not None else ""
            self._alert(exchange, asked, exchange.leaking)

    def _alert(self, exchange: Exchange, upstream: str, leaking: SecretLeaking) -> None:
        leaked = Leaked(exchange.request_id, exchange.caller, upstream, leaking)
        self._doors.commit_later(self.leaks.alert(leaked))

    def _record(self, exchange: Exchange, decision: Decision | None, outcome: str = "") -> Record:
        caller = exchange.caller
        head = exchange.head
        return Record(
            event=EVENT if decision is not None else OUTCOME_EVENT,
            at_ms=int(self._doors.now() * 1000),
            request=exchange.request_id,
            caller=caller.principal if caller is not None else "",
            session=caller.session if caller is not None else "",
            jti=caller.jti if caller is not None else "",
            subject=exchange.path[1:].partition("/")[0],
            permission=PERMISSION,
            target=f"{head.method} {exchange.path}",
            decision=decision,
            rule=exchange.rule if decision is not None else "",
            outcome=outcome,
            detail=detail_of(caller, exchange.asked, decision),
        )


def _inbound(exchange: Exchange) -> Inbound:
    head = exchange.head
    path, _, query = head.target.partition("?")
    exchange.path = path
    # The body is not here: it streams past, and its framing bounds it.
    return Inbound(
        request_id=exchange.request_id,
        method=head.method,
        path=path,
        query=query,
        headers=head.fields,
        client_ip=exchange.client_ip,
    )


def _injected(exchange: Exchange, plan: Plan, now: float) -> bytes:
    path, _, query = exchange.head.target.partition("?")
    signed = (exchange.covered, now) if exchange.covered is not None else None
    return inject(exchange.head, f"/{path[1:].partition('/')[2]}", query, plan, exchange.txn_token, signed)
