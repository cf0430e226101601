# SPDX-License-Identifier: Apache-2.0
"""What the authorization server answers when it says no; the codes are OAuth's.

OAuthError
    InvalidGrant                   what should be exchanged is not good (any more)      invalid_grant
    InvalidTarget                  a resource or audience that cannot be had            invalid_target
    InvalidScope                   more than may be had, or malformed                   invalid_scope
    UnauthorizedClient             this client may not use this grant                   unauthorized_client
    UnsupportedGrantType           a grant that is not done here                        unsupported_grant_type
    UnsupportedTokenType           a token of a kind that is not done here              unsupported_token_type
    InvalidAuthorizationDetails    details that cannot be had, or malformed             invalid_authorization_details
    AccessDenied                   a person, or a rule, said no                         access_denied
    AuthorizationPending           nobody has decided yet                               authorization_pending
    SlowDown                       asked too often                                      slow_down
    ExpiredToken                   nobody decided in time                               expired_token
    InsufficientScope              a good token that does not reach this far            insufficient_scope
    InsufficientUserAuthentication a good token of a sign-in that is not enough here    insufficient_user_authentication
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class OAuthError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class InvalidGrant(OAuthError):
    """What should be exchanged is unknown, expired, used, revoked, or somebody else's.

    One public text for all: who guesses codes learns nothing.  `reason` goes to the log.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "invalid-grant"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The grant is not good."
    oauth_code: ClassVar[str] = "invalid_grant"

    def __init__(self, reason: str) -> None:
        super().__init__("it is unknown, expired, used, revoked, or not this client's")
        self.reason = reason


class InvalidTarget(OAuthError):
    """The resource or audience is unknown, malformed, or not to be had.

    Spec: RFC 8707 section 2, RFC 8693 section 2.2.2.
    """

    code: ClassVar[str] = "invalid-target"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The target is not granted."
    oauth_code: ClassVar[str] = "invalid_target"


class InvalidScope(OAuthError):
    """The scope is malformed, unknown, or more than may be had.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "invalid-scope"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The scope is not granted."
    oauth_code: ClassVar[str] = "invalid_scope"


class UnauthorizedClient(OAuthError):
    """The client is known, and may not use this grant.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "unauthorized-client"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "This client may not do that."
    oauth_code: ClassVar[str] = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """The grant is not one that is done here.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "grant-type-unsupported"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The grant type is not supported."
    oauth_code: ClassVar[str] = "unsupported_grant_type"


class UnsupportedTokenType(OAuthError):
    """A kind of token that this endpoint does not deal with.

    Spec: RFC 7009 section 2.2.1.
    """

    code: ClassVar[str] = "token-type-unsupported"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The token type is not supported."
    oauth_code: ClassVar[str] = "unsupported_token_type"


class InvalidAuthorizationDetails(OAuthError):
    """The authorization details are malformed, of an unknown type, or more than may be had.

    Spec: RFC 9396 section 5.
    """

    code: ClassVar[str] = "invalid-authorization-details"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The authorization details are not granted."
    oauth_code: ClassVar[str] = "invalid_authorization_details"


class AccessDenied(OAuthError):
    """A person, or a rule, said no.

    Spec: RFC 6749 section 4.1.2.1, RFC 8628 section 3.5.
    """

    code: ClassVar[str] = "access-denied"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request was denied."
    oauth_code: ClassVar[str] = "access_denied"


class AuthorizationPending(OAuthError):
    """Nobody has decided yet: ask again after the interval.

    Spec: RFC 8628 section 3.5, CIBA Core section 11.
    """

    code: ClassVar[str] = "authorization-pending"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "Nobody has decided yet."
    oauth_code: ClassVar[str] = "authorization_pending"


class SlowDown(OAuthError):
    """Asked again before the interval was over; it grew by five seconds.

    Spec: RFC 8628 section 3.5.
    """

    code: ClassVar[str] = "slow-down"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "Ask less often."
    oauth_code: ClassVar[str] = "slow_down"


class ExpiredToken(OAuthError):
    """Nobody decided in time.

    Spec: RFC 8628 section 3.5.
    """

    code: ClassVar[str] = "expired-token"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request has expired."
    oauth_code: ClassVar[str] = "expired_token"


class InsufficientScope(OAuthError):
    """The token is good, and lacks a scope that is needed here.  The challenge lists all that are needed.

    Spec: RFC 6750 section 3.1.
    """

    code: ClassVar[str] = "token-scope-insufficient"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The token does not reach this far."
    oauth_code: ClassVar[str] = "insufficient_scope"

    def __init__(self, missing: str, response_headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"missing scope: {missing}")
        self.missing = missing
        self.response_headers = response_headers


class InsufficientUserAuthentication(OAuthError):
    """The token is good, and its person did not sign in as is needed here, or not recently enough.

    Spec: RFC 9470 section 3.
    """

    code: ClassVar[str] = "sign-in-insufficient"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "A different or more recent sign-in is needed."
    oauth_code: ClassVar[str] = "insufficient_user_authentication"

    def __init__(self, response_headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__("the challenge says what is needed")
        self.response_headers = response_headers
