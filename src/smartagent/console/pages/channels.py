# SPDX-License-Identifier: Apache-2.0
"""Channels: where notices go to people who do not look here."""

from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.errors import VerbRefused
from smartagent.console.frame import Frame
from smartagent.console.model_approvals import ChannelList, ChannelTested, ChannelWritten
from smartagent.edge import Inbound, Outcome, Proof, Route, parse_form
from smartagent.kernel import Caller

PATH: Final = "/console/channels"
KINDS: Final = (
    ("approvals", "somebody has to decide before an agent goes on"),
    ("alarms", "a credential is where it should not be"),
    ("reviews", "access is to be looked at"),
    ("break-glass", "somebody took more than they have"),
    ("agents", "agents lost whoever answered for them"),
)
_SEVERAL: Final = frozenset({"takes"})
_FORM: Final = ("application/x-www-form-urlencoded",)


class Channels:
    """The pages of channels."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._showing(), *self._acting())

    def _showing(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/channels",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_all,
                summary="List the channels, and what came of their notices",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/channels/new",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_form,
                summary="Show the form of a new channel",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/channels/{name}/edit",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_form,
                summary="Show the form of a channel",
                render=self._frame.refusal,
            ),
        )

    def _acting(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/console/channels",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.put,
                summary="Say where notices go, and show a new webhook's secret once",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=8192,
            ),
            Route(
                "POST",
                "/console/channels/{name}/test",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.test,
                summary="Send a test notice, and show what came of it",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
            Route(
                "POST",
                "/console/channels/{name}/remove",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.remove,
                summary="Delete a channel, and what waits for it",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=1024,
            ),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the channels.

        Raises:
            VerbRefused: The operator may not see them.
        """
        return await self._list(caller, inbound)

    async def show_form(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the form of a channel, or of a new one.

        Raises:
            VerbRefused: The operator may not see the channels.
        """
        found = await self._frame.api(caller).read("/v1/channels", ChannelList)
        known = next((each for each in found.channels if each.name == inbound.params.get("name")), None)
        form = {} if known is None else _fields(msgspec.to_builtins(known))
        return self._form(caller, inbound, form, known=known is not None)

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write a channel; when a secret was made for it, show that once.

        Raises:
            MalformedRequest: The form is malformed.
        """
        form = parse_form(inbound.body, _SEVERAL)
        wanted = {
            "webhook": form.get("webhook", ""),
            "email": form.get("email", ""),
            "allow_private": bool(form.get("allow_private")),
            "takes": form.get("takes", "").split(),
            "new_secret": bool(form.get("new_secret")),
        }
        try:
            raw = await self._frame.api(caller).fetch("PUT", f"/v1/channels/{_segment(form)}", wanted)
        except VerbRefused as refused:
            return self._form(caller, inbound, form, known=bool(form.get("known")), failed=refused)
        written = msgspec.json.decode(raw, type=ChannelWritten)
        if not written.secret:
            return self._frame.see(PATH, "channel-written")
        return await self._list(caller, inbound, written=written)

    async def test(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Send a test notice.

        Raises:
            VerbRefused: There is no such channel, or the operator may not.
        """
        raw = await self._frame.api(caller).fetch("POST", f"/v1/channels/{_name(inbound)}/test")
        tested = inbound.params["name"], msgspec.json.decode(raw, type=ChannelTested)
        return await self._list(caller, inbound, tested=tested)

    async def remove(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Delete a channel; first ask whether that is meant.

        Raises:
            VerbRefused: There is no such channel, or the operator may not.
        """
        if not parse_form(inbound.body).get("sure"):
            return self._frame.page(caller, inbound, "channel-remove.html", name=inbound.params["name"])
        await self._frame.api(caller).fetch("DELETE", f"/v1/channels/{_name(inbound)}")
        return self._frame.see(PATH, "channel-removed")

    async def _list(
        self,
        caller: Caller,
        inbound: Inbound,
        written: ChannelWritten | None = None,
        tested: tuple[str, ChannelTested] | None = None,
    ) -> Outcome:
        found = await self._frame.api(caller).read("/v1/channels", ChannelList)
        return self._frame.page(
            caller,
            inbound,
            "channels.html",
            written=written,
            tested=tested,
            channels=found.channels,
            may_write=self._frame.may(caller, "channels.write", inbound),
        )

    def _form(
        self,
        caller: Caller,
        inbound: Inbound,
        form: dict[str, str],
        *,
        known: bool,
        failed: VerbRefused | None = None,
    ) -> Outcome:
        return self._frame.page(
            caller,
            inbound,
            "channel.html",
            200 if failed is None else failed.status,
            form=form,
            takes=form.get("takes", "").split(),
            known=known,
            kinds=KINDS,
            failed="" if failed is None else str(failed),
        )


def _fields(channel: dict[str, object]) -> dict[str, str]:
    """Write a channel as its form has it."""
    return {
        name: "\n".join(value) if isinstance(value, list) else str(value)
        for name, value in channel.items()
        if value
    }


def _segment(form: dict[str, str]) -> str:
    return quote(form.get("name", ""), safe="")


def _name(inbound: Inbound) -> str:
    return quote(inbound.params["name"], safe="")
