# SPDX-License-Identifier: Apache-2.0
"""What people are told of a break-glass: that it waits for one of them, that it is in force, and how it ended."""

from smartagent.governance.breakglass.model import CONFIRM_SECONDS, BreakGlass, State
from smartagent.governance.breakglass.views import review_of
from smartagent.kernel import Write, rfc3339
from smartagent.notices import NoticeKind, Tell


def told_of(tell: Tell, found: BreakGlass, now: float) -> Write:
    """Return the notice of a break-glass as it is at `now`, for the commit that makes it so."""
    title, doing = _said(found, now)
    lines = (
        f"Reason: {found.reason}",
        f"Opened by {found.opened_by} for {found.seconds // 60} minutes.",
        *((f"Confirmed by {found.confirmed_by}.",) if found.confirmed_by else ()),
        *((f"The recovery key {found.key} stood for a second person.",) if found.key else ()),
        doing,
    )
    return tell(NoticeKind.BREAK_GLASS, found.id, title, lines, "/v1/break-glass")


def _said(found: BreakGlass, now: float) -> tuple[str, str]:
    who = f"{found.agent} as {found.role}"
    match found.state(now):
        case State.WAITING:
            until = rfc3339(found.opened_at + CONFIRM_SECONDS)
            doing = f"Another operator confirms until {until}: smartagentctl break-glass confirm {found.id}"
            return f"Break-glass waits for you: {who}", doing
        case State.IN_FORCE:
            doing = f"To end it early: smartagentctl break-glass end {found.id}"
            return f"Break-glass in force until {rfc3339(found.until)}: {who}", doing
        case State.LAPSED:
            return f"Break-glass not confirmed: {who}", "Nothing was given."
        case State.OVER:
            doing = f"Look at it: smartagentctl review show {review_of(found.id)}"
            return f"Break-glass over: {who}", doing
