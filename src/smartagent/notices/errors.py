# SPDX-License-Identifier: Apache-2.0
"""How notices can refuse.

NoticesError
    MalformedChannel    the entry does not say where notices go, or which
    ChannelNotFound     no channel has this name
    ChannelChanged      somebody else changed it between the look and the write
    NoticeMoved         somebody else delivered it, or its channel is gone
    NotDelivered        the receiver did not take it
    ReceiverGone        the receiver wants nothing any more

No text of these errors holds a receiver's own words, nor anything of a secret.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class NoticesError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedChannel(NoticesError):
    """The entry does not say where notices go, or which."""

    code: ClassVar[str] = "malformed-channel"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The channel's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class ChannelNotFound(NoticesError):
    """No channel has this name."""

    code: ClassVar[str] = "channel-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such channel."


class ChannelChanged(NoticesError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "channel-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The channel was changed meanwhile; read it again."


class NoticeMoved(NoticesError):
    """Somebody else delivered it, or its channel is gone."""

    code: ClassVar[str] = "notice-moved"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The notice does not wait any more."


class NotDelivered(NoticesError):
    """The receiver did not take it; `reason` is a short code."""

    code: ClassVar[str] = "notice-not-delivered"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The notice was not delivered."

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ReceiverGone(NotDelivered):
    """The receiver wants nothing any more."""

    code: ClassVar[str] = "notice-receiver-gone"
    title: ClassVar[str] = "The receiver wants no notices any more."
