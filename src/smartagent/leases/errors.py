# SPDX-License-Identifier: Apache-2.0
"""How leases can refuse.

LeaseError
    MalformedProvider     the entry does not describe a place where credentials are made
    MalformedCredential   the entry does not describe what one lease gives
    MalformedLease        what is asked for is not a lease
    ProviderNotFound      no provider has this name
    ProviderInUse         credentials still come from it
    CredentialNotFound    no credential has this name
    CredentialNotGranted  the caller's role, or token, does not have it
    LeaseNeedsApproval    rules ask people about it, and it was to be renewed
    CannotNarrow          nothing of the credential is left of what the role names
    LeaseNotFound         no lease has this id, or it is somebody else's
    LeaseOver             the lease is being ended, or has ended
    LeaseTooLong          longer than its maximum
    NotRenewable          this kind of credential lives as long as it was made for
    LeasesChanged         somebody else changed it between the look and the write
    ProviderFailed        the provider said no, or said something else
    ProviderUnreachable   the provider did not answer, or not in time

No text of these errors holds anything of a secret, nor a provider's own words: those may repeat what they
were sent.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class LeaseError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedProvider(LeaseError):
    """The entry does not describe a place where credentials are made."""

    code: ClassVar[str] = "malformed-provider"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The provider's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class MalformedCredential(LeaseError):
    """The entry does not describe what one lease gives."""

    code: ClassVar[str] = "malformed-credential"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The credential's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class MalformedLease(LeaseError):
    """What is asked for is not a lease."""

    code: ClassVar[str] = "malformed-lease"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request for a lease is malformed."


class ProviderNotFound(LeaseError):
    """No provider has this name."""

    code: ClassVar[str] = "provider-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such provider."


class ProviderInUse(LeaseError):
    """Credentials still come from it, or leases still live there."""

    code: ClassVar[str] = "provider-in-use"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The provider is in use."


class CredentialNotFound(LeaseError):
    """No credential has this name."""

    code: ClassVar[str] = "credential-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such credential."


class CredentialNotGranted(LeaseError):
    """The caller's role, or the token, does not have it.  `wanted` is for the log: what a rule would have to allow."""

    code: ClassVar[str] = "credential-not-granted"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The role or the token does not have this credential."

    def __init__(self, missing: str, reason: str) -> None:
        super().__init__(f"missing: {missing}" if missing else "")
        self.missing = missing
        self.reason = reason
        self.wanted = missing


class LeaseNeedsApproval(LeaseError):
    """Rules ask people about it, and what was approved once is not put off: each lease is approved by itself."""

    code: ClassVar[str] = "lease-needs-approval"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "A rule asks people about this lease."


class CannotNarrow(LeaseError):
    """Nothing of the credential is left of what the role names, or its kind cannot be narrowed so."""

    code: ClassVar[str] = "cannot-narrow"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The credential cannot be narrowed so."


class LeaseNotFound(LeaseError):
    """No lease has this id, or it is somebody else's."""

    code: ClassVar[str] = "lease-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such lease."


class LeaseOver(LeaseError):
    """The lease is being ended, or has ended."""

    code: ClassVar[str] = "lease-over"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The lease is over."


class LeaseTooLong(LeaseError):
    """Longer than its maximum."""

    code: ClassVar[str] = "lease-too-long"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The lease is asked for longer than its maximum."

    def __init__(self, most_seconds: int) -> None:
        super().__init__(f"at most {most_seconds} seconds")
        self.most_seconds = most_seconds


class NotRenewable(LeaseError):
    """This kind of credential lives as long as it was made for."""

    code: ClassVar[str] = "lease-not-renewable"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The lease cannot be renewed; ask for a new one."


class LeasesChanged(LeaseError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "leases-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The lease, credential or provider was changed meanwhile; read it again."


class ProviderFailed(LeaseError):
    """The provider said no, or said something else than was expected.

    `reason` is for the log: a code of the provider's (an SQLSTATE, a status), never its words.
    """

    code: ClassVar[str] = "provider-failed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The provider refused."

    def __init__(self, reason: str) -> None:
        super().__init__("ask an operator to look at its entry and its log")
        self.reason = reason


class ProviderUnreachable(LeaseError):
    """The provider did not answer, or not in time.  What was asked may have happened all the same."""

    code: ClassVar[str] = "provider-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The provider does not answer."

    def __init__(self, reason: str) -> None:
        super().__init__("try again")
        self.reason = reason
