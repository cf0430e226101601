# SPDX-License-Identifier: Apache-2.0
"""How a call through the gateway can fail.

GatewayError
    UpstreamUnknown         no upstream has this name
    DestinationRefused      the upstream's address is one that may not be dialled
    CredentialUnusable      the secret cannot stand where the upstream wants it
    UpstreamUnreachable     no connection, or it broke before the answer began
    UpstreamTimeout         it did not answer in time
    UpstreamMalformed       it answered something that is not well-formed HTTP, or cannot be scrubbed
    UpgradeUnsupported      WebSocket and other protocol changes are not forwarded
    HostUnknown             no upstream lives at the address that the agent wants
    HostMismatch            a request names another host than its tunnel
    GatewayFull             too many connections
    PlaceholderRefused      a placeholder stands where it does not belong
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
