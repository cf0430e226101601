# SPDX-License-Identifier: Apache-2.0
"""Status entries, what happened, streams and the events on their way: what this room's things are."""

from enum import IntEnum, StrEnum

import msgspec


def sealed_as(stream_id: str) -> str:
    """Return what a stream's sealed header belongs to."""
    return f"ssf-stream/{stream_id}"


class EntryState(IntEnum):
    """A value in a status list (draft-ietf-oauth-status-list-21 section 7.1)."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


class StatusEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An agent's place in a list.

    `state` is `VALID` or, for good, `INVALID`; whether the agent is suspended is not kept here.  `after_ms`
    names the agent's last revocation when the entry was given: any other one ends the entry.  Comparing
    for equality, not for order, keeps the clocks of two nodes out of it.
    """

    number: int
    idx: int
    subject: str
    state: int
    after_ms: int
    is_current: int


class What(StrEnum):
    """What sort of thing happened."""

    REVOKED = "revoked"
    AGENT = "agent"
    """An agent's status changed."""
    ENROLLED = "enrolled"
    """There is a new agent; nobody outside is told."""
    KEY = "key"
    """A signing key was published, promoted or retired."""


class ChangeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A change as the store numbers it."""

    version: int
    topic: str
    key: str


class Happened(msgspec.Struct, frozen=True, gc=False):
    """Something that concerns those who verify offline.

    `kind` is what was revoked, or the agent's status; `at_ms` is Unix milliseconds, and after `until`
    (Unix seconds) nothing that a revocation could concern is alive any more.
    """

    version: int
    what: What
    kind: str
    id: str
    at_ms: int
    until: int = 0


class DeliveryMethod(StrEnum):
    """How events reach a receiver (SSF 1.0 section 6.1)."""

    PUSH = "urn:ietf:rfc:8935"
    POLL = "urn:ietf:rfc:8936"


class StreamStatus(StrEnum):
    """Whether events flow (SSF 1.0 section 8.1.2.1)."""

    ENABLED = "enabled"
    PAUSED = "paused"
    """Events are kept for later."""
    DISABLED = "disabled"
    """Events are not even kept."""


class Stream(msgspec.Struct, frozen=True, array_like=True):
    """A stream of events to one receiver, `owner`.

    `sealed_header` is the `Authorization` header for the receiver, empty when there is none.  `requested`
    are event types with blanks between them.  Changes up to version `since` happened before the stream.
    `verified_at` is when a verification was last asked for, in Unix seconds.  `excluded` are the subjects it
    leaves out, with blanks between them.
    """

    id: str
    owner: str
    method: DeliveryMethod
    endpoint: str
    sealed_header: bytes
    requested: str
    description: str
    status: StreamStatus
    reason: str
    since: int
    verified_at: int
    created_at: int
    excluded: str
    revision: int


class Waiting(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An event on its way to the receiver of `stream`.

    `payload` is the claims of the SET, which is signed when it is sent.  `seq` is the order within the
    stream.  It is not tried before `not_before` (Unix seconds).
    """

    jti: str
    stream: str
    seq: int
    event: str
    payload: bytes
    made_at: int
    attempts: int
    not_before: int
