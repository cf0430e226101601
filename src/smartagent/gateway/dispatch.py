# SPDX-License-Identifier: Apache-2.0
"""One call: bind -> check target -> obtain -> inject -> send -> scrub.

The call comes in by the same door as every other request (`edge.enter`: admit, authenticate,
authorise).  Its act is outside the house, so the intent is durable before the credential leaves, and the
outcome is recorded after.  Scrubbing happens while the answer streams: `reply.ReplyStream`.
"""

from typing import Final, NoReturn

from smartagent.crypto import b64u, sha256
from smartagent.edge import (
    AuthenticationFailed,
    Inbound,
    Outcome,
    Proof,
    Route,
    enter,
    parse_target,
)
from smartagent.gateway.admission import Admission
from smartagent.gateway.errors import CredentialUnusable, SecretLeaking, UpstreamUnknown
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import plain_place, token_of, translated
from smartagent.gateway.inject import Covered, Plan, inject, plan_for, shown_in
from smartagent.gateway.leaks import HIDDEN, Leaked, Leaks
from smartagent.gateway.operations import content_type, said_in
from smartagent.gateway.ports import Asked, Doors, Said, Upstream
from smartagent.gateway.sigv4 import UNSIGNED, UNSIGNED_PIECES, Signer
from smartagent.gateway.upstream import Pool
from smartagent.kernel import (
    Caller,
    CallerKind,
    CallRestriction,
    Committed,
    Decision,
    Record,
    SmartAgentError,
    Verdict,
    Work,
)

PERMISSION: Final = "upstream.call"
EVENT: Final = "gateway.call"
OUTCOME_EVENT: Final = "gateway.done"
NOBODY: Final = Caller("", CallerKind.NOBODY)


async def _outside(_caller: Caller, _inbound: Inbound) -> Outcome:
    """The gateway's act is not in the house; `edge.handle` never gets this route."""
    _unreachable()


def _unreachable() -> NoReturn:
    message = "a call is forwarded, not answered"
    raise AssertionError(message)


ROUTE: Final = Route(
    method="*",
    path="/{upstream}/{path}",
    proof=Proof.ACCESS_TOKEN,
    permission=PERMISSION,
    event=EVENT,
    act=_outside,
    summary="Forward a call with a credential that the caller never sees.",
)


class Threshold:
    """The house as `enter` sees it from one call: what is decided about is the call, and its target is checked."""

    __slots__ = ("_doors", "_exchange", "_leaks", "_refusal", "_said", "now")

    def __init__(self, doors: Doors, leaks: Leaks, exchange: Exchange) -> None:
        self._doors = doors
        self._leaks = leaks
        self._exchange = exchange
        self._refusal: SmartAgentError | None = None
        self._said = Said()
        self.now = doors.now

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        """Find out who calls, what for, and whether what they say holds a secret.

        Raises:
            AuthenticationFailed: The proof does not hold.
        """
        secret = self._leaks.in_head(self._exchange.head)
        if not secret:
            caller = await self._doors.authenticate(inbound, proof)
            entry = self._doors.upstream(inbound.path[1:].partition("/")[0])
            if entry is not None and entry.speaks:
                await self._listen(inbound, entry)
            elif self._exchange.head.body or "content-type" in inbound.headers:
                self._said = Said(content_type(inbound, has_body=True))
            return caller
        found, leaking = None, SecretLeaking(secret, "head")
        try:
            found = await self._doors.authenticate(inbound, proof)
        finally:
            # The path has said what it had to; the log must not hold the secret.
            inbound.path, inbound.query, self._refusal = HIDDEN, "", leaking
            self._doors.commit_later(self._leaks.alert(Leaked(inbound.request_id, found, "", leaking)))
        return found

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Check the target, and decide about the call that it names.

        Raises:
            SecretLeaking: The head holds a secret.
            OperationUnreadable: Nobody can say what the call does.
            TargetRefused: The target is ambiguous; refused with the caller's name on it.
            BodyTooLarge: The body says that it will be.
        """
        del permission  # there is one here
        if self._refusal is not None:
            raise self._refusal
        name, path = check_target(inbound)
        asked = Asked(name, inbound.method, path, self._said)
        self._exchange.ask(asked)
        inbound.params = {"upstream": name, "path": path}
        return self._doors.decide(caller, asked)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make a refusal durable."""
        return await self._doors.commit(work, caller, holder)

    async def _listen(self, inbound: Inbound, entry: Upstream) -> None:
        try:
            self._said = await said_in(self._exchange, inbound, entry)
        except SmartAgentError as error:
            # The refusal is recorded with the caller's name on it.
            self._refusal = error


class Dispatch:
    """Takes calls through the house and out of it."""

    def __init__(self, doors: Doors, pool: Pool, admission: Admission) -> None:
        self._doors = doors
        self._pool = pool
        self._admission = admission
        self.leaks = Leaks(doors)
        self._plans: dict[str, Plan] = {}

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
        # 1 to 3. Admit, authenticate, authorise.
        entered = await enter(inbound, ROUTE, Threshold(self._doors, self.leaks, exchange))
        caller = entered.caller
        exchange.permitted(caller, entered.verdict.rules, now - self._doors.now())
        try:
            plan = await self.bind(inbound.params["upstream"])
            self._admission.admit(exchange, caller, plan.entry, now)
            if caller.restriction is not None:
                await check_body(caller.restriction, exchange)
            if plan.entry.txn_token:
                exchange.txn_token = self._doors.transaction_token(caller, inbound)
            if plan.signer is not None:
                exchange.body_digest = await body_digest(exchange, plan, plan.signer)
        except SmartAgentError as error:
            await self._refuse(exchange, caller, error, now)
            raise
        exchange.bound(plan, self.leaks.watch(exchange.head))
        # 5, first half. The intent is durable, and the caller not revoked, before the credential leaves.
        try:
            await self._doors.commit(Work((self._record(exchange, Decision.PERMIT),), caller.claims), caller)
        except SmartAgentError as error:
            # The intent may stand in the log all the same; then this says that nothing came of it.
            self.outcome(exchange, error.code, 0.0)
            raise
        exchange.intended = True
        if exchange.is_over:
            self.outcome(exchange, "abandoned", 0.0)
            return
        # 4. Act, outside.
        await self.send(exchange, plan)

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

    async def bind(self, name: str) -> Plan:
        """Return how the upstream of that name is called, with its secret as it is now.

        Raises:
            SmartAgentError: There is no such upstream, or its secret cannot be had or used.
        """
        entry = self._doors.upstream(name)
        if entry is None:
            self._plans.pop(name, None)
            raise UpstreamUnknown("no upstream has this name")
        secrets = await self._doors.secret(entry) if entry.secret else ()
        plan = self._plans.get(name)
        # Entries and secrets are replaced, not changed: the same objects mean the same plan.
        if plan is None or plan.entry is not entry or plan.secrets != secrets:
            plan = self._plans[name] = plan_for(entry, secrets)
            self.leaks.learn(entry.secret, shown_in(entry, secrets))
        return plan

    async def send(self, exchange: Exchange, plan: Plan, *, fresh: bool = False) -> None:
        """Send the request with its credential, on a warm connection when there is one.

        Raises:
            GatewayError: The upstream cannot be reached, or may not be.
        """
        connection = None if fresh else self._pool.take(plan.origin)
        if connection is None and not exchange.is_over:
            connection = await self._pool.dial(plan.origin)
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
            alert = self.leaks.alert(Leaked(exchange.request_id, exchange.caller, asked, exchange.leaking))
            self._doors.commit_later(alert)

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
            detail=_detail(exchange),
        )


def _detail(exchange: Exchange) -> dict[str, str | int]:
    caller, asked = exchange.caller, exchange.asked
    detail: dict[str, str | int] = {}
    if caller is not None and caller.subject:
        detail["for"] = caller.subject
    if asked is not None and asked.said.operation:
        detail["operation"] = " ".join((asked.said.operation, *asked.said.fields))[:200]
    return detail


async def check_body(restriction: CallRestriction, exchange: Exchange) -> None:
    """Let a call pass whose token is for one body only: this one.

    Raises:
        AuthenticationFailed: It is another body.
        SmartAgentError: It did not come, or is too long to be looked at beforehand.
    """
    if restriction.digest and b64u(sha256(await exchange.whole_body())) != restriction.digest:
        raise AuthenticationFailed("the token is for another body")


async def body_digest(exchange: Exchange, plan: Plan, signer: Signer) -> str:
    """Return what a signature says of the body; where it must be known, all of it comes first.

    Raises:
        CredentialUnusable: The client signs the body piece by piece, which cannot be done again.
        SmartAgentError: The body did not come, or is too long to be looked at beforehand.
    """
    said = exchange.head.fields.get("x-amz-content-sha256", "")
    unsigned = signer.may_leave_unsigned and plan.origin.tls
    if said == UNSIGNED_PIECES and unsigned:
        return said
    if said.startswith("STREAMING-"):
        raise CredentialUnusable("the client signs its body in pieces; let it send it whole")
    if exchange.head.body and unsigned:
        return UNSIGNED
    return sha256(await exchange.whole_body() if exchange.head.body else b"").hex()


def check_target(inbound: Inbound) -> tuple[str, str]:
    """Return the upstream's name and the path that is matched, which is the path that is sent.

    Raises:
        TargetRefused: The target is ambiguous.
    """
    raw = f"{inbound.path}?{inbound.query}" if inbound.query else inbound.path
    target = parse_target(raw)
    name, _, rest = target.path[1:].partition("/")
    return name, f"/{rest}"


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
    covered = Covered(exchange.body_digest, now) if plan.signer is not None else None
    return inject(exchange.head, f"/{path[1:].partition('/')[2]}", query, plan, exchange.txn_token, covered)
