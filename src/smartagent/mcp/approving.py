# SPDX-License-Identifier: Apache-2.0
"""A call that somebody has to approve: its answer streams nothing until they do, and nothing is asked of the server.

    decide --asks--> obtain leave --> decide again --> (intent recorded, leave used up) --> ask the server
                         |
                         +--nobody decided within the wait--> the client is told where to decide

Clients that can lead their user to a page are told of it in the way of their revision, and make the same call again.

Spec: MCP 2025-11-25, Elicitation (URL mode); MCP 2026-07-28, Multi Round-Trip Requests.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import msgspec
from mcp_types import CLIENT_CAPABILITIES_META_KEY, URL_ELICITATION_REQUIRED, methods

from smartagent.approvals import APPROVAL_PAGE, ApprovalPending, Deed, Obtained, Wish, covers, demand_of
from smartagent.kernel import Caller, Decision, NeedsApproval, Record, Work
from smartagent.mcp.answering import Asked, Progress, Serve
from smartagent.mcp.errors import McpApprovalPending
from smartagent.mcp.flow import Judged
from smartagent.mcp.means import IsSecret, Means
from smartagent.mcp.model import McpServer
from smartagent.mcp.protocol import Message
from smartagent.mcp.scrubbing import scrubbed_text, variants_of
from smartagent.policy import McpCall

_WITH_URLS: Final = "2025-11-25"
"""The one revision in which an error leads to a page; later ones have a result for it."""
_JSON: Final = "application/json"
_NOT_DONE: Final = frozenset({"_meta", "name", "uri", "inputResponses", "requestState"})
"""Members of a message that do not say what is done, or are shown elsewhere."""
_encode: Final = msgspec.json.Encoder(order="deterministic").encode

Judge = Callable[[], Awaitable[Judged]]
"""Decides about the call, by the rules of that instant."""


class Held(msgspec.Struct, frozen=True):
    """A call that waits: what it is, and how to decide about it anew."""

    asked: Asked
    server: McpServer
    call: McpCall
    message: Message
    judge: Judge


class Approving:
    """Obtains leave for calls to MCP servers."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def serve(self, held: Held, serve: Serve, progress: Progress) -> dict[str, object]:
        """Serve a call once it may be made; until then, say where that is decided.

        Raises:
            McpApprovalPending: Nobody decided within the wait.
            ApprovalsError: Somebody said no, or the leave is over.
            SmartAgentError: The rules changed meanwhile, or the call fails.
        """
        leave: Obtained | None = None
        while True:
            judged = await held.judge()
            needs = judged.needs
            if needs is None or (leave is not None and covers(leave.demand, demand_of(needs))):
                break
            try:
                leave = await self._obtain(held, needs, progress)
            except ApprovalPending as pending:
                return self._told(held, pending)
        await self._means.commit(_intent(held, judged, leave if needs else None, self._now_ms()), _who(held))
        return await serve(progress)

    async def _obtain(self, held: Held, needs: NeedsApproval, progress: Progress) -> Obtained:
        wish = Wish(self._deed(held), held.asked.request_id)
        ask = partial(self._means.approve, _who(held), needs, is_secret=await self._is_secret(held.server))
        try:
            return await ask(wish)
        except ApprovalPending as pending:
            if needs.confirm and _opens_pages(held.message):
                # Whoever has to confirm sits at this client: it leads them to the page at once.
                raise
            await progress(0, None, self._words(pending))
        waiting = msgspec.structs.replace(wish, wait_seconds=self._means.approval_wait_seconds)
        return await ask(waiting)

    async def _is_secret(self, server: McpServer) -> IsSecret:
        """Return what finds the server's own secret.  A user's account is not touched before the call may be made."""
        variants = variants_of(await self._means.secret(server.secret) if server.secret else ())
        return lambda text: scrubbed_text(text, variants) != text

    def _told(self, held: Held, pending: ApprovalPending) -> dict[str, object]:
        message, page = held.message, f"{self._means.issuer}{APPROVAL_PAGE}{pending.approval}"
        leading: dict[str, object] = {"mode": "url", "message": self._words(pending), "url": page}
        if message.modern and _opens_pages(message):
            asked = {pending.approval: {"method": "elicitation/create", "params": leading}}
            whole = {"resultType": "input_required", "inputRequests": asked}
            result: dict[str, object] = methods.serialize_server_result(
                message.method, message.revision, whole
            )
            return result
        data: dict[str, object] = {"approval": pending.approval, "page": page}
        if message.revision != _WITH_URLS:
            raise McpApprovalPending(self._words(pending), message.id, data=data)
        data["elicitations"] = [{**leading, "elicitationId": pending.approval}]
        raise McpApprovalPending(self._words(pending), message.id, URL_ELICITATION_REQUIRED, data)

    def _words(self, pending: ApprovalPending) -> str:
        return f"Somebody has to approve this call ({pending.approval}); make it again once they have."

    def _deed(self, held: Held) -> Deed:
        rest = {name: value for name, value in held.message.params.items() if name not in _NOT_DONE}
        # A tool's arguments are all there is to say, in most calls.
        shown = rest["arguments"] if rest.keys() == {"arguments"} else rest
        return Deed(
            kind="mcp",
            upstream=held.call.server,
            place=self._means.address_of(held.call.server),
            method=held.call.kind.value,
            path=f"/{held.call.name}",
            content_type=_JSON,
            body=_encode(shown) if shown else b"",
        )

    def _now_ms(self) -> int:
        return int(self._means.clock.now() * 1000)


def _who(held: Held) -> Caller:
    return held.asked.caller


def _opens_pages(message: Message) -> bool:
    """Say whether the client can lead its user to a page, as far as a single message tells."""
    if not message.modern:
        return False
    meta = _members(message.params.get("_meta"))
    abilities = _members(_members(meta.get(CLIENT_CAPABILITIES_META_KEY)).get("elicitation"))
    return "url" in abilities


def _members(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _intent(held: Held, judged: Judged, leave: Obtained | None, now_ms: int) -> Work:
    caller = held.asked.caller
    record = Record(
        event="mcp.call",
        at_ms=now_ms,
        request=held.asked.request_id,
        caller=caller.principal,
        session=caller.session,
        jti=caller.jti,
        permission=held.asked.permission,
        target=held.asked.target,
        decision=Decision.PERMIT,
        detail=dict(judged.detail),
    )
    if leave is None:
        return Work((record,), writes=judged.writes)
    record.detail.update({"approval": leave.id, "approved_by": " ".join(leave.by)})
    return Work((record,), writes=(*judged.writes, *leave.writes), changes=leave.changes)
