# SPDX-License-Identifier: Apache-2.0
"""The review that must follow a break-glass: who may decide it, and what its evidence holds."""

from collections.abc import Iterable
from typing import Final

from smartagent.governance.breakglass.model import BreakGlass, State
from smartagent.governance.breakglass.store import read_all_of, read_break_glass
from smartagent.governance.breakglass.views import BreakGlassView, break_glass_view, review_of
from smartagent.governance.errors import MalformedDecision
from smartagent.governance.means import Means
from smartagent.governance.model import DAY_SECONDS
from smartagent.governance.reviews.model import BREAK_GLASS, Decision, Item, Review
from smartagent.governance.reviews.store import add_review
from smartagent.identity import Agent
from smartagent.kernel import Write

REVIEW_DAYS: Final = 7


def review_after(begun: BreakGlass, agent: Agent, now: int) -> tuple[Write, ...]:
    """Return the review of a break-glass that begins at `now` (Unix seconds), as writes for the same commit."""
    review = Review(
        name=review_of(begun.id),
        # Access that nobody looked at is not kept.
        unanswered=Decision.REMOVE.value,
        owner=agent.owner,
        role=begun.role,
        created_by=begun.opened_by,
        created_at=now,
        due_at=begun.until + REVIEW_DAYS * DAY_SECONDS,
    )
    item = Item(review.name, 1, agent.id, agent.owner, BREAK_GLASS + begun.id, now)
    return add_review(review, [item])


async def check_reviewer(means: Means, item: Item, now: float) -> None:
    """Let nobody look at their own break-glass, nor at one that lasts; what nobody decided has no reviewer.

    Raises:
        MalformedDecision: It is so, or the decision is none for a break-glass.
        StoreUnavailable: The store cannot be read.
    """
    found = await read_break_glass(means.database, item.what.removeprefix(BREAK_GLASS))
    if item.decision == Decision.SHRINK:
        raise MalformedDecision("decision", "a break-glass was right, keep, or was not, remove")
    if found is None or not item.decided_by:
        return
    if found.state(now) is State.IN_FORCE:
        raise MalformedDecision("decision", "it is in force; end it first")
    if item.decided_by == found.opened_by:
        raise MalformedDecision("decision", "somebody else than who opened it decides")


async def break_glasses_of(means: Means, agents: Iterable[str]) -> list[BreakGlassView]:
    """Show every break-glass that these agents ever had.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    now = means.clock.now()
    found = [await read_all_of(means.database, agent) for agent in agents]
    return [break_glass_view(each, now) for some in found for each in some]
