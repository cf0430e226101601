# SPDX-License-Identifier: Apache-2.0
"""What an elevation is.

[ in force ] --its time, or an operator, or a revocation of the agent--> [ over ]
"""

import msgspec


class Elevation(msgspec.Struct, frozen=True, array_like=True):
    """A role that an agent has for a while, instead of its own.

    `until` and `ended_at` are Unix seconds; `ended_at` is 0 until somebody ended it, or its end was recorded.
    """

    id: str
    agent: str
    role: str
    reason: str
    created_by: str
    created_at_ms: int
    until: int
    ended_at: int = 0

    def is_in_force(self, now: float, *, revoked_at_ms: int) -> bool:
        """Say whether it holds at `now`, when the agent was revoked at `revoked_at_ms` (0: never)."""
        return not self.ended_at and now < self.until and revoked_at_ms < self.created_at_ms
