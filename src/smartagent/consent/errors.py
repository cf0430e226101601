# SPDX-License-Identifier: Apache-2.0
"""What the room refuses.

ConsentError
    SignInFailed            the sign-in code is unknown, used or too old
    NotSignedIn             a page that only somebody who signed in may see
    AuthorizationRefused    an authorization request that is refused; the answer is a page, or goes to the client
    PushedRequestRefused    a pushed request that would be refused                              its own OAuth code
    RequestGone             the request was decided already, or nobody decided in time
    CodeUsedAgain           a code comes a second time: all that came of it is dead             invalid_grant
    RefreshTokenUsedAgain   a refresh token comes a second time: its whole family is dead       invalid_grant
    GrantNotFound           there is no such grant
    SessionNotFound         the caller has no such session in a browser
    GrantChanged            somebody else changed the same at the same instant
"""

from typing import ClassVar

from smartagent.kernel import Consequential, Effects, Kind, SmartAgentError


class ConsentError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class SignInFailed(ConsentError):
    """The code is unknown, used or too old; one text for all."""

    code: ClassVar[str] = "sign-in-failed"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The code is not good."


class NotSignedIn(ConsentError):
    """Only somebody who signed in may do this."""

    code: ClassVar[str] = "not-signed-in"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "Sign in first."


class AuthorizationRefused(ConsentError):
    """An authorization request is refused.

    `reply` is the whole answer (an `edge.Reply`): a page when the client's address cannot be trusted, else a
    redirect to it.

    Spec: RFC 6749 section 4.1.2.1, RFC 9207 section 2.
    """

    code: ClassVar[str] = "authorization-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The authorization request is refused."

    def __init__(self, reason: str, reply: object) -> None:
        super().__init__(reason)
        self.reply = reply


class PushedRequestRefused(ConsentError):
    """A pushed authorization request would be refused.

    Spec: RFC 9126 section 2.3.
    """

    code: ClassVar[str] = "pushed-request-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The authorization request is refused."

    def __init__(self, oauth_code: str, why: str) -> None:
        super().__init__(why)
        self.oauth_code = oauth_code


class RequestGone(ConsentError):
    """The request was decided already, or nobody decided in time."""

    code: ClassVar[str] = "authorization-request-gone"
    kind: ClassVar[Kind] = Kind.EXPIRED
    title: ClassVar[str] = "This request is over."


class CodeUsedAgain(Consequential):
    """A code comes a second time: somebody else has it, so all that came of it is dead.

    Spec: RFC 6749 section 4.1.2.
    """

    code: ClassVar[str] = "authorization-code-used-again"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The grant is not good."
    oauth_code: ClassVar[str] = "invalid_grant"

    def __init__(self, effects: Effects) -> None:
        # One public text for every grant that is not good: see `oauth.InvalidGrant`.
        super().__init__("it is unknown, expired, used, revoked, or not this client's")
        self.reason = "the code was used before; what came of it is revoked"
        self.effects = effects


class RefreshTokenUsedAgain(Consequential):
    """A refresh token comes a second time: somebody else has it, so the whole family is dead.

    Spec: RFC 9700 section 4.14.2.
    """

    code: ClassVar[str] = "refresh-token-used-again"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The grant is not good."
    oauth_code: ClassVar[str] = "invalid_grant"

    def __init__(self, effects: Effects) -> None:
        super().__init__("it is unknown, expired, used, revoked, or not this client's")
        self.reason = "the refresh token was used before; its family is revoked"
        self.effects = effects


class GrantNotFound(ConsentError):
    """There is no such grant."""

    code: ClassVar[str] = "grant-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such grant."


class SessionNotFound(ConsentError):
    """The caller has no such session in a browser."""

    code: ClassVar[str] = "browser-session-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such session."


class GrantChanged(ConsentError):
    """Somebody else changed the same at the same instant."""

    code: ClassVar[str] = "grant-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It was changed meanwhile."
