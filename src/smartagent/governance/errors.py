# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse.

GovernanceError
    MalformedTerms        until when, or how long unused, an agent may act is not said rightly
    GovernanceChanged     somebody else changed the same between the look and the write
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class GovernanceError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedTerms(GovernanceError):
    """Until when, or how long unused, an agent may act is not said rightly."""

    code: ClassVar[str] = "malformed-terms"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The agent's terms are malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class GovernanceChanged(GovernanceError):
    """Somebody else changed the same between the look and the write."""

    code: ClassVar[str] = "governance-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It was changed meanwhile; read it again."
