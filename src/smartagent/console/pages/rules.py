# SPDX-License-Identifier: Apache-2.0
"""Roles and policies: what they say and who has them, how they came to it, and what is staged."""

import asyncio
from collections.abc import Awaitable
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.drafts import toned
from smartagent.console.errors import VerbRefused
from smartagent.console.frame import Frame, number_in, query
from smartagent.console.model import AgentPage, Rule
from smartagent.console.model_rules import Diff, Staged, StagedList, Text, Texts, VersionList, Why
from smartagent.console.words import sentence_of
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

KINDS: Final = ("roles", "policies")
LIVE: Final = "roles policies staged-rules"
HOLDERS: Final = 25
STEPS: Final = {
    "draft": ("shadow",),
    "shadow": ("draft", "canary"),
    "canary": ("draft", "shadow", "canary", "on"),
}
_NOT_FOUND: Final = 404
_FORM: Final = ("application/x-www-form-urlencoded",)


class Rules:
    """The pages of roles and policies."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._lists(), *self._ones(), *self._acting())

    def _lists(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/roles",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_all,
                summary="List the roles",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/policies",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_all,
                summary="List the policies",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/why",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.explain,
                summary="Say whether an agent may make a call, and by which rule",
                render=self._frame.refusal,
            ),
        )

    def _ones(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/roles/{name}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show a role: what it allows, who has it, and its history",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/policies/{name}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Show a policy, and its history",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/rules/{kind}/{name}/versions/{version}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_version,
                summary="Show what a version of a role or policy changed",
                render=self._frame.refusal,
            ),
        )

    def _acting(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/console/rules/{kind}/{name}/stage",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.step,
                summary="Take what is staged a step further or back, or drop it",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=4096,
            ),
            Route(
                "POST",
                "/console/rules/{kind}/{name}/rollback",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.roll_back,
                summary="Bring an old version of a role or policy into force again",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=4096,
            ),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the roles, or the policies.

        Raises:
            VerbRefused: The operator may not see them.
        """
        kind, api = inbound.path.rpartition("/")[2], self._frame.api(caller)
        found, staged = await asyncio.gather(
            api.read(f"/v1/{kind}", Texts), api.read(f"/v1/staged-{kind}", StagedList)
        )
        texts = found.roles or found.policies
        return self._frame.page(
            caller,
            inbound,
            "rules.html",
            kind=kind,
            texts=texts,
            house=found.house,
            staged={each.name: each for each in staged.staged},
            new=[each for each in staged.staged if each.name not in {text.name for text in texts}],
            names=self._frame.names(text.changed_by for text in texts),
            may_write=self._frame.may(caller, f"{kind}.write", inbound),
            live=LIVE,
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a role or a policy.

        Raises:
            VerbRefused: There is none of this name, or the operator may not see it.
        """
        kind, name, api = inbound.path.split("/")[2], _name(inbound), self._frame.api(caller)
        staged = await _found(api.fetch("GET", f"/v1/{kind}/{name}/staged"))
        text = await _found(api.fetch("GET", f"/v1/{kind}/{name}"))
        if staged is None and text is None:
            raise VerbRefused(_NOT_FOUND, "There is none of this name.")
        versions = await _found(api.fetch("GET", f"/v1/{kind}/{name}/versions"))
        said = None if text is None else msgspec.json.decode(text, type=Text)
        history = msgspec.json.decode(versions, type=VersionList).versions if versions else []
        holders = AgentPage([])
        if kind == "roles":
            holders = await api.read(
                f"/v1/inventory{query(role=inbound.params['name'], limit=str(HOLDERS))}", AgentPage
            )
        return self._frame.page(
            caller,
            inbound,
            "rule.html",
            kind=kind,
            name=inbound.params["name"],
            text=said,
            sentences=_sentences(said),
            staged=None if staged is None else msgspec.json.decode(staged, type=Staged),
            steps=STEPS,
            versions=history,
            names=self._frame.names(version.changed_by for version in history),
            holders=holders,
            may_write=self._frame.may(caller, f"{kind}.write", inbound),
            live=LIVE,
        )

    async def show_version(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show what a version changed.

        Raises:
            VerbRefused: There is no such version, or the operator may not see it.
        """
        kind, version = _kind(inbound), inbound.params["version"]
        found = await self._frame.api(caller).read(
            f"/v1/{kind}/{_name(inbound)}/versions/{quote(version, safe='')}/diff", Diff
        )
        return self._frame.page(
            caller,
            inbound,
            "rule-version.html",
            section=f"/console/{kind}",
            kind=kind,
            name=inbound.params["name"],
            found=found,
            lines=toned(found.diff),
            may_write=self._frame.may(caller, f"{kind}.write", inbound),
        )

    async def step(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take what is staged a step, or drop it.

        Raises:
            VerbRefused: It is no such step, another version came into force, or the operator may not.
            MalformedRequest: It is no such kind, or the percentage is no number.
        """
        kind, form, api = _kind(inbound), parse_form(inbound.body), self._frame.api(caller)
        path, to = f"/v1/{kind}/{_name(inbound)}/staged", form.get("to", "")
        if to == "dropped":
            await api.fetch("DELETE", path)
            return self._frame.see(f"/console/{kind}", "staged-dropped")
        percent = number_in(form.get("percent", "")) if to == "canary" else 0
        body = {"to": to, "percent": percent, "reason": form.get("reason", "")}
        await api.fetch("POST", f"{path}/stage", body)
        return self._frame.see(f"/console/{kind}/{_name(inbound)}", "in-force" if to == "on" else "stepped")

    async def roll_back(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Bring an old version into force again.

        Raises:
            VerbRefused: There is no such version, no reason was given, or the operator may not.
            MalformedRequest: It is no such kind, or no version.
        """
        kind, form = _kind(inbound), parse_form(inbound.body)
        body = {"version": number_in(form.get("version", "")), "reason": form.get("reason", "")}
        await self._frame.api(caller).fetch("POST", f"/v1/{kind}/{_name(inbound)}/rollback", body)
        return self._frame.see(f"/console/{kind}/{_name(inbound)}", "rolled-back")

    async def explain(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say whether an agent may make a call.

        Raises:
            MalformedRequest: The query is malformed.
        """
        form = parse_form(inbound.query.encode("utf-8", "replace"))
        asked = {name: form.get(name, "") for name in ("agent", "upstream", "method", "path")}
        why, failed = None, ""
        if all(asked.values()):
            try:
                raw = await self._frame.api(caller).fetch("POST", "/v1/policies/explain", asked)
                why = msgspec.json.decode(raw, type=Why)
            except VerbRefused as refused:
                failed = str(refused)
        return self._frame.page(
            caller, inbound, "why.html", section="/console/policies", form=asked, why=why, failed=failed
        )


async def _found(reading: Awaitable[bytes]) -> bytes | None:
    """Return what a verb answers; None where there is nothing."""
    try:
        return await reading
    except VerbRefused as refused:
        if refused.status != _NOT_FOUND:
            raise
        return None


def _sentences(text: Text | None) -> list[str]:
    if text is None:
        return []
    said = [
        sentence_of(Rule("", rule.scope, rule.methods, rule.paths, rule.ask or ""), rule.upstream)
        for rule in text.allow
    ]
    return [*said, *(f"Lease {credential}" for credential in text.credentials)]


def _kind(inbound: Inbound) -> str:
    kind = inbound.params["kind"]
    if kind not in KINDS:
        raise MalformedRequest("it is roles or policies")
    return kind


def _name(inbound: Inbound) -> str:
    return quote(inbound.params["name"], safe="")
