# SPDX-License-Identifier: Apache-2.0
"""The house as a call through the gateway finds it: who calls, is the target one, and may they."""

from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Proof, Route, parse_target
from smartagent.gateway.admission import Admission
from smartagent.gateway.errors import SecretLeaking
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.forward import PERMISSION, outside
from smartagent.gateway.leaks import HIDDEN, Leaked, Leaks
from smartagent.gateway.operations import content_type, said_in
from smartagent.gateway.ports import Asked, Doors, Said, Upstream
from smartagent.gateway.recorded import said_of
from smartagent.kernel import (
    UNKNOWN_BUDGET,
    Caller,
    Committed,
    NeedsApproval,
    Permitted,
    SmartAgentError,
    Verdict,
    Work,
)

EVENT: Final = "gateway.call"


ROUTE: Final = Route(
    method="*",
    path="/{upstream}/{path}",
    proof=Proof.ACCESS_TOKEN,
    permission=PERMISSION,
    event=EVENT,
    act=outside,
    summary="Forward a call with a credential that the caller never sees.",
)


class Threshold:
    """The house as `enter` sees it from one call: what is decided about is the call, and its target is checked."""

    __slots__ = ("_admission", "_doors", "_exchange", "_leaks", "_refusal", "_said", "now")

    def __init__(self, doors: Doors, leaks: Leaks, admission: Admission, exchange: Exchange) -> None:
        self._doors = doors
        self._admission = admission
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
            if caller.budget != UNKNOWN_BUDGET:
                # A policy asks for it.
                left = self._admission.left(caller, self._exchange.started)
                caller = structs.replace(caller, budget=left)
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
        verdict = self._doors.decide(caller, asked)
        if isinstance(verdict, NeedsApproval):
            # Nothing speaks against it but that people are to be asked, who are asked when all else is settled.
            self._exchange.needs = verdict
            return Permitted(verdict.rules)
        return verdict

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make a refusal durable, with what the call said when that was decided on."""
        for record in work.records:
            if "role" in record.detail:
                record.detail.update(said_of(self._said))
        return await self._doors.commit(work, caller, holder)

    async def _listen(self, inbound: Inbound, entry: Upstream) -> None:
        try:
            self._said = await said_in(self._exchange, inbound, entry)
        except SmartAgentError as error:
            # The refusal is recorded with the caller's name on it.
            self._refusal = error


def check_target(inbound: Inbound) -> tuple[str, str]:
    """Return the upstream's name and the path that is matched, which is the path that is sent.

    Raises:
        TargetRefused: The target is ambiguous.
    """
    raw = f"{inbound.path}?{inbound.query}" if inbound.query else inbound.path
    target = parse_target(raw)
    name, _, rest = target.path[1:].partition("/")
    return name, f"/{rest}"
