# SPDX-License-Identifier: Apache-2.0
"""What tokens refuses, apart from a proof that does not hold (`edge.AuthenticationFailed`).

TokensError
    ScopeNotGranted         a scope the role does not have, or a malformed one     invalid_scope
    AudienceNotGranted      an audience the role does not have                     invalid_target
    RoleNotGranted          the agent's role does not exist (any more)             unauthorized_client
    PromptNotReviewed       the agent does not run with its role's prompt file     unauthorized_client
    NothingLeft             what a token would derive from has expired             invalid_grant
    InvalidDpopProof        a proof of possession that does not hold               invalid_dpop_proof
    UseDpopNonce            the proof must carry a nonce of ours                   use_dpop_nonce
    KeyNotPublishedYet      the next signing key is too fresh for verifiers
    KeysChanged             another node rotated the keys meanwhile
    KeysNotReady            there is no key to sign with
    MalformedRevocation     what should be revoked has no such id
    SessionNotFound         the session is another's, or there is none
    RevocationRaced         the same was revoked by somebody else meanwhile
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError, rfc3339


class TokensError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class ScopeNotGranted(TokensError):
    """The scope is malformed, or more than the role may have.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "scope-not-granted"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The scope is not granted."
    oauth_code: ClassVar[str] = "invalid_scope"


class AudienceNotGranted(TokensError):
    """The role may not have tokens for this audience.

    Spec: RFC 8707 section 2.
    """

    code: ClassVar[str] = "audience-not-granted"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The audience is not granted."
    oauth_code: ClassVar[str] = "invalid_target"


class RoleNotGranted(TokensError):
    """The agent's role does not exist, so nothing is granted."""

    code: ClassVar[str] = "role-not-granted"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The agent's role grants nothing."
    oauth_code: ClassVar[str] = "unauthorized_client"


class PromptNotReviewed(TokensError):
    """The agent does not state the prompt file that was reviewed for its role."""

    code: ClassVar[str] = "prompt-not-reviewed"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The agent's prompt file is not the one that was reviewed."
    oauth_code: ClassVar[str] = "unauthorized_client"


class NothingLeft(TokensError):
    """What a token would derive from has expired.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "nothing-left"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "There is no life left to give."
    oauth_code: ClassVar[str] = "invalid_grant"


class InvalidDpopProof(TokensError):
    """The proof of possession that came with a token request does not hold.

    Spec: RFC 9449 section 5.
    """

    code: ClassVar[str] = "dpop-proof-invalid"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The DPoP proof does not hold:"
    oauth_code: ClassVar[str] = "invalid_dpop_proof"


class UseDpopNonce(TokensError):
    """The proof must carry the nonce that this answer gives.

    Spec: RFC 9449 section 8.
    """

    code: ClassVar[str] = "dpop-nonce-needed"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The DPoP proof needs a nonce."
    oauth_code: ClassVar[str] = "use_dpop_nonce"

    def __init__(self, nonce: str) -> None:
        super().__init__("put the nonce of the header DPoP-Nonce into the proof, and ask again")
        self.response_headers = (("dpop-nonce", nonce),)


class KeyNotPublishedYet(TokensError):
    """The next key has not been published longer than verifiers cache the key set."""

    code: ClassVar[str] = "key-not-published-yet"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The next signing key has not been published long enough."

    def __init__(self, ready_at: int) -> None:
        super().__init__(
            f"verifiers may not know it before {rfc3339(ready_at)}; rotate then, or at once with compromised=true"
        )
        self.ready_at = ready_at


class KeysChanged(TokensError):
    """Another node took the same step of the key ring first."""

    code: ClassVar[str] = "keys-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The signing keys were changed meanwhile."


class KeysNotReady(TokensError):
    """No signing key is active on this node."""

    code: ClassVar[str] = "keys-not-ready"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "There is no signing key yet."


class MalformedRevocation(TokensError):
    """The id does not name what should be revoked."""

    code: ClassVar[str] = "malformed-revocation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The revocation is malformed."


class RevocationRaced(TokensError):
    """Somebody else revoked the same at the same instant."""

    code: ClassVar[str] = "revocation-raced"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The same was being revoked meanwhile."


class SessionNotFound(TokensError):
    """The session is another's, or there is none."""

    code: ClassVar[str] = "session-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such session."
