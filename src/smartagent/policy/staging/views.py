# SPDX-License-Identifier: Apache-2.0
"""The shapes of requests and replies about what is staged."""

import msgspec

from smartagent.kernel import rfc3339
from smartagent.policy.staged.model import Stage, Staged
from smartagent.policy.staged.shifts import Shift


class StageRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Store a text as a draft.  `text` is a role file, or Cedar."""

    text: str
    allow_broad: bool = False
    reason: str = ""


class StepRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Take a step.  `percent` is how many of a hundred agents a canary decides about."""

    to: Stage
    percent: int = 0
    reason: str = ""


class ShiftView(msgspec.Struct, frozen=True):
    """Decisions that come out otherwise, of one kind; empty members are those of groups that found no room."""

    role: str
    upstream: str
    method: str
    was: str
    becomes: str
    by: str
    calls: int


class StagedView(msgspec.Struct, frozen=True):
    """What is staged under a name.

    `outdated` says that another version came into force since it was stored: it decides nothing any more.
    `shifts` were counted since it was stored, up to a minute ago.
    """

    kind: str
    name: str
    stage: Stage
    percent: int
    base: int
    outdated: bool
    allow_broad: bool
    digest: str
    reason: str
    changed_at: str
    changed_by: str
    text: str
    shifts: list[ShiftView] = []


class StagedList(msgspec.Struct, frozen=True):
    """All that is staged, without what was counted."""

    staged: list[StagedView]


def staged_view(staged: Staged, in_force: int, shifts: dict[Shift, int] | None = None) -> StagedView:
    """Show what is staged; `in_force` is the version that is, 0 for none."""
    return StagedView(
        kind=staged.kind.value,
        name=staged.name,
        stage=staged.stage,
        percent=staged.percent,
        base=staged.base,
        outdated=staged.base != in_force,
        allow_broad=bool(staged.allow_broad),
        digest=staged.digest,
        reason=staged.reason,
        changed_at=rfc3339(staged.changed_at),
        changed_by=staged.changed_by,
        text=staged.text,
        shifts=[
            ShiftView(*shift[2:], calls)
            for shift, calls in sorted((shifts or {}).items(), key=lambda each: (-each[1], each[0]))
        ],
    )
