# SPDX-License-Identifier: Apache-2.0
"""The composition root's part for approvals: who may decide, and what is still alive."""

from collections.abc import Callable, Sequence

from smartagent.approvals import Approvals, ApprovalsError, Lives, Said
from smartagent.approvals import Means as ApprovalsMeans
from smartagent.decoupled import CallCard
from smartagent.identity import AgentStatus, Identity
from smartagent.kernel import Change, IdPrefix, Write
from smartagent.notices import Notices
from smartagent.oauth import InvalidAuthorizationDetails
from smartagent.server.foundation import Foundation
from smartagent.server.house import Rooms
from smartagent.tokens import Tokens


def wire_approvals(
    base: Foundation, identity: Identity, tokens: Tokens, notices: Notices, house: Callable[[], Rooms]
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
            commit=lambda work, caller: house().commit(work, caller),
            owner_of=owner_of,
            stands=stands,
            alive=alive,
            tell=notices.tell,
            lives=Lives(base.settings.confirm_seconds, base.settings.approval_seconds),
        )
    )
    approvals.follow(base.store.feed)
    return approvals


class CallsAsked:
    """Calls that wait for approval, as people are asked about them by CIBA.

    Args:
        approvals: Returns the room, which is built later.
    """

    def __init__(self, approvals: Callable[[], Approvals]) -> None:
        self._approvals = approvals

    async def card_for(self, approval: str, agent: str, person: str) -> CallCard:
        """Return what a call is that waits for `person`.

        Raises:
            InvalidAuthorizationDetails: There is none, or it is not theirs to agree to.
        """
        try:
            card = await self._approvals().card_for(approval, agent, person)
        except ApprovalsError as error:
            raise InvalidAuthorizationDetails(f"{error.title} {error}") from error
        return CallCard(card.title, tuple((line.name, line.value) for line in card.lines), card.notes)

    async def decide(
        self, approval: str, person: str, *, approve: bool
    ) -> tuple[Sequence[Write], Sequence[Change]]:
        """Return what makes a person's yes or no durable.

        Raises:
            ApprovalsError: It waits for nobody any more, or is not theirs to decide.
        """
        done = await self._approvals().decide(person, approval, Said(approve))
        return done.writes, done.changes
