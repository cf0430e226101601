# SPDX-License-Identifier: Apache-2.0
"""What accepting a request would come to, for the person who decides: words, the change, whom it reaches."""

import asyncio

import msgspec

from smartagent.governance.access.drafting import draft_of
from smartagent.governance.access.model import AccessRequest, Wish, WishKind
from smartagent.governance.access.views import AccessDetail, request_view
from smartagent.governance.errors import NoDraft
from smartagent.governance.means import Means
from smartagent.identity import AgentStatus
from smartagent.kernel import Caller, CallerKind, Permitted, Verdict
from smartagent.policy import (
    Book,
    Call,
    McpCall,
    McpKind,
    PolicyError,
    Role,
    RoleNotFound,
    RuleKind,
    difference,
    drafted,
    parse_role_file,
)

_SHOWN_AGENTS = 20


class Looking:
    """Shows requests."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def detail_of(self, request: AccessRequest, path: str = "") -> AccessDetail:
        """Show a request with its draft; with `path`, a pattern, a wider one.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        try:
            before = self._means.book.role(request.role).role_file
            text = draft_of(before, wished(request), path)
        except (NoDraft, RoleNotFound) as error:
            return AccessDetail(request_view(request), "", "", (), (), (), str(error), "")
        found = difference(RuleKind.ROLE, before, text, ("in force", "with this"))
        return AccessDetail(
            request=request_view(request),
            role_file=text,
            diff=found.diff,
            comes=found.comes,
            goes=found.goes,
            reach=self._reach(request),
            no_draft="",
            still_denied=await asyncio.to_thread(self._denied, request, text),
        )

    def _reach(self, request: AccessRequest) -> tuple[str, ...]:
        """Say who would have it."""
        agents = [
            agent
            for agent in sorted(self._means.directory.agents(), key=lambda each: each.id)
            if agent.role == request.role and agent.status is not AgentStatus.RETIRED
        ]
        others = f", and {len(agents) - _SHOWN_AGENTS} others" if len(agents) > _SHOWN_AGENTS else ""
        named = ", ".join(f"{agent.id} ({agent.name})" for agent in agents[:_SHOWN_AGENTS])
        return (
            f"For good, as a new version of the role {request.role}: {len(agents)} agents: {named or 'none'}{others}.",
            f"For a while, as an elevation: {request.agent} alone.",
        )

    def _denied(self, request: AccessRequest, text: str) -> str:
        """Say what would deny the same request by the draft; empty when it would be allowed."""
        wish = wished(request)
        role = parse_role_file(text)
        try:
            book = drafted(self._means.book, [text], {})
        except PolicyError as error:
            return str(error)
        verdict = _decided(book, _caller_of(request, role), wish)
        return "" if isinstance(verdict, Permitted) else verdict.reason


def wished(request: AccessRequest) -> Wish:
    """Return what was denied."""
    return msgspec.json.decode(request.wish, type=Wish)


def _decided(book: Book, caller: Caller, wish: Wish) -> Verdict:
    match wish.kind:
        case WishKind.LEASE:
            return book.decide_lease(caller, wish.place)
        case WishKind.MCP:
            return book.decide_mcp(caller, McpCall(wish.place, McpKind(wish.verb), wish.name))
        case WishKind.CALL | WishKind.WORDS:
            return book.decide_for_both(caller, Call(wish.place, wish.verb, wish.name))


def _caller_of(request: AccessRequest, role: Role) -> Caller:
    """Return who was denied, with all the scopes that a token of the drafted role may hold."""
    detail = msgspec.json.decode(request.circumstances, type=dict[str, str | int])
    return Caller(
        principal=request.agent,
        kind=CallerKind.AGENT,
        role=request.role,
        scopes=frozenset(role.scopes),
        client_ip=str(detail.get("ip", "")),
        subject=str(detail.get("for", "")),
        subject_role=str(detail.get("for_role", "")),
    )
