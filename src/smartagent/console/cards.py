# SPDX-License-Identifier: Apache-2.0
"""What is said about an approval beside its card: who is missing, and how far a yes would go.  Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from smartagent.console.model_approvals import Approval, Grant

CONFIRM: Final = "confirm"
PEOPLE: Final = "people"
KINDS: Final[Mapping[str, str]] = {"http": "HTTP call", "mcp": "MCP call", "lease": "lease"}


def still_missing(approval: Approval, names: Mapping[str, str]) -> str:
    """Say whose yes is missing yet; nobody's is once it waits no longer."""
    if approval.state != "pending":
        return ""
    seats = [vote.seat for vote in approval.votes]
    missing = []
    if approval.confirm and CONFIRM not in seats:
        missing.append(f"{names.get(approval.confirmer, approval.confirmer) or 'its owner'}, who confirms it")
    others = approval.people - seats.count(PEOPLE)
    if others > 0:
        missing.append(f"{others} more {'people' if others > 1 else 'person'}")
    return " and ".join(missing)


def said(approval: Approval) -> list[tuple[str, str, str, str]]:
    """Return who said what when and why: a denial is the last word."""
    last = len(approval.votes) - 1
    return [
        (
            "denied" if approval.state == "denied" and number == last else "approved",
            vote.by,
            vote.at,
            vote.reason,
        )
        for number, vote in enumerate(approval.votes)
    ]


def outcome(approval: Approval) -> str:
    """Say in a sentence where it stands, for one that nobody can decide any more."""
    return {
        "approved": "It may be made once; nobody has made it yet.",
        "used": "It was made.",
        "denied": "It is not made, and the same is not asked again for a while.",
        "expired": "Nobody decided in time, or nobody made it in time.",
        "withdrawn": "The agent, its session or the rule that asked is gone.",
    }.get(approval.state, "")


def people_in(approvals: Sequence[Approval]) -> Iterator[str]:
    """Return the ids of everybody that approvals name."""
    for approval in approvals:
        yield from (approval.agent, approval.acts_for, approval.confirmer)
        yield from (vote.by for vote in approval.votes)


def people_of(grants: Sequence[Grant]) -> Iterator[str]:
    """Return the ids of everybody that grants name."""
    for grant in grants:
        yield from (grant.agent, grant.acts_for, grant.approved_by)
