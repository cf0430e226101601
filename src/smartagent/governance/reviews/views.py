# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the routes on reviews, as JSON."""

import msgspec

from smartagent.governance.reviews.model import Decision, Item, Review
from smartagent.kernel import rfc3339


class ReviewRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/reviews`.  `owner` and `role` restrict whose grants are looked at."""

    name: str
    due_seconds: int
    unanswered: Decision
    owner: str = ""
    role: str = ""


class DecisionRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/reviews/{name}/items/{number}`.  `to_role` goes with `shrink`."""

    decision: Decision
    to_role: str = ""
    reason: str = ""


class ReviewView(msgspec.Struct, frozen=True):
    """A review, as shown."""

    name: str
    unanswered: str
    owner: str
    role: str
    created_by: str
    created_at: str
    due_at: str
    closed_at: str
    open_items: int


class ItemView(msgspec.Struct, frozen=True):
    """An item, as shown."""

    number: int
    agent: str
    owner: str
    what: str
    last_used_at: str
    decision: str
    to_role: str
    reason: str
    decided_by: str
    decided_at: str


class ReviewList(msgspec.Struct, frozen=True):
    """All reviews by name."""

    reviews: list[ReviewView]


class ItemPage(msgspec.Struct, frozen=True):
    """Some items of a review; `next_cursor` is 0 on the last page."""

    review: ReviewView
    items: list[ItemView]
    next_cursor: int = 0


def review_view(review: Review, open_items: int) -> ReviewView:
    """Show a review."""
    return ReviewView(
        review.name,
        review.unanswered,
        review.owner,
        review.role,
        review.created_by,
        rfc3339(review.created_at),
        rfc3339(review.due_at),
        rfc3339(review.closed_at) if review.closed_at else "",
        open_items,
    )


def item_view(item: Item) -> ItemView:
    """Show an item."""
    return ItemView(
        item.number,
        item.agent,
        item.owner,
        item.what,
        rfc3339(item.last_used_at) if item.last_used_at else "",
        item.decision,
        item.to_role,
        item.reason,
        item.decided_by,
        rfc3339(item.decided_at) if item.decided_at else "",
    )
