# SPDX-License-Identifier: Apache-2.0
"""How a delegation can be refused; the codes are those of RFC 8693 section 2.2.2.

DelegationError
    SubjectTokenRefused      no token that may be exchanged                          invalid_request
    ActorTokenRefused        no token of the client that asks                        invalid_request
    NotDelegated             nothing lets this client act with it                    invalid_request
    ChainRefused             a loop, too deep, derived too often, or never further   invalid_request
    TokenTypeRefused         a kind of token that is not given                       invalid_request
    ContextRefused           a transaction's context that cannot be taken            invalid_request
    TargetNotDelegated       an audience that not all of the chain may have          invalid_target
    ScopeNotDelegated        more than all of the chain may have, or nothing at all  invalid_scope
    DetailsRefused           details of an unknown type, or malformed                invalid_authorization_details
    ClientRefused            only agents, or only confidential clients, may ask      unauthorized_client
    AssertionRefused         an assertion of an outside issuer that does not hold    invalid_grant
    DelegationNotFound       no delegation has this id, or not for this caller to see
    MalformedDelegation      it does not say from whom, to whom, or for what
    DelegationChanged        it was revoked by somebody else meanwhile
    TooManyDelegations       one delegator has no more than so many at a time
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class DelegationError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class SubjectTokenRefused(DelegationError):
    """The subject token does not hold, or is of a kind that is never exchanged.

    One public text for all, as for every proof; `reason` goes to the log.

    Spec: RFC 8693 section 2.2.2.
    """

    code: ClassVar[str] = "subject-token-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The subject token is not taken."
    oauth_code: ClassVar[str] = "invalid_request"

    def __init__(self, reason: str) -> None:
        super().__init__("it is expired, revoked, malformed, or of another kind than it is said to be")
        self.reason = reason


class ActorTokenRefused(DelegationError):
    """The actor token is not the own session token of the client that asks.

    A token of anybody else would splice two chains that have nothing to do with each other.

    Spec: RFC 8693 section 2.2.2.
    """

    code: ClassVar[str] = "actor-token-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The actor token is not taken."
    oauth_code: ClassVar[str] = "invalid_request"

    def __init__(self, reason: str) -> None:
        super().__init__("it is not an access token that this client got for itself")
        self.reason = reason


class NotDelegated(DelegationError):
    """Whoever holds the subject token has not let this client act.

    Spec: RFC 8693 sections 2.2.2 and 4.4.
    """

    code: ClassVar[str] = "not-delegated"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "Nobody delegated this to you."
    oauth_code: ClassVar[str] = "invalid_request"


class ChainRefused(DelegationError):
    """The chain would be longer, or of another shape, than a chain may be.

    Spec: RFC 8693 section 2.2.2.
    """

    code: ClassVar[str] = "chain-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The chain of delegation ends here."
    oauth_code: ClassVar[str] = "invalid_request"


class TokenTypeRefused(DelegationError):
    """A token of that type is neither taken nor given here.

    Spec: RFC 8693 sections 2.2.2 and 3.
    """

    code: ClassVar[str] = "exchange-type-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "That token type is not exchanged."
    oauth_code: ClassVar[str] = "invalid_request"


class ContextRefused(DelegationError):
    """What should stand in a transaction token is malformed, too long, or would change what stands there.

    Spec: draft-ietf-oauth-transaction-tokens section "Txn-Token Request".
    """

    code: ClassVar[str] = "transaction-context-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The transaction's context is not taken."
    oauth_code: ClassVar[str] = "invalid_request"


class TargetNotDelegated(DelegationError):
    """Somebody in the chain may not have tokens for this audience.

    Spec: RFC 8693 section 2.2.2, RFC 8707 section 2.
    """

    code: ClassVar[str] = "target-not-delegated"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The target is not granted."
    oauth_code: ClassVar[str] = "invalid_target"


class ScopeNotDelegated(DelegationError):
    """It is more than the subject token, the roles and the delegation have in common.

    Spec: RFC 6749 section 5.2, RFC 8693 section 2.2.2.
    """

    code: ClassVar[str] = "scope-not-delegated"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The scope is not granted."
    oauth_code: ClassVar[str] = "invalid_scope"


class DetailsRefused(DelegationError):
    """The authorization details are of an unknown type, malformed, or not to be had.

    Spec: RFC 9396 section 5.
    """

    code: ClassVar[str] = "details-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The authorization details are not granted."
    oauth_code: ClassVar[str] = "invalid_authorization_details"


class ClientRefused(DelegationError):
    """The client is known, and is not of the kind that may do this.

    Spec: RFC 6749 section 5.2.
    """

    code: ClassVar[str] = "exchange-client-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "This client may not do that."
    oauth_code: ClassVar[str] = "unauthorized_client"


class AssertionRefused(DelegationError):
    """The assertion does not hold, was used, or was made for somebody else; `reason` goes to the log.

    Spec: RFC 7521 section 4.1.1.
    """

    code: ClassVar[str] = "assertion-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The assertion is not taken."
    oauth_code: ClassVar[str] = "invalid_grant"

    def __init__(self, reason: str) -> None:
        super().__init__("it is expired, used, malformed, not trusted, or not for this client")
        self.reason = reason


class DelegationNotFound(DelegationError):
    """There is none with this id, or it is none of the caller's business."""

    code: ClassVar[str] = "delegation-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such delegation."


class MalformedDelegation(DelegationError):
    """It does not say well from whom it is, to whom, or for what."""

    code: ClassVar[str] = "malformed-delegation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The delegation is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class DelegationChanged(DelegationError):
    """Somebody else wrote the same delegation meanwhile."""

    code: ClassVar[str] = "delegation-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The delegation was changed meanwhile."


class TooManyDelegations(DelegationError):
    """Every node holds all live ones in memory, so nobody may record them without end."""

    code: ClassVar[str] = "too-many-delegations"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "There are too many live delegations from there; revoke one first."
