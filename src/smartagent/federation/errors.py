# SPDX-License-Identifier: Apache-2.0
"""What federation refuses, apart from a token that does not hold (`edge.AuthenticationFailed`).

FederationError
    FetchRefused            the address is one that is never called
    FetchFailed             no answer, not a good one, or more than was asked for
    KeysUnavailable         somebody's keys cannot be had, or no key of theirs fits
    MalformedIssuer         the entry does not say whom to trust, or for what
    TrustsEverybody         a rule would admit more than anybody means to
    IssuerTaken             another entry trusts this issuer already
    IssuerNotFound          no entry has this name
    IssuerChanged           somebody else changed the entry between the look and the write
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class FederationError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class FetchRefused(FederationError):
    """The address is one that is never called."""

    code: ClassVar[str] = "fetch-refused"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The address may not be called."


class FetchFailed(FederationError):
    """There was no answer, or it is not what was asked for."""

    code: ClassVar[str] = "fetch-failed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The document cannot be fetched."


class KeysUnavailable(FederationError):
    """Somebody's keys cannot be had, or no key of theirs fits."""

    code: ClassVar[str] = "outside-keys-unavailable"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The keys cannot be had."


class MalformedIssuer(FederationError):
    """The entry does not say whom to trust, or for what."""

    code: ClassVar[str] = "malformed-trusted-issuer"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The trusted issuer's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class TrustsEverybody(FederationError):
    """A rule would admit more than anybody means to."""

    code: ClassVar[str] = "trusts-everybody"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The rule is too broad."

    def __init__(self, rule: int, reason: str) -> None:
        super().__init__(f"rule {rule}: {reason}; narrow it, or allow it with allow_broad (--allow-broad)")
        self.rule = rule


class IssuerTaken(FederationError):
    """Another entry trusts this issuer already: a token's `iss` must lead to one entry."""

    code: ClassVar[str] = "trusted-issuer-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The issuer is trusted by another entry already."


class IssuerNotFound(FederationError):
    """No entry has this name."""

    code: ClassVar[str] = "trusted-issuer-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such trusted issuer."


class IssuerChanged(FederationError):
    """Somebody else changed the entry between the look and the write."""

    code: ClassVar[str] = "trusted-issuer-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The trusted issuer was changed meanwhile; read it again."
