# SPDX-License-Identifier: Apache-2.0
"""What identity refuses, apart from a proof that does not hold (`edge.AuthenticationFailed`).

IdentityError
    KeyAlreadyKnown         somebody has, or had, this key
    MalformedName           not a name that can be shown to people
    RoleUnknown             enrolment into a role that does not exist
    OwnerUnknown            nobody who could answer for an agent has this id
    LifeTooLong             an enrolment token that would live too long, or not at all
    AgentNotFound           no agent has this id
    TransitionRefused       the agent's status cannot become that
    AgentChanged            somebody else changed the agent between the look and the write
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class IdentityError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class KeyAlreadyKnown(IdentityError):
    """The key belongs, or once belonged, to somebody; a key names one principal for ever."""

    code: ClassVar[str] = "key-already-known"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The key is already known."

    def __init__(self) -> None:
        super().__init__("make a fresh key")


class MalformedName(IdentityError):
    """The name could not be shown to people as it is."""

    code: ClassVar[str] = "malformed-name"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The name is malformed."


class RoleUnknown(IdentityError):
    """The role does not exist (any more)."""

    code: ClassVar[str] = "role-unknown"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "There is no such role to enrol into."


class OwnerUnknown(IdentityError):
    """Nobody who could answer for an agent has this id: no operator, and no person who has not left."""

    code: ClassVar[str] = "owner-unknown"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "There is no such owner."


class LifeTooLong(IdentityError):
    """The time asked for is not in the range that is allowed."""

    code: ClassVar[str] = "life-too-long"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The lifetime is out of range."

    def __init__(self, most_seconds: int) -> None:
        super().__init__(f"ttl_seconds is 1 to {most_seconds}")
        self.limit = most_seconds


class AgentNotFound(IdentityError):
    """No agent has this id."""

    code: ClassVar[str] = "agent-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such agent."


class OperatorNotFound(IdentityError):
    """No operator has this id."""

    code: ClassVar[str] = "operator-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such operator."


class LastSecurityOfficer(IdentityError):
    """Nobody would be left who can change what operators may do."""

    code: ClassVar[str] = "last-security-officer"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "A security officer must be left."


class TransitionRefused(IdentityError):
    """The agent's status cannot become what was asked."""

    code: ClassVar[str] = "status-transition-refused"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The agent's status cannot change so."


class AgentChanged(IdentityError):
    """Somebody else changed the agent between the look and the write."""

    code: ClassVar[str] = "agent-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The agent was changed meanwhile; read it again."
