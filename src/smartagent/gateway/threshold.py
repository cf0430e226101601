# SPDX-License-Identifier: Apache-2.0
"""The house as a call through the gateway finds it: who calls, is the target one, and may they."""

from typing import Final, NoReturn

from smartagent.edge import BodyTooLarge, Inbound, Outcome, Proof, Route, parse_target
from smartagent.gateway.errors import SecretLeaking
from smartagent.gateway.leaks import HIDDEN, Leaked, Leaks
from smartagent.gateway.ports import Doors
from smartagent.gateway.settings import GatewaySettings
from smartagent.kernel import Caller, Committed, Verdict, Work

PERMISSION: Final = "upstream.call"
EVENT: Final = "gateway.call"


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
    """The house as `enter` sees it from here: what is decided about is the call, and its target is checked."""

    def __init__(self, doors: Doors, settings: GatewaySettings, leaks: Leaks) -> None:
        self._doors = doors
        self._leaks = leaks
        self._max_body_bytes = settings.max_body_bytes
        self.now = doors.now

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        """Find out who calls, and look whether what they say holds a secret.

        Raises:
            AuthenticationFailed: The proof does not hold.
        """
        secret = self._leaks.in_head(inbound)
        if not secret:
            return await self._doors.authenticate(inbound, proof)
        caller, leaking = None, SecretLeaking(secret, "head")
        try:
            caller = await self._doors.authenticate(inbound, proof)
        finally:
            # The path has said what it had to; the log must not hold the secret.
            inbound.path, inbound.query, inbound.params = HIDDEN, "", {"leaking": secret}
            self._doors.commit_later(self._leaks.alert(Leaked(inbound.request_id, caller, "", leaking)))
        return caller

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Check the target, and decide about the call that it names.

        Raises:
            SecretLeaking: The head holds a secret.
            TargetRefused: The target is ambiguous; refused with the caller's name on it.
            BodyTooLarge: The body says that it will be.
        """
        del permission  # there is one here
        if inbound.params:
            raise SecretLeaking(inbound.params["leaking"], "head")
        name, path = check_target(inbound)
        length = inbound.headers.get("content-length", "0")
        if int(length) > self._max_body_bytes:
            raise BodyTooLarge(f"limit is {self._max_body_bytes} bytes")
        inbound.params = {"upstream": name, "path": path}
        return self._doors.decide(caller, name, inbound.method, path)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make a refusal durable."""
        return await self._doors.commit(work, caller, holder)


def check_target(inbound: Inbound) -> tuple[str, str]:
    """Return the upstream's name and the path that is matched, which is the path that is sent.

    Raises:
        TargetRefused: The target is ambiguous.
    """
    raw = f"{inbound.path}?{inbound.query}" if inbound.query else inbound.path
    target = parse_target(raw)
    name, _, rest = target.path[1:].partition("/")
    return name, f"/{rest}"
