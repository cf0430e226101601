# SPDX-License-Identifier: Apache-2.0
"""The composition root's part for approvals: who may decide, and what is still alive."""

from collections.abc import Awaitable, Callable

from smartagent.approvals import Approvals, Lives
from smartagent.approvals import Means as ApprovalsMeans
from smartagent.identity import AgentStatus, Identity
from smartagent.kernel import Caller, Committed, IdPrefix, Work
from smartagent.notices import Tell
from smartagent.server.foundation import Foundation
from smartagent.tokens import Tokens

Commit = Callable[[Work, Caller], Awaitable[Committed]]


def wire_approvals(
    base: Foundation, identity: Identity, tokens: Tokens, tell: Tell, commit: Commit
) -> Approvals:
    """Build approvals, and keep them fresh."""
    directory, revocations = identity.directory, tokens.revocations

    def owner_of(agent_id: str) -> str:
        agent = directory.agent(agent_id)
        return "" if agent is None else agent.owner

    def stands(person: str, at_ms: int) -> bool:
        if person.startswith(IdPrefix.OPERATOR) and directory.operator(person) is None:
            return False
        return revocations.revoked_at_ms(person) < at_ms

    def alive(agent_id: str, session: str, at_ms: int) -> bool:
        agent = directory.agent(agent_id)
        if agent is None or agent.status is not AgentStatus.ACTIVE or revocations.is_dead(session):
            return False
        return revocations.revoked_at_ms(agent_id) < at_ms

    approvals = Approvals(
        ApprovalsMeans(
            clock=base.clock,
            ids=base.ids,
            issuer=base.settings.issuer,
            database=base.store.database,
            commit=commit,
            owner_of=owner_of,
            stands=stands,
            alive=alive,
            tell=tell,
            lives=Lives(base.settings.confirm_seconds, base.settings.approval_seconds),
        )
    )
    approvals.follow(base.store.feed)
    return approvals
