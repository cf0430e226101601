# SPDX-License-Identifier: Apache-2.0
"""The log: looked through from its end, a token's chain of custody, and whether a document holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from smartagent.console.frame import Frame, query
from smartagent.console.means import Means
from smartagent.console.model import Chain, Found
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Reply, Route, parse_form
from smartagent.kernel import Caller, SmartAgentError
from smartagent.sdk import verify_custody

PATH: Final = "/console/audit"
ROWS: Final = 50
CHAIN_ROWS: Final = 200
EXPORTED: Final = 4096
FILTERS: Final = ("subject", "event", "decision", "since", "until", "reads", "cursor")
MAX_DOCUMENT_BYTES: Final = 1_048_576
_TOKEN: Final = "aat_"  # noqa: S105 -- a prefix, not a password
_FORM: Final = ("application/x-www-form-urlencoded",)


class Audit:
    """The pages of the log."""

    def __init__(self, means: Means, frame: Frame) -> None:
        self._means = means
        self._frame = frame

    def routes(self) -> tuple[Route, ...]:
        """Return the pages' routes."""
        return (*self._searching(), *self._proving())

    def _searching(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/audit",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show,
                summary="Look through the log, the newest entries first",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/audit/export",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.export,
                summary="Load a range of the log down as JSON lines that prove themselves",
                render=self._frame.refusal,
            ),
        )

    def _proving(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/console/audit/tokens/{jti}",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_chain,
                summary="Draw the chain of custody of a token, and verify its receipts",
                render=self._frame.refusal,
            ),
            Route(
                "GET",
                "/console/audit/verify",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.shown",
                self.show_form,
                summary="Show the form that verifies a document",
                render=self._frame.refusal,
            ),
            Route(
                "POST",
                "/console/audit/verify",
                Proof.CONSOLE_SESSION,
                "console.view",
                "console.acted",
                self.verify,
                summary="Say whether a chain of custody that somebody brought holds",
                render=self._frame.refusal,
                media_types=_FORM,
                max_body_bytes=MAX_DOCUMENT_BYTES,
            ),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the entries that fit, the newest first.

        Raises:
            VerbRefused: The operator may not, or a filter is malformed.
            MalformedRequest: A time is none.
        """
        asked = parse_form(inbound.query.encode("utf-8", "replace"))
        fields = {name: asked.get(name, "") for name in FILTERS}
        wanted = {
            "subject": fields["subject"].strip(),
            "event": fields["event"].strip(),
            "decision": fields["decision"],
            "since_ms": _milliseconds(fields["since"]),
            "until_ms": _milliseconds(fields["until"]),
            "reads": "" if fields["reads"] else "false",
            "cursor": fields["cursor"],
        }
        found = await self._frame.api(caller).read(f"/v1/log/search{query(**wanted, limit=str(ROWS))}", Found)
        return self._frame.page(
            caller,
            inbound,
            "audit.html",
            entries=found.entries,
            fields=fields,
            filtered=any(fields[name] for name in FILTERS if name != "cursor"),
            following=_following(fields, found.next),
            token=wanted["subject"] if wanted["subject"].startswith(_TOKEN) else "",
        )

    async def show_chain(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Draw a token's chain of custody, and say whether its receipts hold.

        Raises:
            VerbRefused: There is no such token, or the operator may not see it.
        """
        jti, cursor = inbound.params["jti"], parse_form(inbound.query.encode()).get("cursor", "")
        target = f"/v1/audit/{quote(jti, safe='')}{query(cursor=cursor, limit=str(CHAIN_ROWS))}"
        raw = await self._frame.api(caller).fetch("GET", target)
        chain = msgspec.json.decode(raw, type=Chain)
        following = query(cursor=str(chain.next)) if chain.next else ""
        return self._frame.page(
            caller,
            inbound,
            "token.html",
            chain=chain,
            verdict=self._verdict(raw),
            following=f"{PATH}/tokens/{quote(jti, safe='')}{following}" if following else "",
        )

    async def show_form(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show the form that verifies a document."""
        return self._frame.page(
            caller, inbound, "verify.html", document="", verdict=None, vkey=self._means.log_vkey
        )

    async def verify(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say whether a document that somebody brought holds."""
        document = parse_form(inbound.body).get("document", "").strip()
        return self._frame.page(
            caller,
            inbound,
            "verify.html",
            document=document,
            verdict=self._verdict(document.encode()),
            vkey=self._means.log_vkey,
        )

    async def export(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give a range of the log as a file.

        Raises:
            VerbRefused: The operator may not, or there is no such range.
        """
        asked = parse_form(inbound.query.encode("utf-8", "replace"))
        begin = asked.get("from", "0")
        body = await self._frame.api(caller).fetch("GET", f"/v1/log/export{query(**{'from': begin})}")
        headers = (
            ("content-disposition", 'attachment; filename="smartagent-log.jsonl"'),
            ("cache-control", "no-store"),
        )
        return Outcome(Reply(200, body, "application/jsonl", headers))

    def _verdict(self, document: bytes) -> dict[str, object]:
        try:
            verified = verify_custody(document, self._means.log_vkey)
        except SmartAgentError as error:
            return {"holds": False, "why": f"{error.title} {error}", "size": 0, "entries": 0}
        return {"holds": True, "why": "", "size": verified.size, "entries": len(verified.indexes)}


def _following(fields: Mapping[str, str], cursor: int) -> str:
    return f"{PATH}{query(**{**fields, 'cursor': str(cursor)})}" if cursor else ""


def _milliseconds(raw: str) -> str:
    """Read what a field for date and time gives: an instant of UTC."""
    if not raw:
        return ""
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise MalformedRequest("a time is written 2027-01-31T12:00, in UTC") from None
    return str(int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000))
