# SPDX-License-Identifier: Apache-2.0
"""The composition root's fifth part: MCP."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from smartagent.approvals import Approvals, Obtained, Wish
from smartagent.audit import CustodyReader, LogReader
from smartagent.clients import Clients
from smartagent.gateway import Gateway, Pinner
from smartagent.governance import AccessAsked, Governance, Prepared
from smartagent.kernel import Caller, CallerKind, Committed, NeedsApproval, Work
from smartagent.mcp import Approve, Mcp
from smartagent.mcp import Means as McpMeans
from smartagent.policy import Book
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms
from smartagent.server.wiring_leases import Kept, has_secret
from smartagent.tokens import Tokens


class Above(NamedTuple):
    """What MCP calls of what is built after it."""

    commit: Callable[[Work, Caller], Awaitable[Committed]]
    approve: Approve
    prepare: Callable[[Caller, AccessAsked], Awaitable[Prepared]]


def above_mcp(
    governance: Callable[[], Governance],
    rooms: Callable[[], Rooms],
    approvals: Callable[[], Approvals],
    gateway: Callable[[], Gateway],
) -> Above:
    """Return what MCP calls of rooms that are built after it."""

    async def approve(
        caller: Caller, needs: NeedsApproval, wish: Wish, *, is_secret: Callable[[str], bool]
    ) -> Obtained:
        def is_shown_to_nobody(text: str) -> bool:
            return is_secret(text) or gateway().holds_secret(text)

        return await approvals().obtain(caller, needs, wish, is_shown_to_nobody)

    async def prepare(caller: Caller, asked: AccessAsked) -> Prepared:
        return await governance().access.prepare(caller, asked)

    return Above(lambda work, caller: rooms().commit(work, caller), approve, prepare)


def wire_mcp(base: Foundation, tokens: Tokens, clients: Clients, book: Book, kept: Kept, above: Above) -> Mcp:
    """Build the MCP gateway, and keep it fresh."""
    settings = base.settings
    custody = CustodyReader(base.store.database, LogReader(base.store.database, base.clock))
    mcp = Mcp(
        McpMeans(
            clock=base.clock,
            ids=base.ids,
            database=base.store.database,
            ledger=base.store.ledger,
            commit=above.commit,
            approve=above.approve,
            prepare=above.prepare,
            approval_wait_seconds=settings.approval_wait_seconds,
            authenticate=tokens.access.authenticate,
            live=lambda caller: not tokens.revocations.is_revoked(caller),
            client_role=lambda caller: _client_role(clients, caller),
            book=book,
            resource=clients.resource,
            secret=kept.vault.obtain,
            secret_exists=lambda name: has_secret(kept.vault, name),
            account=kept.accounts.access,
            trail=custody.newest,
            pinner=Pinner(frozenset({settings.port, settings.gateway_port})),
            issuer=settings.issuer,
            programs=settings.mcp_programs,
        )
    )
    mcp.follow(base.store.feed)
    tokens.revocations.on_change(mcp.cut_revoked)
    return mcp


async def _client_role(clients: Clients, caller: Caller) -> str:
    """Return the role of the client that people came by, or of the client itself; empty when it has none."""
    if caller.kind is CallerKind.CLIENT:
        client_id = caller.principal
    elif caller.lineage:
        client_id = caller.lineage[-1]
    else:
        return ""
    client = await clients.find(client_id)
    return "" if client is None else client.role
