# SPDX-License-Identifier: Apache-2.0
"""How a presented token can fail.

VerificationError
    InvalidToken            do not serve this caller: 401, `invalid_token`
        TokenMalformed          not a token of the one kind we take
        TokenKeyUnknown         signed by a key the issuer does not publish
        TokenSignatureWrong     not signed by the key it names
        TokenTypeWrong          a token made for something else
        TokenClaimsMalformed    a claim is absent or of the wrong type
        TokenIssuerWrong        another authority's
        TokenAudienceWrong      meant for another service
        TokenExpired            its time ran out
        TokenNotYetValid        its time has not begun
        TokenRevoked            taken back
        TokenBound              bound to a key, whose proof a bearer does not show
    InsufficientScope       known caller, but the token does not reach this far: 403
    InsufficientSignIn      known caller, whose person did not sign in as is needed: 401
    KeysUnavailable         the issuer's keys cannot be had: 503, nobody is served on a guess
    RevocationUnknown       whether it was revoked cannot be said: 503, likewise
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class VerificationError(SmartAgentError):
    """Base of what `Verifier.verify` raises; never raised itself."""


class InvalidToken(VerificationError):
    """The token proves nothing here.  Each reason has its own subclass and code."""

    code: ClassVar[str] = "invalid-token"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "The access token is not valid."


class TokenMalformed(InvalidToken):
    """The token is not well formed."""

    code: ClassVar[str] = "token-malformed"
    title: ClassVar[str] = "The access token is malformed."


class TokenKeyUnknown(InvalidToken):
    """The issuer publishes no key of that name."""

    code: ClassVar[str] = "token-key-unknown"
    title: ClassVar[str] = "The access token is signed by an unknown key."


class TokenSignatureWrong(InvalidToken):
    """The signature does not hold."""

    code: ClassVar[str] = "token-signature-wrong"
    title: ClassVar[str] = "The access token's signature does not hold."


class TokenTypeWrong(InvalidToken):
    """The token's `typ` is not that of an access token."""

    code: ClassVar[str] = "token-type-wrong"
    title: ClassVar[str] = "The token is not an access token."


class TokenClaimsMalformed(InvalidToken):
    """A claim that every access token has is absent, empty or of the wrong type."""

    code: ClassVar[str] = "token-claims-malformed"
    title: ClassVar[str] = "The access token's claims are malformed."


class TokenIssuerWrong(InvalidToken):
    """The token names another issuer."""

    code: ClassVar[str] = "token-issuer-wrong"
    title: ClassVar[str] = "The access token comes from another issuer."


class TokenAudienceWrong(InvalidToken):
    """The token is meant for another service."""

    code: ClassVar[str] = "token-audience-wrong"
    title: ClassVar[str] = "The access token is meant for another audience."


class TokenExpired(InvalidToken):
    """The token's time ran out."""

    code: ClassVar[str] = "token-expired"
    title: ClassVar[str] = "The access token has expired."


class TokenNotYetValid(InvalidToken):
    """The token says it was issued, or begins, later than now."""

    code: ClassVar[str] = "token-not-yet-valid"
    title: ClassVar[str] = "The access token is not valid yet."


class TokenRevoked(InvalidToken):
    """The token was taken back."""

    code: ClassVar[str] = "token-revoked"
    title: ClassVar[str] = "The access token has been revoked."


class TokenBound(InvalidToken):
    """The token is bound to a key (`cnf`); taking it from a bearer would undo the binding."""

    code: ClassVar[str] = "token-bound"
    title: ClassVar[str] = "The access token is bound to a key and needs its proof."


class InsufficientScope(VerificationError):
    """The token is good, and does not carry a scope that is needed here."""

    code: ClassVar[str] = "insufficient-scope"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The access token does not carry the scope needed."

    def __init__(self, required: tuple[str, ...], missing: tuple[str, ...]) -> None:
        super().__init__(f"missing scope: {' '.join(missing)}")
        self.required = required
        self.missing = missing


class InsufficientSignIn(VerificationError):
    """The token is good, and its person did not sign in as is needed here, or not recently enough.

    `acr_values` are alternatives; `max_age_seconds` is None when any age will do.

    Spec: RFC 9470 section 3.
    """

    code: ClassVar[str] = "insufficient-user-authentication"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "A different or more recent sign-in is needed."

    def __init__(self, acr_values: tuple[str, ...], max_age_seconds: int | None) -> None:
        super().__init__("the sign-in is not what is needed")
        self.acr_values = acr_values
        self.max_age_seconds = max_age_seconds


class KeysUnavailable(VerificationError):
    """The issuer's keys could not be fetched, and none known are recent enough to trust."""

    code: ClassVar[str] = "keys-unavailable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The issuer's keys cannot be fetched."


class RevocationUnknown(VerificationError):
    """Whether the token was revoked cannot be said: what is known is older than the service allows."""

    code: ClassVar[str] = "revocation-unknown"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "It cannot be said whether the access token was revoked."
