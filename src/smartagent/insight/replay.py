# SPDX-License-Identifier: Apache-2.0
"""A draft on the recorded history: which real requests it would decide otherwise."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from smartagent.insight.history import Past, Unreplayable, past_of
from smartagent.insight.model import Example, ReplayPage, Shift
from smartagent.insight.paths import generalised
from smartagent.insight.rules import Tally
from smartagent.kernel import Decision, NeedsApproval, Permitted, Verdict, rfc3339
from smartagent.policy import Book

ASK: Final = "ask"
"""What is allowed once somebody approves."""


class Books(NamedTuple):
    """A draft, and the rules in force: they may have changed a decision before the draft does."""

    draft: Book
    present: Book


def decide(book: Book, past: Past) -> Verdict:
    """Decide a recorded request by the rules of `book`."""
    if past.credential:
        return book.decide_lease(past.caller, past.credential)
    return book.decide_for_both(past.caller, past.call)


def replay(begin: int, leaves: Sequence[bytes], books: Books) -> ReplayPage:
    """Decide the requests among `leaves`, the first of which stands at `begin`, by the rules of the draft.

    Args:
        begin: Where they stand.
        leaves: Entries of the log.
        books: By what to decide.
    """
    tally = Tally()
    decided = unreplayable = lacking = 0
    for past in past_of(begin, leaves):
        if isinstance(past, Unreplayable):
            unreplayable += 1
            continue
        if books.draft.lacks(past.caller):
            lacking += 1
            continue
        decided += 1
        verdict = decide(books.draft, past)
        if _word(verdict) != _was(past):
            tally.add((_shift(past, verdict, decide(books.present, past)),))
    return ReplayPage(
        begin=begin,
        end=begin + len(leaves),
        next=0,
        decided=decided,
        unreplayable=unreplayable,
        lacking=lacking,
        left_out=tally.left_out,
        shifts=tally.shifts(),
    )


def _shift(past: Past, verdict: Verdict, present: Verdict) -> Shift:
    return Shift(
        agent=past.caller.principal,
        role=past.caller.role,
        upstream=past.call.upstream,
        method=past.call.method,
        path=generalised(past.call.path),
        was=_was(past),
        becomes=_word(verdict),
        now=_word(present),
        by=", ".join(verdict.rules) if isinstance(verdict, Permitted) else verdict.reason,
        calls=1,
        examples=(Example(past.index, rfc3339(past.at_ms // 1000), past.request, past.call.path[:200]),),
    )


def _was(past: Past) -> str:
    if past.approved:
        return ASK
    return (Decision.PERMIT if past.allowed else Decision.DENY).value


def _word(verdict: Verdict) -> str:
    if isinstance(verdict, NeedsApproval):
        return ASK
    return (Decision.PERMIT if isinstance(verdict, Permitted) else Decision.DENY).value
