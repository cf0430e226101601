# SPDX-License-Identifier: Apache-2.0
"""What a break-glass and a recovery key are.

            --another operator confirms, within ten minutes--> [ in force ] --its time, or an operator--> [ over ]
[ waiting ]
            --nobody does, or it is given up--> [ lapsed ]

With a recovery key it begins in force.  In force it is an elevation with the same id, so whatever ends an elevation
ends it.
"""

from enum import StrEnum
from typing import Final

import msgspec

CONFIRM_SECONDS: Final = 600


class State(StrEnum):
    """How far a break-glass is."""

    WAITING = "waiting"
    IN_FORCE = "in-force"
    LAPSED = "lapsed"
    OVER = "over"


class BreakGlass(msgspec.Struct, frozen=True, array_like=True):
    """A role that an agent has in an emergency.

    `opened_at`, `until` and `closed_at` are Unix seconds; `until` is 0 until it is in force, and `closed_at` until its
    end is recorded.  `key` is the recovery key that stood for a second person, and `confirmed_by` that person.
    """

    id: str
    agent: str
    role: str
    reason: str
    seconds: int
    opened_by: str
    opened_at: int
    key: str = ""
    confirmed_by: str = ""
    until: int = 0
    closed_at: int = 0

    def state(self, now: float) -> State:
        """Say how far it is at `now`, when nothing ended it early that is not recorded yet."""
        if not self.until:
            waits = not self.closed_at and now < self.opened_at + CONFIRM_SECONDS
            return State.WAITING if waits else State.LAPSED
        return State.IN_FORCE if not self.closed_at and now < self.until else State.OVER


class RecoveryKey(msgspec.Struct, frozen=True, array_like=True):
    """What stands for a second person, once.  `ended_at` is 0 while it can be used; `used_for` is what it opened."""

    id: str
    created_by: str
    created_at: int
    ended_at: int = 0
    ended_by: str = ""
    used_for: str = ""
