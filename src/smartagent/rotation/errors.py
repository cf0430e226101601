# SPDX-License-Identifier: Apache-2.0
"""How rotation can refuse.

RotationError
    MalformedRotation    the entry does not describe a rotation
    RotationNotFound     no rotation has this name
    RotationRunning      it is in the middle of one
    RotationsChanged     somebody else changed it between the look and the write
    RotationFailed       what is rotated said no; the old one stays in force
    RotationUnreachable  what is rotated did not answer, or not in time

No text of these errors holds anything of a secret, nor an outside's own words.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class RotationError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedRotation(RotationError):
    """The entry does not describe a rotation."""

    code: ClassVar[str] = "malformed-rotation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The rotation's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class RotationNotFound(RotationError):
    """No rotation has this name."""

    code: ClassVar[str] = "rotation-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such rotation."


class RotationRunning(RotationError):
    """It is in the middle of one."""

    code: ClassVar[str] = "rotation-running"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The rotation is running."


class RotationsChanged(RotationError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "rotations-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The rotation was changed meanwhile; read it again."


class RotationFailed(RotationError):
    """What is rotated said no; `reason` is a code, never its words."""

    code: ClassVar[str] = "rotation-failed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "What is rotated refused; the old one stays in force."

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RotationUnreachable(RotationError):
    """What is rotated did not answer; what was asked may have happened all the same."""

    code: ClassVar[str] = "rotation-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "What is rotated does not answer."

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
