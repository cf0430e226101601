# SPDX-License-Identifier: Apache-2.0
"""The one way in.

Every request, whether it administers the house or passes through it to an upstream, takes
the same steps:

    1. admit          bound it; nothing it says is believed yet
    2. authenticate   who is calling, and can they prove it
    3. authorise      may this caller do this, here, now
    4. act            the room's own verb: it decides, and touches nothing
    5. record         who asked, what was decided, what comes of it: one durable commit
    6. answer

A room supplies step 4 and names the proof and the permission that steps 2 and 3 need.  It
cannot forget the others, and it cannot reorder them.  What an act decided happens in the
same transaction as its record, so there is no act without a record and no record without
its act.  An act whose effect is outside (the gateway's) calls `enter` for steps 1 to 3,
records its intent, acts, and records the outcome.  Refusals are recorded too.
"""

from typing import Final, Protocol

import msgspec
from msgspec import structs

from smartagent.edge.errors import BodyTooLarge, NotPermitted, UnsupportedMediaType
from smartagent.edge.message import Inbound, Outcome, Proof, Reply, Route
from smartagent.edge.problem import oauth_error, problem
from smartagent.kernel import (
    Caller,
    CallerKind,
    Committed,
    Consequential,
    Decision,
    Denied,
    Effects,
    Permitted,
    Record,
    SmartAgentError,
    Verdict,
    Work,
    circumstances,
)

NOBODY: Final = Caller(principal="", kind=CallerKind.NOBODY)


class House(Protocol):
    """What the pipeline needs from the rooms above it.  `server.wiring` supplies it."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        """Raise `AuthenticationFailed` when the proof does not hold."""
        ...

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Decide.  Never raises for a refusal."""
        ...

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make `work` durable; then make sure that neither `caller` nor `holder` was revoked meanwhile.

        Raises:
            SmartAgentError: A claim or write was lost, the store is down, or the caller was revoked
                before the record: then what was decided must not be answered.
        """
        ...


class Entered(msgspec.Struct, frozen=True, gc=False):
    """A request that passed steps 1 to 3."""

    caller: Caller
    verdict: Permitted


async def handle(inbound: Inbound, route: Route, house: House) -> Reply:
    """Take `inbound` through all the steps.

    Returns:
        The room's reply, or an error (RFC 9457, or RFC 6749 for OAuth routes) that names what
        stopped it.
    """
    try:
        entered = await enter(inbound, route, house)
        return await _perform(inbound, route, house, entered)
    except SmartAgentError as error:
        return answer_to(error, route, inbound.request_id)


def answer_to(error: SmartAgentError, route: Route | None, request_id: str) -> Reply:
    """Render `error` as the clients of `route` read errors."""
    if route is not None and route.render is not None:
        return route.render(error, request_id)
    if route is not None and route.oauth:
        reply = oauth_error(error)
        own = getattr(error, "response_headers", ())
        return reply if own or route.proof is not Proof.CLIENT_AUTHENTICATION else _unchallenged(reply)
    return problem(error, instance=request_id)


def _unchallenged(reply: Reply) -> Reply:
    # What authenticates a client stands in the form: no scheme could be offered that would help, and client
    # libraries believe a challenge rather than the `invalid_client` of the body.
    headers = tuple(header for header in reply.headers if header[0] != "www-authenticate")
    return structs.replace(reply, headers=headers)


async def enter(inbound: Inbound, route: Route, house: House) -> Entered:
    """Take `inbound` through steps 1 to 3.

    Raises:
        SmartAgentError: It was refused, and the refusal is in the log.
    """
    caller = NOBODY
    try:
        # 1. Admit.
        _admit(inbound, route)
        # 2. Authenticate.
        caller = await house.authenticate(inbound, route.proof)
        # 3. Authorise.
        verdict = house.authorise(caller, route.permission, inbound)
    except SmartAgentError as error:
        await _record_refusal(inbound, route, house, caller, error)
        raise
    if isinstance(verdict, Denied):
        refusal = NotPermitted(verdict.missing or route.permission)
        record = _refused(inbound, route, house.now(), caller, refusal.code)
        decided_on = circumstances(caller) if caller.kind is CallerKind.AGENT else {}
        record = structs.replace(
            record, rule=",".join(verdict.rules), reason=verdict.reason, detail=decided_on
        )
        await house.commit(Work((record,), caller.claims), NOBODY)
        raise refusal
    return Entered(caller, verdict)


async def _perform(inbound: Inbound, route: Route, house: House, entered: Entered) -> Reply:
    """Take an entered request through steps 4 to 6."""
    caller = entered.caller
    try:
        # 4. Act.
        outcome = await route.act(caller, inbound)
        # 5. Record: the act's effects and its record are one commit.
        record = _permitted(inbound, route, house.now(), entered, outcome)
        work = Work((record,), caller.claims + outcome.claims, outcome.writes, outcome.changes)
        await house.commit(work, NOBODY if outcome.farewell else caller, outcome.holder)
    except SmartAgentError as error:
        # The proof is used up even when the act failed, so a nonce never works twice.
        await _record_refusal(inbound, route, house, caller, error)
        raise
    except Exception:
        # A bug is answered too (with the request's id and nothing else), so it is recorded too.
        record = _refused(inbound, route, house.now(), caller, "bug")
        await house.commit(Work((record,)), NOBODY)
        raise
    # 6. Answer.
    return outcome.reply


def _admit(inbound: Inbound, route: Route) -> None:
    if len(inbound.body) > route.max_body_bytes:
        raise BodyTooLarge(f"limit is {route.max_body_bytes} bytes")
    if inbound.body:
        media_type = inbound.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in route.media_types:
            raise UnsupportedMediaType(f"send {' or '.join(route.media_types)}")


def _permitted(inbound: Inbound, route: Route, now: float, entered: Entered, outcome: Outcome) -> Record:
    caller = entered.caller
    return Record(
        event=outcome.event or route.event,
        at_ms=int(now * 1000),
        request=inbound.request_id,
        caller=caller.principal,
        session=outcome.session or caller.session,
        jti=outcome.jti or caller.jti,
        subject=outcome.subject,
        permission=route.permission,
        target=outcome.target,
        decision=Decision.PERMIT,
        rule=",".join(entered.verdict.rules),
        outcome=str(outcome.reply.status),
        detail=outcome.detail,
    )


def _refused(inbound: Inbound, route: Route, now: float, caller: Caller, code: str) -> Record:
    return Record(
        event=route.event,
        at_ms=int(now * 1000),
        request=inbound.request_id,
        caller=caller.principal,
        session=caller.session,
        jti=caller.jti,
        permission=route.permission,
        target=f"{inbound.method} {inbound.path}",
        decision=Decision.DENY,
        outcome=code,
    )


async def _record_refusal(
    inbound: Inbound, route: Route, house: House, caller: Caller, error: SmartAgentError
) -> None:
    record = _refused(inbound, route, house.now(), caller, error.code)
    # What only the log may know, where the error keeps it from the caller.
    told: object = getattr(error, "reason", "")
    wanted: object = getattr(error, "wanted", "")
    # What a rule would have had to allow, so that the caller can ask for it.
    detail = {**circumstances(caller), "wanted": wanted} if isinstance(wanted, str) and wanted else {}
    reason = told if isinstance(told, str) and told else str(error)
    record = structs.replace(record, reason=reason, detail=detail)
    effects = error.effects if isinstance(error, Consequential) else Effects()
    try:
        work = Work((record,), caller.claims, effects.writes, effects.changes)
        await house.commit(work, NOBODY)
    except SmartAgentError:
        # A claim that was lost is why we are here, or the store is down: then the record goes alone, and
        # when that fails too the caller is told that nothing could be recorded.  A proof that was used
        # before proves nothing, so the refusal has no consequences then.
        await house.commit(Work((record,)), NOBODY)
