# SPDX-License-Identifier: Apache-2.0
"""How a call through the gateway can fail.

GatewayError
    SecretLeaking           what the agent sends holds a secret of the vault
    UpstreamUnknown         no upstream has this name
    OperationUnreadable     the upstream speaks GraphQL, and nobody can say what the call does
    DestinationRefused      the upstream's address is one that may not be dialled
    CredentialUnusable      the secret cannot stand where the upstream wants it
    UpstreamUnreachable     no connection, or it broke before the answer began
    UpstreamDown            it could not be reached several times, and is left alone for a while
    UpstreamTimeout         it did not answer in time
    UpstreamMalformed       it answered something that is not well-formed HTTP, or cannot be scrubbed
    UpgradeUnsupported      WebSocket and other protocol changes are not forwarded
    HostUnknown             no upstream lives at the address that the agent wants
    LimitExceeded           more than the agent, its role or the upstream may have
        RateExceeded        calls in a time
        ConcurrencyExceeded calls at the same time
        BandwidthExceeded   bytes in a time
    AnswerTooLarge          the answer's body is longer than it may be
    CallTooLong             the call took longer than it may
    UpstreamChanged         its entry was changed during the call
    HostMismatch            a request names another host than its tunnel
    GatewayFull             too many connections
    PlaceholderRefused      a placeholder stands where it does not belong
    FlowStopped             it could let private data out that untrusted content asks for
    CallAbandoned           it ended while it was held for approval
    BodyUnfit               the credential goes into the body, and this one has no place for it
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class GatewayError(SmartAgentError):
    """Base of the gateway's errors; never raised itself."""


class UpstreamUnknown(GatewayError):
    """No upstream has this name."""

    code: ClassVar[str] = "upstream-unknown"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such upstream."


class SecretLeaking(GatewayError):
    """What the agent sends holds a secret of the vault.  Which one is for the log."""

    code: ClassVar[str] = "secret-leaking"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "The request holds a secret."

    def __init__(self, secret: str, where: str) -> None:
        super().__init__(f"its {where} holds a secret that only the gateway may send")
        self.secret = secret
        self.where = where


class OperationUnreadable(GatewayError):
    """The upstream speaks GraphQL, and nobody can say what the call does."""

    code: ClassVar[str] = "operation-unreadable"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The operation cannot be read."


class DestinationRefused(GatewayError):
    """The upstream's name leads to an address that may not be dialled."""

    code: ClassVar[str] = "destination-refused"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The upstream's address may not be called."


class CredentialUnusable(GatewayError):
    """The secret cannot stand where the upstream wants it."""

    code: ClassVar[str] = "credential-unusable"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The upstream's credential cannot be used."


class UpstreamUnreachable(GatewayError):
    """No connection could be made, or it broke before the answer began."""

    code: ClassVar[str] = "upstream-unreachable"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The upstream cannot be reached."


class UpstreamDown(GatewayError):
    """It could not be reached several times in a row, and is left alone for a while."""

    code: ClassVar[str] = "upstream-down"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The upstream is down."

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("it could not be reached several times, and is tried again later")
        self.retry_after_seconds = retry_after_seconds


class UpstreamTimeout(GatewayError):
    """The upstream did not answer in time."""

    code: ClassVar[str] = "upstream-timeout"
    kind: ClassVar[Kind] = Kind.TIMEOUT
    title: ClassVar[str] = "The upstream did not answer in time."


class UpstreamMalformed(GatewayError):
    """The upstream's answer is not well-formed HTTP, or its coding cannot be scrubbed."""

    code: ClassVar[str] = "upstream-malformed"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The upstream's answer cannot be passed on."


class UpgradeUnsupported(GatewayError):
    """The agent wants to change the protocol."""

    code: ClassVar[str] = "upgrade-unsupported"
    kind: ClassVar[Kind] = Kind.NOT_IMPLEMENTED
    title: ClassVar[str] = "Protocol upgrades are not forwarded."


class GatewayFull(GatewayError):
    """Too many connections are open."""

    code: ClassVar[str] = "gateway-full"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The gateway has no room for another connection."


class HostUnknown(GatewayError):
    """No upstream lives at the address that the agent wants."""

    code: ClassVar[str] = "host-unknown"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "No upstream of this authority is at that address."


class LimitExceeded(GatewayError):
    """More than the agent, its role or the upstream may have; never raised itself."""

    def __init__(self, reason: str, retry_after_seconds: int) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class RateExceeded(LimitExceeded):
    """Too many calls in a time."""

    code: ClassVar[str] = "rate-exceeded"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many calls."


class ConcurrencyExceeded(LimitExceeded):
    """Too many calls at the same time."""

    code: ClassVar[str] = "concurrency-exceeded"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many calls are open."


class BandwidthExceeded(LimitExceeded):
    """Too many bytes in a time."""

    code: ClassVar[str] = "bandwidth-exceeded"
    kind: ClassVar[Kind] = Kind.LIMITED
    title: ClassVar[str] = "Too many bytes were moved."


class AnswerTooLarge(GatewayError):
    """The answer's body is longer than it may be."""

    code: ClassVar[str] = "answer-too-large"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The upstream's answer is too large."


class CallTooLong(GatewayError):
    """The call took longer than it may."""

    code: ClassVar[str] = "call-too-long"
    kind: ClassVar[Kind] = Kind.TIMEOUT
    title: ClassVar[str] = "The call took too long."


class UpstreamChanged(GatewayError):
    """The upstream's entry was changed during the call: it leads elsewhere, or sends another credential."""

    code: ClassVar[str] = "upstream-changed"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The upstream was changed during the call."


class HostMismatch(GatewayError):
    """A request names another host than the tunnel that it comes through."""

    code: ClassVar[str] = "host-mismatch"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The request names another host than its tunnel."


class BodyUnfit(GatewayError):
    """The upstream takes its credential in the body, and this body has no place for it."""

    code: ClassVar[str] = "body-unfit"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The body has no place for the upstream's credential."


class PlaceholderRefused(GatewayError):
    """A placeholder stands where it does not belong, or is another upstream's."""

    code: ClassVar[str] = "placeholder-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "A placeholder stands where it is not honoured."


class FlowStopped(GatewayError):
    """The agent has read private data and met untrusted content, and this would send something outside."""

    code: ClassVar[str] = "flow-stopped"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "Nothing may be sent outside now."


class CallAbandoned(GatewayError):
    """The agent left, or the node stopped, while its call was held for approval."""

    code: ClassVar[str] = "call-abandoned"
    kind: ClassVar[Kind] = Kind.TIMEOUT
    title: ClassVar[str] = "The call ended while it was held."
