# SPDX-License-Identifier: Apache-2.0
"""The tables `reviews`, `review_items` and `withdrawn_credentials`, and everything that is said to them."""

from typing import Final

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, func, insert, select, update

from smartagent.governance.errors import NotWithdrawn, ReviewDecided, ReviewTaken
from smartagent.governance.reviews.model import Item, Review
from smartagent.kernel import Change, Scalar, Write
from smartagent.storage import Database, metadata, new_values

WITHDRAWALS_TOPIC: Final = "withdrawn-credentials"

reviews: Final = Table(
    "reviews",
    metadata,
    Column("name", Text, primary_key=True),
    Column("unanswered", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False),
)
review_items: Final = Table(
    "review_items",
    metadata,
    Column("review", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("decision", Text, nullable=False),
    Column("to_role", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
)
withdrawn_credentials: Final = Table(
    "withdrawn_credentials",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("credential", Text, primary_key=True),
)


_ALL: Final = select(reviews).order_by(reviews.c.name)
_ONE: Final = select(reviews).where(reviews.c.name == bindparam("old_name"))
_DUE: Final = select(reviews).where(reviews.c.closed_at == 0, reviews.c.due_at <= bindparam("now"))
_ADD: Final = insert(reviews).values(new_values(*Review.__struct_fields__))
_CLOSE: Final = (
    update(reviews)
    .where(reviews.c.name == bindparam("old_name"), reviews.c.closed_at == 0)
    .values(closed_at=bindparam("new_closed_at", type_=BigInteger()))
)
_ITEMS: Final = (
    select(review_items)
    .where(review_items.c.review == bindparam("old_review"), review_items.c.number > bindparam("after"))
    .order_by(review_items.c.number)
    .limit(bindparam("most", type_=BigInteger()))
)
_ITEM: Final = select(review_items).where(
    review_items.c.review == bindparam("old_review"), review_items.c.number == bindparam("old_number")
)
_UNANSWERED: Final = (
    select(review_items)
    .where(review_items.c.review == bindparam("old_review"), review_items.c.decision == "")
    .order_by(review_items.c.number)
    .limit(bindparam("most", type_=BigInteger()))
)
_COUNT_UNANSWERED: Final = (
    select(func.count())
    .select_from(review_items)
    .where(review_items.c.review == bindparam("old_review"), review_items.c.decision == "")
)
_ADD_ITEM: Final = insert(review_items).values(new_values(*Item.__struct_fields__))
# That nobody decided before is a part of the WHERE: of two reviewers at once the second loses.
_DECIDE: Final = (
    update(review_items)
    .where(
        review_items.c.review == bindparam("old_review"),
        review_items.c.number == bindparam("old_number"),
        review_items.c.decision == "",
    )
    .values(new_values("decision", "to_role", "reason", "decided_by", "decided_at"))
)
_WITHDRAWN: Final = select(withdrawn_credentials)
_WITHDRAWN_OF: Final = select(withdrawn_credentials).where(
    withdrawn_credentials.c.agent == bindparam("old_agent")
)
_WITHDRAW: Final = insert(withdrawn_credentials).values(new_values("agent", "credential"))
_GIVE_BACK: Final = delete(withdrawn_credentials).where(
    withdrawn_credentials.c.agent == bindparam("old_agent"),
    withdrawn_credentials.c.credential == bindparam("old_credential"),
)


async def read_reviews(database: Database) -> list[Review]:
    """Read all reviews by name.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_ALL), list[Review])


async def read_review(database: Database, name: str) -> Review | None:
    """Read one review.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_ONE, {"old_name": name}), list[Review])
    return found[0] if found else None


async def read_due(database: Database, *, now: int) -> list[Review]:
    """Read the open reviews whose due date has come.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_DUE, {"now": now}), list[Review])


async def read_items(database: Database, review: str, *, after: int, most: int) -> list[Item]:
    """Read a page of a review's items, behind the number `after`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"old_review": review, "after": after, "most": most}
    return msgspec.convert(await database.fetch(_ITEMS, parameters), list[Item])


async def read_item(database: Database, review: str, number: int) -> Item | None:
    """Read one item.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"old_review": review, "old_number": number}
    found = msgspec.convert(await database.fetch(_ITEM, parameters), list[Item])
    return found[0] if found else None


async def read_unanswered(database: Database, review: str, *, most: int) -> list[Item]:
    """Read up to `most` items that nobody decided.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"old_review": review, "most": most}
    return msgspec.convert(await database.fetch(_UNANSWERED, parameters), list[Item])


async def count_unanswered(database: Database, review: str) -> int:
    """Count the items that nobody decided.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_COUNT_UNANSWERED, {"old_review": review})
    return msgspec.convert(rows[0][0], int)


def add_review(review: Review, items: list[Item]) -> tuple[Write, ...]:
    """Add a review with its items; lost when there is one of this name."""
    taken = ReviewTaken(review.name)
    values: dict[str, Scalar] = {f"new_{name}": getattr(review, name) for name in Review.__struct_fields__}
    return (
        Write(_ADD, values, taken),
        *(
            Write(_ADD_ITEM, {f"new_{name}": getattr(item, name) for name in Item.__struct_fields__}, taken)
            for item in items
        ),
    )


def close_review(name: str, *, now: int) -> Write:
    """Close a review; lost when it is closed."""
    return Write(_CLOSE, {"old_name": name, "new_closed_at": now}, ReviewDecided(name))


def decide_item(decided: Item) -> Write:
    """Write a decision; lost when somebody decided before."""
    values: dict[str, Scalar] = {
        "old_review": decided.review,
        "old_number": decided.number,
        "new_decision": decided.decision,
        "new_to_role": decided.to_role,
        "new_reason": decided.reason,
        "new_decided_by": decided.decided_by,
        "new_decided_at": decided.decided_at,
    }
    return Write(_DECIDE, values, ReviewDecided(f"{decided.review}/{decided.number}"))


async def read_withdrawn(database: Database, agent: str = "") -> list[tuple[str, str]]:
    """Read which credentials are withdrawn from which agents: from `agent`, or from all.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = (
        await database.fetch(_WITHDRAWN_OF, {"old_agent": agent})
        if agent
        else await database.fetch(_WITHDRAWN)
    )
    return msgspec.convert(rows, list[tuple[str, str]])


def withdraw(agent: str, credential: str) -> tuple[Write, ...]:
    """Withdraw a credential from an agent, whatever its role says."""
    values: dict[str, Scalar] = {"new_agent": agent, "new_credential": credential}
    return (
        Write(
            _GIVE_BACK, {"old_agent": agent, "old_credential": credential}, ReviewDecided(agent), rows=None
        ),
        Write(_WITHDRAW, values, ReviewDecided(agent)),
    )


def give_back(agent: str, credential: str) -> Write:
    """Let the role say again whether an agent has a credential; lost when it was not withdrawn."""
    seen: dict[str, Scalar] = {"old_agent": agent, "old_credential": credential}
    return Write(_GIVE_BACK, seen, NotWithdrawn(credential))


def withdrawals_changed(agent: str) -> Change:
    """Tell every node that what is withdrawn from an agent is not what it was."""
    return Change(WITHDRAWALS_TOPIC, agent)
