# SPDX-License-Identifier: Apache-2.0
"""What a staged text is, and the way that it takes."""

from enum import StrEnum
from typing import Final

import msgspec

from smartagent.crypto import sha256
from smartagent.policy.errors import StageNotPossible
from smartagent.policy.model import RuleKind

BUCKETS: Final = 10_000
MAX_PERCENT: Final = 100


class Stage(StrEnum):
    """How far a staged text is.

             stored
                |
                v
            [ draft ] ---> [ shadow ] ---> [ canary N% ] ---> on: the next version in force
                ^               |            |        |
                +---------------+------------+        +--> another N
                                ^            |
                                +------------+

    Forward it goes one step at a time, and back to any step before.  It can be dropped at every step.
    """

    DRAFT = "draft"
    """Decides nothing, and can be replayed."""
    SHADOW = "shadow"
    """Decides nothing; what it would have decided otherwise is counted."""
    CANARY = "canary"
    """Decides about some agents."""
    ON = "on"
    """In force, and not staged any more."""


_NEXT: Final = {
    Stage.DRAFT: {Stage.SHADOW},
    Stage.SHADOW: {Stage.DRAFT, Stage.CANARY},
    Stage.CANARY: {Stage.DRAFT, Stage.SHADOW, Stage.CANARY, Stage.ON},
}


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """A text that is staged.  There is at most one of each name.

    `base` is the version that was in force when it was stored, 0 for none: when another one is, it decides nothing
    any more.  `percent` is how many of a hundred agents a canary decides about.
    """

    kind: RuleKind
    name: str
    text: str
    allow_broad: int
    stage: Stage
    percent: int
    base: int
    revision: int
    reason: str
    changed_at: int
    changed_by: str

    @property
    def label(self) -> str:
        """How the log and people name it."""
        return f"{self.kind.value}/{self.name}"

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return sha256(self.text.encode()).hex()

    def takes(self, agent: str) -> bool:
        """Say whether a canary decides about an agent.  The same on every node; five percent are among twenty."""
        if self.stage is not Stage.CANARY:
            return False
        # With the name: otherwise the same few agents would try everything.
        place = int.from_bytes(sha256(f"{self.label}\n{agent}".encode())[:8], "big") % BUCKETS
        return place < self.percent * BUCKETS // MAX_PERCENT


def check_step(now: Stage, to: Stage, percent: int) -> int:
    """Return the percentage of the step from `now` to `to`.

    Raises:
        StageNotPossible: There is no such step, or the percentage does not belong to it.
    """
    if to not in _NEXT[now]:
        ways = ", ".join(sorted(_NEXT[now]))
        raise StageNotPossible(f"from {now.value} it goes to {ways}")
    if to is Stage.CANARY and not 1 <= percent <= MAX_PERCENT:
        raise StageNotPossible("say for how many percent of the agents, 1 to 100")
    if to is not Stage.CANARY and percent:
        raise StageNotPossible("a percentage belongs to a canary")
    return percent
