# SPDX-License-Identifier: Apache-2.0
"""One agent: who it is, what it may, what it holds, what it did; and how it is stopped."""

import asyncio
from typing import Final
from urllib.parse import quote

from smartagent.console.drawing import tree_of
from smartagent.console.frame import Frame
from smartagent.console.model import Found, Holdings, Reach, Reported
from smartagent.console.words import reach_in_words
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

LIVE: Final = "agents revocations leases delegations elevations roles"
RECENT: Final = 20
REASON: Final = "at the console"
_DONE: Final = {"suspended": "suspended", "active": "resumed", "retired": "retired"}
_FORM: Final = ("application/x-www-form-urlencoded",)


class AgentPages:
    """The pages of one agent."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._showing(), *self._acting())

    def _showing(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/agents/{id}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show an agent: who it is, what it may, holds and did",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/agents/{id}/stop",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.ask_to_stop,
                summary="Ask whether everything of an agent shall end",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/agents/{id}/stopped",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_report,
                summary="Show what of a stopped agent died when",
                render=self._frame.refusal,
            ),
        )

    def _acting(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/console/agents/{id}/status",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.change_status,
                summary="Suspend, resume or retire an agent",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=4096,
            ),
            Route(
                "POST",
                "/console/agents/{id}/stop",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.stop,
                summary="End everything of an agent",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=4096,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show an agent.

        Raises:
            VerbRefused: There is none of this id, or the operator may not see it.
        """
        agent, api = _id(inbound), self._frame.api(caller)
        holdings, reach, recent = await asyncio.gather(
            api.read(f"/v1/inventory/{agent}", Holdings),
            api.read(f"/v1/agents/{agent}/reach", Reach),
            api.read(f"/v1/log/search?subject={agent}&reads=false&limit={RECENT}", Found),
        )
        return self._frame.page(
            caller,
            inbound,
            "agent.html",
            agent=holdings.agent,
            holdings=holdings,
            reach=reach,
            sentences=reach_in_words(reach),
            tree=tree_of(reach),
            recent=recent.entries,
            may_write=self._frame.may(caller, "agents.write", inbound),
            may_stop=self._frame.may(caller, "revocations.create", inbound),
            live=LIVE,
        )

    async def change_status(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Suspend, resume or retire an agent; retiring is asked about first, since it is for good.

        Raises:
            VerbRefused: The operator may not, or the agent cannot become that.
            MalformedRequest: It is no such change.
        """
        agent, form = _id(inbound), parse_form(inbound.body)
        status = form.get("status", "")
        if status not in _DONE:
            raise MalformedRequest("the status is one of suspended, active, retired")
        if status != "active" and not form.get("sure"):
            holdings = await self._frame.api(caller).read(f"/v1/inventory/{agent}", Holdings)
            return self._frame.page(caller, inbound, "agent-status.html", agent=holdings.agent, wanted=status)
        body = {"status": status, "reason": form.get("reason") or REASON}
        await self._frame.api(caller).fetch("POST", f"/v1/agents/{agent}/status", body)
        return self._frame.see(f"/console/agents/{agent}", _DONE[status], subject=inbound.params["id"])

    async def ask_to_stop(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what would end, and ask.

        Raises:
            VerbRefused: There is no such agent.
        """
        holdings = await self._frame.api(caller).read(f"/v1/inventory/{_id(inbound)}", Holdings)
        return self._frame.page(caller, inbound, "agent-stop.html", agent=holdings.agent, holdings=holdings)

    async def stop(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End everything of an agent, and lead to what became of it.

        Raises:
            VerbRefused: The operator may not, or there is no such agent.
            MalformedRequest: It was not confirmed.
        """
        form = parse_form(inbound.body)
        if not form.get("sure"):
            raise MalformedRequest("confirm that everything of the agent shall end")
        body = {"agent": inbound.params["id"], "reason": form.get("reason") or REASON}
        await self._frame.api(caller).fetch("POST", "/v1/emergencies", body)
        return self._frame.see(
            f"/console/agents/{_id(inbound)}/stopped", "stopped", subject=inbound.params["id"]
        )

    async def show_report(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what of a stopped agent died when, what is dying yet, and what lives on elsewhere.

        Raises:
            VerbRefused: It was not stopped, or the operator may not see it.
        """
        reported = await self._frame.api(caller).read(f"/v1/emergencies/{_id(inbound)}", Reported)
        return self._frame.page(
            caller,
            inbound,
            "agent-stopped.html",
            report=reported.report,
            signed=reported.signed,
            live="leases revocations",
        )


def _id(inbound: Inbound) -> str:
    return quote(inbound.params["id"], safe="")
