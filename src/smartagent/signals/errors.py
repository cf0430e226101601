# SPDX-License-Identifier: Apache-2.0
"""What signals refuses.

SignalsError
    StatusListUnknown         there is no list of that number
    StatusTimeUnsupported     an earlier state of a list is not kept
    StatusNotFresh            this node cannot vouch for a list now
    StatusEntryTaken          another node gave the entry first, or changed it
    TooManyFollowers          this node follows for as many as it can
    StreamNotFound            there is no such stream for this receiver
    StreamChanged             somebody else changed the stream meanwhile
    TooManyStreams            the receiver has as many streams as it may
    TooManySubjects           the stream leaves out as many subjects as it can
    MalformedStream           a stream cannot be what it should be
    SubjectUnsupported        a subject identifier of a kind that no event here has
    VerifiedTooOften          a verification was asked for a moment ago
    CursorMoved               another node read the changes on meanwhile
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class SignalsError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class StatusListUnknown(SignalsError):
    """There is no status list of that number."""

    code: ClassVar[str] = "status-list-unknown"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such status list."


class StatusTimeUnsupported(SignalsError):
    """A past state of a list was asked for, and none is kept.

    Spec: draft-ietf-oauth-status-list-21 section 8.4.
    """

    code: ClassVar[str] = "status-time-not-supported"
    kind: ClassVar[Kind] = Kind.NOT_IMPLEMENTED
    title: ClassVar[str] = "Earlier states of a status list are not kept."


class StatusNotFresh(SignalsError):
    """This node's memory does not follow the store, so it signs no list: the list might lack a revocation."""

    code: ClassVar[str] = "status-not-fresh"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The status list cannot be vouched for at this moment."


class StatusEntryTaken(SignalsError):
    """Another node gave this entry, or this agent an entry, first."""

    code: ClassVar[str] = "status-entry-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The status entry was changed meanwhile."


class TooManyFollowers(SignalsError):
    """This node follows for as many as it can."""

    code: ClassVar[str] = "too-many-followers"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many follow the revocations at this node."


class StreamNotFound(SignalsError):
    """There is no stream of that id for this receiver.

    Spec: SSF 1.0 section 8.1.1.2.
    """

    code: ClassVar[str] = "stream-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such stream."


class StreamChanged(SignalsError):
    """Somebody else changed the stream meanwhile."""

    code: ClassVar[str] = "stream-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The stream was changed meanwhile."


class TooManyStreams(SignalsError):
    """The receiver has as many streams as it may.

    Spec: SSF 1.0 section 8.1.1.1.
    """

    code: ClassVar[str] = "too-many-streams"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The receiver has as many streams as it may."


class TooManySubjects(SignalsError):
    """The stream leaves out as many subjects as it can."""

    code: ClassVar[str] = "too-many-subjects"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The stream leaves out as many subjects as it can."


class MalformedStream(SignalsError):
    """The stream cannot be what it should be."""

    code: ClassVar[str] = "malformed-stream"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The stream's configuration is malformed."


class SubjectUnsupported(SignalsError):
    """The subject identifier is malformed, or of a format that no event here has."""

    code: ClassVar[str] = "subject-not-supported"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The subject identifier is not supported."


class VerifiedTooOften(SignalsError):
    """A verification was asked for before the interval was over.

    Spec: SSF 1.0 section 8.1.4.2.
    """

    code: ClassVar[str] = "verified-too-often"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Ask for verifications less often."

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class CursorMoved(SignalsError):
    """Another node read the changes on meanwhile, or changed what an event was about to become."""

    code: ClassVar[str] = "cursor-moved"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "Another node went on meanwhile."
