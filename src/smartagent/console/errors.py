# SPDX-License-Identifier: Apache-2.0
"""What the room refuses.

ConsoleError
    VerbRefused         a verb of the API refused; the page shows why, and keeps its status
    PasskeyRefused      a passkey does not prove who sits there, or cannot be taken
    PasskeyNotFound     the caller has no such passkey
    TooManyViews        this node serves as many live views as it can
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class ConsoleError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class VerbRefused(ConsoleError):
    """A verb of the API refused.

    Args:
        status: What it answered, as HTTP says it.
        said: Its title and detail, which are safe to show.
        missing: The permission that was lacking, if that was it.
    """

    code: ClassVar[str] = "verb-refused"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "This was refused."

    def __init__(self, status: int, said: str, missing: str = "") -> None:
        super().__init__(said)
        self.status = status
        self.missing = missing


class PasskeyRefused(ConsoleError):
    """A passkey does not prove who sits there, or cannot be taken; one text for all, `reason` goes to the log."""

    code: ClassVar[str] = "passkey-refused"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The passkey is not good."

    def __init__(self, reason: str) -> None:
        super().__init__("it is unknown, from another place, or was asked for too long ago; try again")
        self.reason = reason


class PasskeyNotFound(ConsoleError):
    """The caller has no such passkey."""

    code: ClassVar[str] = "passkey-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such passkey."


class TooManyViews(ConsoleError):
    """This node serves as many live views as it can."""

    code: ClassVar[str] = "too-many-live-views"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many live views."
