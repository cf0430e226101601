# SPDX-License-Identifier: Apache-2.0
"""How the operator signs in, where they are signed in, and what operators may do."""

import asyncio
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.frame import Frame
from smartagent.console.model import BrowserSessionList, ClaimLink, OperatorList, PasskeyList
from smartagent.console.passkeys import Passkeys
from smartagent.edge import Inbound, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller, OperatorRole

PATH: Final = "/console/account"
OPERATORS_PATH: Final = "/console/operators"
_FORM: Final = ("application/x-www-form-urlencoded",)


class Account:
    """The operator's own page, and the list of operators."""

    def __init__(self, frame: Frame, passkeys: Passkeys) -> None:
        self._frame = frame
        self._passkeys = passkeys

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._own(), *self._others())

    def _own(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/account",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show the operator's passkeys and sessions",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/account/passkeys/{id}/remove",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.remove_passkey,
                summary="Forget one of the operator's passkeys",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
            Route(
                "POST",
                "/console/account/sessions/{id}/end",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.end_session,
                summary="End one of the operator's sessions",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
        )

    def _others(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/operators",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_operators,
                summary="List the operators and what they may do",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/operators",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.invite,
                summary="Make a claim link for another operator, and show it once",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
            Route(
                "POST",
                "/console/operators/{id}/role",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.change_role,
                summary="Give an operator a role",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show how the operator signs in, and where they are signed in."""
        api = self._frame.api(caller)
        passkeys, sessions = await asyncio.gather(
            api.read("/v1/passkeys", PasskeyList), api.read("/v1/browser-sessions", BrowserSessionList)
        )
        return self._frame.page(
            caller,
            inbound,
            "account.html",
            passkeys=passkeys.passkeys,
            sessions=sessions.sessions,
            own_session=caller.session,
            possible=self._passkeys.possible,
            creation=self._passkeys.creation(caller.principal, "SmartAgent operator"),
        )

    async def remove_passkey(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Forget a passkey; first ask whether that is meant.

        Raises:
            VerbRefused: The operator has no such passkey.
        """
        if not parse_form(inbound.body).get("sure"):
            return self._frame.page(caller, inbound, "passkey-remove.html", passkey=inbound.params["id"])
        await self._frame.api(caller).fetch("DELETE", f"/v1/passkeys/{_id(inbound)}")
        return self._frame.see(PATH, "passkey-removed")

    async def end_session(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End one of the operator's sessions.

        Raises:
            VerbRefused: The operator has no such session.
        """
        await self._frame.api(caller).fetch("DELETE", f"/v1/browser-sessions/{_id(inbound)}")
        return self._frame.see(PATH, "session-ended")

    async def show_operators(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the operators.

        Raises:
            VerbRefused: The operator may not see them.
        """
        return await self._show_operators(caller, inbound, None)

    async def invite(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make a claim link, and show it once.

        Raises:
            VerbRefused: The operator may not.
        """
        raw = await self._frame.api(caller).fetch("POST", "/v1/claim-links", {})
        return await self._show_operators(caller, inbound, msgspec.json.decode(raw, type=ClaimLink))

    async def _show_operators(self, caller: Caller, inbound: Inbound, made: ClaimLink | None) -> Outcome:
        found = await self._frame.api(caller).read("/v1/operators", OperatorList)
        return self._frame.page(
            caller,
            inbound,
            "operators.html",
            operators=found.operators,
            roles=[role.value for role in OperatorRole],
            may_write=self._frame.may(caller, "operators.write", inbound),
            may_invite=self._frame.may(caller, "claim-links.create", inbound),
            made=made,
            live="" if made else "operators",
        )

    async def change_role(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give an operator a role.

        Raises:
            VerbRefused: The operator may not, or nobody would be left who may.
        """
        form = parse_form(inbound.body)
        body = {"role": form.get("role", ""), "reason": "at the console"}
        await self._frame.api(caller).fetch("POST", f"/v1/operators/{_id(inbound)}/role", body)
        return self._frame.see(OPERATORS_PATH, "role-changed", subject=inbound.params["id"])


def _id(inbound: Inbound) -> str:
    return quote(inbound.params["id"], safe="")
