# SPDX-License-Identifier: Apache-2.0
"""The API by which an operator decides from the command line: what waits, and what they say to it."""

from typing import Final

from smartagent.consent import ACR
from smartagent.decoupled.deciding import Deciding, Step
from smartagent.decoupled.model import ConsentRequest, Decision, Evidence
from smartagent.decoupled.shapes import (
    ConsentRequestList,
    DecideRequest,
    EnterRequest,
    request_view,
)
from smartagent.edge import Inbound, MalformedRequest, NotPermitted, Outcome, Reply, parse_form, parse_json
from smartagent.kernel import Caller, CallerKind, Detail, made_at_ms

ALLOWED_EVENT: Final = "consent-request.allowed"
DENIED_EVENT: Final = "consent-request.denied"
ENTERED_EVENT: Final = "consent-request.entered"
_NO_STORE: Final = (("cache-control", "no-store"),)


class Inbox:
    """Lets an operator decide without a browser."""

    def __init__(self, deciding: Deciding) -> None:
        self._deciding = deciding

    async def list_waiting(self, caller: Caller, inbound: Inbound) -> Outcome:
        """List what waits for the caller; with `show=given`, what they allowed lately.

        Raises:
            NotPermitted: The caller is no operator with their own key.
            MalformedRequest: There is nothing else to show.
        """
        person = _operator(caller)
        match parse_form(inbound.query.encode()).get("show", "waiting"):
            case "waiting":
                found = await self._deciding.waiting(person)
            case "given":
                found = await self._deciding.given(person)
            case _:
                raise MalformedRequest("show is waiting or given")
        views = [request_view(each, await self._deciding.card_of(each)) for each in found]
        return Outcome(Reply(200, ConsentRequestList(views), headers=_NO_STORE))

    async def enter(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the request with the code that a device shows; from now on it waits for the caller.

        Raises:
            NotPermitted: The caller is no operator with their own key.
            UserCodeUnknown: No open request has it.
            GuessedTooOften: Too many were wrong.
        """
        typed = parse_json(inbound.body, EnterRequest).user_code
        step = await self._deciding.enter(_operator(caller), typed, inbound.client_ip)
        return entered(step, Reply(200, request_view(step.request), headers=_NO_STORE))

    async def decide(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say yes or no.

        Raises:
            NotPermitted: The caller is no operator with their own key.
            ConsentRequestNotFound: Nothing under this id waits for the caller.
            ConsentRequestChanged: It was decided meanwhile.
        """
        decision = parse_json(inbound.body, DecideRequest).decision
        request = await self._deciding.open_request(_operator(caller), inbound.params["id"])
        # The caller's token was given for a signed nonce, when it was made.
        evidence = Evidence(made_at_ms(caller.jti) // 1000, ACR, ("pop",))
        step = await self._deciding.decide(request, decision, evidence)
        return decided(step, decision, Reply(200, request_view(step.request), headers=_NO_STORE))

    async def end(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take back what the caller allowed: every token that came of it is dead on every node.

        Raises:
            NotPermitted: The caller is no operator with their own key.
            ConsentRequestNotFound: They allowed nothing under this id.
            ConsentRequestChanged: They took it back meanwhile.
        """
        step = await self._deciding.end(_operator(caller), inbound.params["id"])
        return Outcome(
            Reply(200, request_view(step.request), headers=_NO_STORE),
            subject=step.request.id,
            detail=_told(step.request),
            writes=step.writes,
            changes=step.changes,
        )


def _operator(caller: Caller) -> str:
    """Return the operator who calls, by their own key.

    A token that a client holds in a person's name is theirs, too, and must not decide: it could allow itself
    more.
    """
    if caller.kind is not CallerKind.OPERATOR:
        raise NotPermitted("consent-requests.decide")
    return caller.principal


def entered(step: Step, reply: Reply) -> Outcome:
    """Return the outcome of entering a code."""
    request = step.request
    return Outcome(reply, ENTERED_EVENT, request.id, detail=_told(request), writes=step.writes)


def decided(step: Step, decision: Decision, reply: Reply) -> Outcome:
    """Return the outcome of a decision."""
    event = ALLOWED_EVENT if decision is Decision.ALLOW else DENIED_EVENT
    return Outcome(
        reply, event, step.request.id, detail=_told(step.request), writes=step.writes, changes=step.changes
    )


def _told(request: ConsentRequest) -> dict[str, Detail]:
    return {
        "client": request.client_id,
        "channel": request.channel.value,
        "person": request.person,
        "scope": request.scope,
        "resource": request.resource,
        "from": request.client_ip,
        **({"approval": request.approval} if request.approval else {}),
    }
