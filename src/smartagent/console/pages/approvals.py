# SPDX-License-Identifier: Apache-2.0
"""Approvals: what agents wait for people to agree to, what was said, and what goes on being allowed."""

from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.cards import KINDS, outcome, people_in, people_of, said, still_missing
from smartagent.console.errors import VerbRefused
from smartagent.console.frame import Frame, number_in, query
from smartagent.console.model_approvals import Approval, ApprovalPage, Decided, GrantList
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

PATH: Final = "/console/approvals"
GRANTS_PATH: Final = "/console/approval-grants"
STATES: Final = ("pending", "approved", "used", "denied", "expired", "withdrawn")
LIVE: Final = "approvals approval-grants"
ROWS: Final = 25
SPANS: Final = (("15 minutes", 900), ("1 hour", 3600), ("4 hours", 14_400), ("8 hours", 28_800))
_DECISIONS: Final = frozenset({"approve", "deny"})
_FORM: Final = ("application/x-www-form-urlencoded",)


class Approvals:
    """The pages of approvals and of the grants that came of them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._showing(), *self._deciding(), *self._granted())

    def _showing(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/approvals",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_all,
                summary="Show what waits for people, or what was decided",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/approvals/{id}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show an approval: its card, and who said what",
                render=self._frame.refusal,
            ),
        )

    def _deciding(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/approvals/{id}/decide",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.ask,
                summary="Show the card again, and ask whether it is approved or denied",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/approvals/{id}/decide",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.decide,
                summary="Approve or deny what an agent would do",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=16_384,
            ),
        )

    def _granted(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/approval-grants",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_grants,
                summary="List what agents need not ask for each time",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/approval-grants/{id}/end",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.end_grant,
                summary="End a grant: each call is asked about again",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what waits as cards, or what is in another state as a list.

        Raises:
            VerbRefused: The operator may not see them, or there is no such page.
        """
        asked = parse_form(inbound.query.encode("utf-8", "replace"))
        state, cursor = asked.get("state") or "pending", asked.get("cursor", "")
        if state not in STATES:
            raise MalformedRequest(f"the state is one of {', '.join(STATES)}")
        found = await self._frame.api(caller).read(
            f"/v1/approvals{query(state=state, cursor=cursor, limit=str(ROWS))}", ApprovalPage
        )
        names = self._frame.names(people_in(found.approvals))
        return self._frame.page(
            caller,
            inbound,
            "approvals.html",
            approvals=found.approvals,
            missing={each.id: still_missing(each, names) for each in found.approvals},
            names=names,
            kinds=KINDS,
            me=caller.principal,
            state=state,
            states=STATES,
            first=f"{PATH}{query(state=state)}" if cursor else "",
            following=f"{PATH}{query(state=state, cursor=found.next_cursor)}" if found.next_cursor else "",
            may_decide=self._frame.may(caller, "approvals.decide", inbound),
            live=LIVE,
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show an approval.

        Raises:
            VerbRefused: There is none of this id, or the operator may not see it.
        """
        approval = await self._frame.api(caller).read(f"/v1/approvals/{_id(inbound)}", Approval)
        return self._page(caller, inbound, "approval.html", approval, clamped=(), live=LIVE)

    async def ask(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the card again, and ask.

        Raises:
            VerbRefused: There is none of this id, or the operator may not see it.
            MalformedRequest: It is neither to be approved nor to be denied.
        """
        asked = parse_form(inbound.query.encode("utf-8", "replace"))
        decision = _decision(asked)
        approval = await self._frame.api(caller).read(f"/v1/approvals/{_id(inbound)}", Approval)
        return self._asking(caller, inbound, approval, {"decision": decision})

    async def decide(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say yes or no to the version that the operator was shown.

        Raises:
            VerbRefused: There is none of this id, or the operator may not see it.
            MalformedRequest: It is neither to be approved nor to be denied.
        """
        form, api = parse_form(inbound.body), self._frame.api(caller)
        path, decision = f"/v1/approvals/{_id(inbound)}", _decision(form)
        try:
            raw = await api.fetch("POST", f"{path}/decide", _wish(decision, form))
        except VerbRefused as refused:
            # Somebody else may have been faster: what is shown again is what it is now.
            approval = await api.read(path, Approval)
            return self._asking(caller, inbound, approval, form, failed=refused)
        done = msgspec.json.decode(raw, type=Decided)
        if done.clamped:
            return self._page(caller, inbound, "approval.html", done.approval, clamped=done.clamped, live="")
        told = {"approved": "approved", "denied": "denied"}.get(done.approval.state, "voted")
        return self._frame.see(PATH, told, subject=done.approval.agent)

    async def show_grants(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the grants in force.

        Raises:
            VerbRefused: The operator may not see them.
        """
        found = await self._frame.api(caller).read("/v1/approval-grants", GrantList)
        return self._frame.page(
            caller,
            inbound,
            "approval-grants.html",
            section=PATH,
            grants=found.grants,
            names=self._frame.names(people_of(found.grants)),
            may_decide=self._frame.may(caller, "approvals.decide", inbound),
            live=LIVE,
        )

    async def end_grant(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End a grant.

        Raises:
            VerbRefused: There is none of this id, it has ended, or the operator may not.
        """
        await self._frame.api(caller).fetch("DELETE", f"/v1/approval-grants/{_id(inbound)}")
        return self._frame.see(GRANTS_PATH, "grant-ended")

    def _asking(
        self,
        caller: Caller,
        inbound: Inbound,
        approval: Approval,
        form: dict[str, str],
        failed: VerbRefused | None = None,
    ) -> Outcome:
        return self._page(
            caller,
            inbound,
            "approval-decide.html",
            approval,
            status=200 if failed is None else failed.status,
            failed="" if failed is None else str(failed),
            form=form,
            spans=SPANS,
        )

    def _page(
        self,
        caller: Caller,
        inbound: Inbound,
        template: str,
        approval: Approval,
        status: int = 200,
        **values: object,
    ) -> Outcome:
        names = self._frame.names(people_in((approval,)))
        return self._frame.page(
            caller,
            inbound,
            template,
            status,
            approval=approval,
            names=names,
            missing=still_missing(approval, names),
            said=said(approval),
            outcome=outcome(approval),
            kinds=KINDS,
            me=caller.principal,
            may_decide=self._frame.may(caller, "approvals.decide", inbound),
            **values,
        )


def _decision(fields: dict[str, str]) -> str:
    decision = fields.get("decision", "")
    if decision not in _DECISIONS:
        raise MalformedRequest("the decision is approve or deny")
    return decision


def _wish(decision: str, form: dict[str, str]) -> dict[str, object]:
    """Write what a form says as the verb takes it."""
    wish: dict[str, object] = {
        "decision": decision,
        "reason": form.get("reason", ""),
        "version": number_in(form.get("version", "")),
    }
    if decision == "approve":
        wish |= {"grant": form.get("grant") or "once", "seconds": number_in(form.get("seconds", "3600"))}
    if wish.get("grant") == "pattern":
        wish["pattern"] = {
            "paths": form.get("paths", "").split(),
            "methods": form.get("methods", "").upper().replace(",", " ").split(),
        }
    return wish


def _id(inbound: Inbound) -> str:
    return quote(inbound.params["id"], safe="")
