# SPDX-License-Identifier: Apache-2.0
"""How an outside system can fail us.

DriverError
    DriverMissing       its library is not installed
    DriverUnreachable   it did not answer, or not in time
    DriverFailed        it answered, and not with what was asked for

`reason` is a code of the outside's (an SQLSTATE, a status) or of ours, never its own words: those may repeat
what it was sent.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class DriverError(SmartAgentError):
    """Base of the room's errors; never raised itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DriverMissing(DriverError):
    """Its library is not installed; `reason` says how it is."""

    code: ClassVar[str] = "driver-missing"
    kind: ClassVar[Kind] = Kind.NOT_IMPLEMENTED
    title: ClassVar[str] = "A library that this needs is not installed."


class DriverUnreachable(DriverError):
    """There was no answer.  What was asked may have happened all the same."""

    code: ClassVar[str] = "outside-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The outside system does not answer."


class DriverFailed(DriverError):
    """It said no, or something that is not understood."""

    code: ClassVar[str] = "outside-failed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The outside system refused."
