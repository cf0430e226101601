# SPDX-License-Identifier: Apache-2.0
"""What this room refuses, beside OAuth's own refusals (`smartagent.oauth`).

DecoupledError
    UserCodeUnknown          no open request has this code, or it is somebody else's
    GuessedTooOften          too many wrong codes or hints; ask again later
    CodeNotConfirmed         a person allowed without saying that their device shows the code
    ConsentRequestNotFound   nothing to decide under this id
    ConsentRequestChanged    it was decided meanwhile
    CodeCollided             two codes came out the same; ask again
    UnknownUserId            the hint names nobody that could be asked      unknown_user_id
    ExpiredLoginHintToken    the token that hints is over                   expired_login_hint_token
    InvalidBindingMessage    a message that people cannot be shown          invalid_binding_message
    TooManyOpen              the person has enough to decide already        access_denied (403)
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class DecoupledError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class UserCodeUnknown(DecoupledError):
    """No request that is open has this code.

    Never made, expired, decided, entered by somebody else: all are this, with one text.  `reason` goes to the
    log.

    Spec: RFC 8628 section 5.1.
    """

    code: ClassVar[str] = "user-code-unknown"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "No open request has this code."

    def __init__(self, reason: str) -> None:
        super().__init__("check what your device shows; a code is good for ten minutes, and once")
        self.reason = reason


class GuessedTooOften(DecoupledError):
    """Too many that were wrong.

    Spec: RFC 8628 section 5.1.
    """

    code: ClassVar[str] = "guessed-too-often"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many wrong tries."

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"wait {retry_after_seconds} seconds")
        self.retry_after_seconds = retry_after_seconds


class CodeNotConfirmed(DecoupledError):
    """Whoever allows a device must say that it shows the code: a link may have been somebody else's.

    Spec: RFC 8628 sections 3.3.1 and 5.4.
    """

    code: ClassVar[str] = "code-not-confirmed"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "Confirm that your own device shows the code."


class ConsentRequestNotFound(DecoupledError):
    """There is no such request, or it is not this person's to decide, or its time is over."""

    code: ClassVar[str] = "consent-request-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such request to decide."

    def __init__(self) -> None:
        super().__init__("list the open ones")


class ConsentRequestChanged(DecoupledError):
    """It was decided between the look and the write."""

    code: ClassVar[str] = "consent-request-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The request was decided meanwhile."


class CodeCollided(DecoupledError):
    """A fresh code is one that is in use: a matter of chance, once in thousands of millions."""

    code: ClassVar[str] = "code-collided"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The code is taken; ask again."


class UnknownUserId(DecoupledError):
    """The hint names nobody that could be asked.

    Unknown, ambiguous, forged, made for another client: one text.  `reason` goes to the log.

    Spec: CIBA Core section 13.
    """

    code: ClassVar[str] = "unknown-user-id"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The hint names nobody that could be asked."
    oauth_code: ClassVar[str] = "unknown_user_id"

    def __init__(self, reason: str) -> None:
        super().__init__("use an operator's id or name, or an id_token that was issued to this client")
        self.reason = reason


class ExpiredLoginHintToken(DecoupledError):
    """The token that should say who is meant has expired.

    Spec: CIBA Core section 13.
    """

    code: ClassVar[str] = "expired-login-hint-token"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The login hint token has expired."
    oauth_code: ClassVar[str] = "expired_login_hint_token"


class InvalidBindingMessage(DecoupledError):
    """The message is too long, or could be read as something else than it is.

    Spec: CIBA Core sections 7.1 and 13.
    """

    code: ClassVar[str] = "invalid-binding-message"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The binding message cannot be shown."
    oauth_code: ClassVar[str] = "invalid_binding_message"

    def __init__(self, most_chars: int) -> None:
        super().__init__(f"use at most {most_chars} visible characters on one line")
        self.limit = most_chars


class TooManyOpen(DecoupledError):
    """This client already waits for the person to decide: who is asked without end says yes at last.

    Spec: CIBA Core section 13.
    """

    code: ClassVar[str] = "too-many-open-requests"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The person has enough requests of this client to decide."
    oauth_code: ClassVar[str] = "access_denied"

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} may be open; wait until they are decided or over")
        self.limit = most
