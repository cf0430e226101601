# SPDX-License-Identifier: Apache-2.0
"""How a request can fail before a room has seen it.

EdgeError
    MalformedRequest        it is not well-formed HTTP, JSON or form data, or names a target twice
    TargetRefused           its path or query can be read in more than one way
    BodyTooLarge            more bytes than the route takes
    UnsupportedMediaType    a content type the route does not read
    RouteNotFound           nothing lives at this path
    MethodNotAllowed        something does, but not for this method
    AuthenticationFailed    whoever calls could not prove it; one public code for every reason
    NotPermitted            proven, and refused
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class EdgeError(SmartAgentError):
    """Base of the edge's errors; never raised itself."""


class MalformedRequest(EdgeError):
    """The request is not well formed."""

    code: ClassVar[str] = "malformed-request"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request is malformed."


class TargetRefused(EdgeError):
    """Two readers could take the request target for two different things."""

    code: ClassVar[str] = "target-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request target is ambiguous or malformed."


class BodyTooLarge(EdgeError):
    """The body exceeds what the route takes."""

    code: ClassVar[str] = "body-too-large"
    kind: ClassVar[Kind] = Kind.TOO_LARGE
    title: ClassVar[str] = "The request body is too large."


class UnsupportedMediaType(EdgeError):
    """The body's content type is not one the route reads."""

    code: ClassVar[str] = "unsupported-media-type"
    kind: ClassVar[Kind] = Kind.UNSUPPORTED
    title: ClassVar[str] = "The content type is not supported here."


class RouteNotFound(EdgeError):
    """Nothing lives at this path."""

    code: ClassVar[str] = "route-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is nothing at this address."


class MethodNotAllowed(EdgeError):
    """The path exists, but not for this method."""

    code: ClassVar[str] = "method-not-allowed"
    kind: ClassVar[Kind] = Kind.WRONG_METHOD
    title: ClassVar[str] = "This address does not take this method."

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"use {', '.join(allowed)}")
        self.allowed = allowed


class AuthenticationFailed(EdgeError):
    """The caller could not prove who they are.

    Every reason has this one public code and text, so that nobody can ask the authority what
    it knows; `reason` goes to the log.
    """

    code: ClassVar[str] = "unauthenticated"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "The proof of identity does not hold."

    def __init__(self, reason: str) -> None:
        super().__init__("the proof is missing, expired, used or wrong")
        self.reason = reason


class NotPermitted(EdgeError):
    """The policy refused.  `missing` names the permission that was lacking."""

    code: ClassVar[str] = "not-permitted"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "You may not do this."

    def __init__(self, missing: str) -> None:
        super().__init__(f"missing permission: {missing}")
        self.missing = missing
