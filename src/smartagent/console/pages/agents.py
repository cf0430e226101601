# SPDX-License-Identifier: Apache-2.0
"""The inventory: every agent, found by its name, state or owner; several suspended at once; a new one invited."""

import asyncio
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.frame import Frame, query
from smartagent.console.model import AgentPage, Enrolment, RoleList, Status
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

PATH: Final = "/console/agents"
ROWS: Final = 25
MOST_AT_ONCE: Final = 50
REASON: Final = "suspended at the console"
FILTERS: Final = ("q", "status", "role", "owner", "orphan", "cursor")
_FORM: Final = ("application/x-www-form-urlencoded",)


class Agents:
    """The list of agents, and the form that invites one."""

    def __init__(self, frame: Frame, issuer: str) -> None:
        self._frame = frame
        self._issuer = issuer

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (
            Route(
                "GET",
                "/console/agents",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="List the agents",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/agents",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.suspend,
                summary="Suspend the agents that were chosen",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=16_384,
            ),
            Route(
                "GET",
                "/console/agents/new",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_new,
                summary="Show the form that invites an agent",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/agents/new",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.invite,
                summary="Make an enrolment token for an agent, and show it once",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=4096,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of the agents that fit.

        Raises:
            VerbRefused: The operator may not see them, or a filter is malformed.
        """
        asked = parse_form(inbound.query.encode("utf-8", "replace"))
        fields = {name: asked.get(name, "") for name in FILTERS}
        found = await self._frame.api(caller).read(
            f"/v1/inventory{query(**fields, limit=str(ROWS))}", AgentPage
        )
        following = {**fields, "cursor": found.next_cursor}
        return self._frame.page(
            caller,
            inbound,
            "agents.html",
            agents=found.agents,
            fields=fields,
            filtered=any(fields[name] for name in FILTERS if name != "cursor"),
            following=f"{PATH}{query(**following)}" if found.next_cursor else "",
            statuses=[status.value for status in Status],
            may_write=self._frame.may(caller, "agents.write", inbound),
            live="agents operators",
        )

    async def suspend(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Suspend the chosen agents; first ask whether that is meant.

        Raises:
            VerbRefused: The operator may not, or one of them cannot be suspended; those before it are.
            MalformedRequest: None was chosen, or too many.
        """
        form = parse_form(inbound.body, frozenset({"agent"}))
        chosen = form.get("agent", "").split("\n") if form.get("agent") else []
        if not 0 < len(chosen) <= MOST_AT_ONCE:
            raise MalformedRequest(f"choose 1 to {MOST_AT_ONCE} agents")
        if not form.get("sure"):
            return self._frame.page(caller, inbound, "agents-suspend.html", chosen=chosen)
        api, body = self._frame.api(caller), {"status": "suspended", "reason": form.get("reason") or REASON}
        for agent in chosen:
            await api.fetch("POST", f"/v1/agents/{_segment(agent)}/status", body)
        return self._frame.see(PATH, "bulk-suspended")

    async def show_new(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the form that invites an agent."""
        roles = await self._frame.api(caller).read("/v1/roles", RoleList)
        return self._frame.page(
            caller, inbound, "agents-new.html", roles=[role.name for role in roles.roles], made=None
        )

    async def invite(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make an enrolment token, and show it once with what to do with it.

        Raises:
            VerbRefused: The operator may not, or the role is gone.
        """
        form, api = parse_form(inbound.body), self._frame.api(caller)
        body = {"role": form.get("role", ""), "name": form.get("name", "")}
        raw, roles = await asyncio.gather(
            api.fetch("POST", "/v1/enrolments", body), api.read("/v1/roles", RoleList)
        )
        return self._frame.page(
            caller,
            inbound,
            "agents-new.html",
            roles=[role.name for role in roles.roles],
            made=msgspec.json.decode(raw, type=Enrolment),
            name=body["name"],
            issuer=self._issuer,
        )


def _segment(raw: str) -> str:
    return quote(raw, safe="")
