# SPDX-License-Identifier: Apache-2.0
"""The editor of roles and policies: a draft is checked, compared and tried on the past before it is staged or written."""

from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.drafts import Draft, Past, complaint, lines_of, replayed
from smartagent.console.errors import VerbRefused
from smartagent.console.frame import Frame, query
from smartagent.console.means import Means
from smartagent.console.model_rules import Staged, Text
from smartagent.console.pages.rules import KINDS
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

PAST_SECONDS: Final = 7 * 86_400
_NOTHING: Final = frozenset({400, 404})
_MAX_BODY_BYTES: Final = 262_144
_ACTS: Final = frozenset({"check", "replay", "stage", "write"})


class Editor:
    """The editor's page."""

    def __init__(self, means: Means, frame: Frame) -> None:
        self._means = means
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the page's routes."""
        return (
            Route(
                "GET",
                "/console/editor/{kind}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show a role or policy to be written",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/editor/{kind}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.act,
                summary="Check a draft, try it on the past, stage it, or put it into force",
                render=self._frame.refusal,
                media_types=("application/x-www-form-urlencoded",),
                max_body_bytes=_MAX_BODY_BYTES,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what is staged under a name, else what is in force, else nothing.

        Raises:
            VerbRefused: The operator may not see it.
            MalformedRequest: It is no such kind.
        """
        kind = _kind(inbound)
        name = parse_form(inbound.query.encode("utf-8", "replace")).get("name", "")
        present = await self._in_force(caller, kind, name)
        staged = await self._staged(caller, kind, name)
        form = {"name": name, "text": present if staged is None else staged.text}
        return self._page(caller, inbound, form, present)

    async def act(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Do with a draft what its form says; what is wrong with it is shown beside it.

        Raises:
            VerbRefused: The operator may not see what is in force.
            MalformedRequest: It is no such kind or act.
        """
        kind, form = _kind(inbound), parse_form(inbound.body)
        act = form.get("act", "check")
        if act not in _ACTS:
            raise MalformedRequest("a draft is checked, replayed, staged or written")
        form["text"] = form.get("text", "").replace("\r\n", "\n")
        draft = Draft(kind, form.get("name", ""), form["text"])
        api, now, past = self._frame.api(caller), int(self._means.clock.now()), None
        present = await self._in_force(caller, kind, draft.name)
        try:
            if act == "stage":
                await api.fetch("PUT", f"/v1/{kind}/{_segment(draft.name)}/staged", _wanted(form, "text"))
                return self._frame.see(f"/console/{kind}/{_segment(draft.name)}", "staged")
            if act == "write":
                member = "role_file" if kind == "roles" else "cedar"
                await api.fetch("PUT", f"/v1/{kind}/{_segment(draft.name)}", _wanted(form, member))
                return self._frame.see(f"/console/{kind}/{_segment(draft.name)}", "in-force")
            failed = await complaint(api, draft, now)
            if act == "replay" and not failed:
                past = await replayed(api, draft, now - PAST_SECONDS)
        except VerbRefused as refused:
            failed = str(refused)
        return self._page(caller, inbound, form, present, checked=True, failed=failed, past=past)

    def _page(
        self,
        caller: Caller,
        inbound: Inbound,
        form: dict[str, str],
        present: str,
        **came: bool | str | Past | None,
    ) -> Outcome:
        kind = _kind(inbound)
        return self._frame.page(
            caller,
            inbound,
            "editor.html",
            section=f"/console/{kind}",
            kind=kind,
            form=form,
            lines=lines_of(present, form["text"]),
            checked=came.get("checked", False),
            failed=came.get("failed", ""),
            past=came.get("past"),
            reset=f"/console/editor/{kind}{query(name=form.get('name', ''))}",
            may_write=self._frame.may(caller, f"{kind}.write", inbound),
        )

    async def _in_force(self, caller: Caller, kind: str, name: str) -> str:
        raw = await self._known(caller, f"/v1/{kind}/{_segment(name)}", name)
        return "" if raw is None else msgspec.json.decode(raw, type=Text).text

    async def _staged(self, caller: Caller, kind: str, name: str) -> Staged | None:
        raw = await self._known(caller, f"/v1/{kind}/{_segment(name)}/staged", name)
        return None if raw is None else msgspec.json.decode(raw, type=Staged)

    async def _known(self, caller: Caller, path: str, name: str) -> bytes | None:
        if not name:
            return None
        try:
            return await self._frame.api(caller).fetch("GET", path)
        except VerbRefused as refused:
            # A name that cannot be one has nothing in force; whoever writes it is told so by the verb that takes it.
            if refused.status not in _NOTHING:
                raise
            return None


def _wanted(form: dict[str, str], member: str) -> dict[str, object]:
    return {
        member: form["text"],
        "allow_broad": bool(form.get("allow_broad")),
        "reason": form.get("reason", ""),
    }


def _kind(inbound: Inbound) -> str:
    kind = inbound.params["kind"]
    if kind not in KINDS:
        raise MalformedRequest("it is roles or policies")
    return kind


def _segment(raw: str) -> str:
    return quote(raw, safe="")
