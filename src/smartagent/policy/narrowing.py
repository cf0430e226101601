# SPDX-License-Identifier: Apache-2.0
"""What of a credential a lease may give, by the rules of one role, or of two who have to agree."""

from collections.abc import Sequence

from smartagent.kernel import Caller, CallerKind, Denied, Permitted, Verdict
from smartagent.policy.judging import Chapter
from smartagent.policy.model import CREDENTIAL_SCOPE, Call, Item

Side = tuple[str, Chapter | None]
"""A role, and its rules; None when there is no such role."""


def judge_lease(side: Side, caller: Caller, call: Call, now: float) -> Verdict:
    """Say whether a side lets `caller` lease something at `now` (Unix seconds), or get one thing of it."""
    role, chapter = side
    missing = call.upstream[: len(CREDENTIAL_SCOPE) + 64]
    if chapter is None or caller.kind is not CallerKind.AGENT:
        return Denied(f"there is no role {role[:64]!r} to lease with", missing)
    return chapter.judge_lease(caller, call, now)


def left_of(sides: Sequence[Side], caller: Caller, credential: str, now: float) -> tuple[Item, ...] | None:
    """Return what the sides leave of `credential`; None when none of them narrows it."""
    roles = [chapter.stored.role for _, chapter in sides if chapter is not None]
    named = [block for role in roles for block in role.resources if block.credential == credential]
    if not named:
        return None
    items = dict.fromkeys(item for block in named for item in block.items)
    return tuple(
        item
        for item in items
        if all(isinstance(judge_lease(side, caller, item.of(credential), now), Permitted) for side in sides)
    )
