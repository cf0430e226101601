# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the routes on break-glasses, as JSON."""

import msgspec

from smartagent.governance.breakglass.model import BreakGlass, RecoveryKey
from smartagent.kernel import rfc3339


class BreakGlassRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/break-glass`.  `recovery_key` stands for a second person."""

    agent: str
    role: str
    seconds: int
    reason: str
    recovery_key: str = ""

    def __repr__(self) -> str:
        return f"BreakGlassRequest({self.agent})"


class BreakGlassView(msgspec.Struct, frozen=True):
    """A break-glass, as shown.  `until` is empty while it waits."""

    id: str
    state: str
    agent: str
    role: str
    reason: str
    opened_by: str
    opened_at: str
    confirmed_by: str
    key: str
    until: str
    review: str


class BreakGlassList(msgspec.Struct, frozen=True):
    """The newest break-glasses, the newest first."""

    break_glass: list[BreakGlassView]


class RecoveryKeyView(msgspec.Struct, frozen=True):
    """A recovery key, as shown; never the key.  `ended_at` is empty while it can be used."""

    id: str
    created_by: str
    created_at: str
    ended_at: str
    ended_by: str
    used_for: str


class MadeKeyView(msgspec.Struct, frozen=True):
    """A recovery key, shown once."""

    key: RecoveryKeyView
    recovery_key: str

    def __repr__(self) -> str:
        return f"MadeKeyView({self.key.id})"


class RecoveryKeyList(msgspec.Struct, frozen=True):
    """All recovery keys that there ever were."""

    keys: list[RecoveryKeyView]


def review_of(break_glass: str) -> str:
    """Return the name of the review that a break-glass must have."""
    return f"break-glass-{break_glass.partition('_')[2]}"


def break_glass_view(found: BreakGlass, now: float) -> BreakGlassView:
    """Show a break-glass as it is at `now` (Unix seconds)."""
    return BreakGlassView(
        id=found.id,
        state=found.state(now).value,
        agent=found.agent,
        role=found.role,
        reason=found.reason,
        opened_by=found.opened_by,
        opened_at=rfc3339(found.opened_at),
        confirmed_by=found.confirmed_by,
        key=found.key,
        until=rfc3339(found.until) if found.until else "",
        review=review_of(found.id) if found.until else "",
    )


def key_view(key: RecoveryKey) -> RecoveryKeyView:
    """Show a recovery key."""
    return RecoveryKeyView(
        key.id,
        key.created_by,
        rfc3339(key.created_at),
        rfc3339(key.ended_at) if key.ended_at else "",
        key.ended_by,
        key.used_for,
    )
