# SPDX-License-Identifier: Apache-2.0
"""How the room can refuse.

GovernanceError
    MalformedTerms        until when, or how long unused, an agent may act is not said rightly
    GovernanceChanged     somebody else changed the same between the look and the write
    SourceNotFound        no directory has this name
    MalformedSource       what a directory may say is not said rightly
    IssuerNotFollowed     no groups of the ID token's issuer are followed
    MalformedSignIn       the ID token does not say what is needed
    MalformedElevation    the role, the time or the reason of an elevation is none
    ElevatedAlready       the agent has another elevation
    ElevationNotFound     there is no such elevation
    MalformedBreakGlass   the time or the reason of a break-glass is none
    BreakGlassOpen        the agent has a break-glass that waits or is in force
    BreakGlassNotFound    there is no such break-glass
    BreakGlassOver        it was confirmed before, or its time is over
    SamePerson            a second person is needed
    RecoveryKeyRefused    the recovery key is none, was used or revoked
    RecoveryKeyNotFound   no recovery key has this id
    MalformedAccessRequest  what is asked for is not said rightly
    NotDenied             no rule denied such a request to the caller lately
    TooManyRequests       so many requests of the agent wait already
    NoDraft               there is no draft of a role file that would allow it
    AccessRequestNotFound  no request for access has this id, or it was decided
    MalformedReview       a review's name, due date or scope is none
    MalformedDecision     what is reviewed cannot become that
    ReviewTaken           there is a review of this name
    ReviewNotFound        there is no such review or item
    ReviewDecided         somebody decided before, or the review is closed
    NotWithdrawn          no review took this credential from the agent
    ScimError             what a directory is answered (RFC 7644 section 3.12)
        ScimMalformed         the request, a filter, a path or a value is malformed
        ScimNotFound          it has no such resource here
        ScimTaken             another resource of it has this name
        ScimStale             the resource is not of the version that was named
        ScimNotImplemented    this part of SCIM is not served
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


class SourceNotFound(GovernanceError):
    """No directory has this name."""

    code: ClassVar[str] = "scim-source-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such directory."


class MalformedSource(GovernanceError):
    """What a directory may say, or what becomes of leavers' agents, is not said rightly."""

    code: ClassVar[str] = "malformed-scim-source"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The directory's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class IssuerNotFollowed(GovernanceError):
    """No groups of the ID token's issuer are followed here."""

    code: ClassVar[str] = "issuer-not-followed"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "This issuer's groups say nothing here."


class MalformedSignIn(GovernanceError):
    """The ID token does not say what is needed."""

    code: ClassVar[str] = "malformed-sign-in"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The ID token does not say what is needed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class ScimError(GovernanceError):
    """What SCIM refuses.  `scim_type` is the detail code of RFC 7644 section 3.12, empty where there is none."""

    def __init__(self, reason: str, scim_type: str = "") -> None:
        super().__init__(reason)
        self.scim_type = scim_type


class ScimMalformed(ScimError):
    """The request, a filter, a path or a value is malformed."""

    code: ClassVar[str] = "scim-malformed"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The SCIM request is malformed."


class ScimNotFound(ScimError):
    """The directory has no such resource here."""

    code: ClassVar[str] = "scim-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such resource."


class ScimTaken(ScimError):
    """Another resource of the directory has this name."""

    code: ClassVar[str] = "scim-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The name is taken."

    def __init__(self) -> None:
        super().__init__("userName is another's", "uniqueness")


class ScimStale(ScimError):
    """The resource is not of the version that the request names, or was changed meanwhile."""

    code: ClassVar[str] = "scim-stale"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The resource was changed meanwhile."


class ScimNotImplemented(ScimError):
    """This part of SCIM is not served."""

    code: ClassVar[str] = "scim-not-implemented"
    kind: ClassVar[Kind] = Kind.NOT_IMPLEMENTED
    title: ClassVar[str] = "This part of SCIM is not served here."


class MalformedElevation(GovernanceError):
    """The role, the time or the reason of an elevation is none."""

    code: ClassVar[str] = "malformed-elevation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The elevation is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class ElevatedAlready(GovernanceError):
    """The agent has another elevation."""

    code: ClassVar[str] = "elevated-already"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The agent is elevated already."


class ElevationNotFound(GovernanceError):
    """There is no such elevation."""

    code: ClassVar[str] = "elevation-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such elevation."


class MalformedBreakGlass(GovernanceError):
    """The time or the reason of a break-glass is none."""

    code: ClassVar[str] = "malformed-break-glass"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The break-glass is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class BreakGlassOpen(GovernanceError):
    """The agent has a break-glass that waits for its confirmation, or is in force."""

    code: ClassVar[str] = "break-glass-open"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The agent has a break-glass already."


class BreakGlassNotFound(GovernanceError):
    """There is no such break-glass."""

    code: ClassVar[str] = "break-glass-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such break-glass."


class BreakGlassOver(GovernanceError):
    """It was confirmed before, was given up, or nobody confirmed it in time."""

    code: ClassVar[str] = "break-glass-over"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The break-glass waits for nothing."


class SamePerson(GovernanceError):
    """A second person is needed, and this is the first."""

    code: ClassVar[str] = "same-person"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "Somebody else must do this."


class RecoveryKeyRefused(GovernanceError):
    """The recovery key is none, was used or revoked."""

    code: ClassVar[str] = "recovery-key-refused"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The recovery key opens nothing."


class RecoveryKeyNotFound(GovernanceError):
    """No recovery key that could still be used has this id."""

    code: ClassVar[str] = "recovery-key-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such recovery key."


class MalformedAccessRequest(GovernanceError):
    """What is asked for, or given, is not said rightly."""

    code: ClassVar[str] = "malformed-access-request"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request for access is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class NotDenied(GovernanceError):
    """No rule denied such a request to the caller lately."""

    code: ClassVar[str] = "not-denied"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such denied request."


class TooManyRequests(GovernanceError):
    """So many requests of the agent wait already."""

    code: ClassVar[str] = "too-many-access-requests"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many requests for access wait for a decision."

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} wait at once")


class NoDraft(GovernanceError):
    """There is no draft of a role file that would allow what was denied."""

    code: ClassVar[str] = "no-draft"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "No role file can be drafted; give one."


class AccessRequestNotFound(GovernanceError):
    """No request for access has this id, or it was decided before."""

    code: ClassVar[str] = "access-request-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such request for access."


class MalformedReview(GovernanceError):
    """A review's name, due date or scope is none."""

    code: ClassVar[str] = "malformed-review"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The review is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class MalformedDecision(GovernanceError):
    """What is reviewed cannot become that."""

    code: ClassVar[str] = "malformed-decision"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The decision does not fit what it is about."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class ReviewTaken(GovernanceError):
    """There is a review of this name."""

    code: ClassVar[str] = "review-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "There is a review of this name."


class ReviewNotFound(GovernanceError):
    """There is no such review, or no such item in it."""

    code: ClassVar[str] = "review-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such review."


class ReviewDecided(GovernanceError):
    """Somebody decided before, or the review is closed."""

    code: ClassVar[str] = "review-decided"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It is decided already."


class NotWithdrawn(GovernanceError):
    """No review took this credential from the agent."""

    code: ClassVar[str] = "not-withdrawn"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "The credential was not taken."
