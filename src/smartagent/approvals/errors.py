# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse.

ApprovalsError
    ApprovalPending       somebody has to decide first; says where to look
    ApprovalDenied        somebody said no
    ApprovalExpired       nobody decided in time, or what they decided was not used in time
    ApprovalUsed          another call used it
    ApprovalMismatch      the approval that is named is for something else
    TooManyPending        the agent has asked for as much as may wait
    ApprovalNotFound      there is none with this id, or not for the caller
    ApprovalDecided       it waits for nobody any more
    ApprovalChanged       somebody else voted, or changed it, between the look and the write
    NotYourDecision       this person may not decide this
    MalformedDecision     what is decided is not said rightly
    ApprovalGrantNotFound there is no such grant, or it has ended
"""

from typing import ClassVar, Final

from smartagent.kernel import Kind, SmartAgentError

RETRY_AFTER_SECONDS: Final = 5


class ApprovalsError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class ApprovalPending(ApprovalsError):
    """Somebody has to decide first: ask again later, or look where `location` says.

    `preference` is what was honoured of what the caller preferred (RFC 7240 section 3).
    """

    code: ClassVar[str] = "approval-pending"
    kind: ClassVar[Kind] = Kind.PENDING
    title: ClassVar[str] = "Somebody has to approve this first."

    def __init__(self, approval: str, location: str, preference: str = "") -> None:
        super().__init__(f"{approval} waits; make the same call again when it is approved")
        self.approval = approval
        self.location = location
        self.preference = preference

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...]:
        """Where to look, and when (RFC 9110 sections 10.2.2 and 10.2.3)."""
        named = (("location", self.location), ("retry-after", str(RETRY_AFTER_SECONDS)))
        return (*named, ("preference-applied", self.preference)) if self.preference else named


class ApprovalDenied(ApprovalsError):
    """Somebody said no; for a while nobody is asked about the same again."""

    code: ClassVar[str] = "approval-denied"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "It was not approved."

    def __init__(self, approval: str) -> None:
        super().__init__(f"{approval} was denied")
        self.approval = approval


class ApprovalExpired(ApprovalsError):
    """Nobody decided in time, what they decided was not used in time, or it was withdrawn."""

    code: ClassVar[str] = "approval-expired"
    kind: ClassVar[Kind] = Kind.EXPIRED
    title: ClassVar[str] = "The approval is over."

    def __init__(self, approval: str) -> None:
        super().__init__(f"{approval} was not approved, or not used, in time")
        self.approval = approval


class ApprovalUsed(ApprovalsError):
    """It works once, and another call came first."""

    code: ClassVar[str] = "approval-used"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The approval was used."

    def __init__(self, approval: str) -> None:
        super().__init__(f"another call used {approval}")
        self.approval = approval


class ApprovalMismatch(ApprovalsError):
    """The approval that is named is for another call, session, person or agent."""

    code: ClassVar[str] = "approval-mismatch"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The approval is for something else."


class TooManyPending(ApprovalsError):
    """The agent has asked for as much as may wait for people at once."""

    code: ClassVar[str] = "approvals-full"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too much waits for approval."


class ApprovalNotFound(ApprovalsError):
    """There is none with this id, or it is not for the caller to see."""

    code: ClassVar[str] = "approval-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such approval."


class ApprovalDecided(ApprovalsError):
    """It waits for nobody any more."""

    code: ClassVar[str] = "approval-decided"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It is decided, or its time is over."


class ApprovalChanged(ApprovalsError):
    """Somebody else voted, or changed it, between the look and the write."""

    code: ClassVar[str] = "approval-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It was changed meanwhile; look at it again."


class NotYourDecision(ApprovalsError):
    """This person may not decide this: whoever asks does not approve, and each vote is another person's."""

    code: ClassVar[str] = "not-your-decision"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "Somebody else has to decide this."


class MalformedDecision(ApprovalsError):
    """What is decided, or how far it goes, is not said rightly."""

    code: ClassVar[str] = "malformed-approval-decision"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The decision is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class ApprovalGrantNotFound(ApprovalsError):
    """There is no such grant, or it has ended."""

    code: ClassVar[str] = "approval-grant-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such grant."
