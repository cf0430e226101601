# SPDX-License-Identifier: Apache-2.0
"""How writing or reading a policy can fail.

PolicyError
    MalformedRoleFile     the role file is not what it should be; says where
    MalformedPromptFile   the front matter of a prompt file cannot be read; says where
    MalformedPolicy       the Cedar text does not parse, or does not fit the schema
    MalformedOperation    what is asked about is no operation
    GrantsEverything      it would give more than anybody means to; says what
    RoleNotFound          no role has this name
    PolicyNotFound        no policy has this name
    VersionNotFound       the role or policy never had this version
    MalformedReason       why something is done is not said in one line
    StageNotPossible      what is staged cannot take this step
    NothingStaged         nothing is staged under this name
    PolicyChanged         somebody else changed it between the look and the write
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class PolicyError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedRoleFile(PolicyError):
    """The role file does not say a role."""

    code: ClassVar[str] = "malformed-role-file"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The role file is malformed."

    def __init__(self, reason: str, *, field: str = "", line: int = 0) -> None:
        place = ", ".join(part for part in (f"line {line}" if line else "", field) if part)
        super().__init__(f"{place}: {reason}" if place else reason)
        self.field = field
        self.line = line
        self.reason = reason


class MalformedPromptFile(PolicyError):
    """No role can be made from the prompt file."""

    code: ClassVar[str] = "malformed-prompt-file"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The prompt file is malformed."

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line


class MalformedPolicy(PolicyError):
    """The Cedar text is not a policy of this house."""

    code: ClassVar[str] = "malformed-policy"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The policy is malformed."


class MalformedOperation(PolicyError):
    """What is asked about is no operation that a call can be."""

    code: ClassVar[str] = "malformed-operation"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The operation is malformed."


class GrantsEverything(PolicyError):
    """The rule gives more than anybody means to."""

    code: ClassVar[str] = "grants-everything"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The policy grants everything."

    def __init__(self, rule: str, grants: str) -> None:
        super().__init__(
            f"{rule} would let {grants}; narrow it, or allow it with allow_broad (--allow-broad)"
        )
        self.rule = rule
        self.grants = grants


class RoleNotFound(PolicyError):
    """No role has this name."""

    code: ClassVar[str] = "role-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such role."


class PolicyNotFound(PolicyError):
    """No policy has this name."""

    code: ClassVar[str] = "policy-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such policy."


class PolicyChanged(PolicyError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "policy-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The role or policy was changed meanwhile; read it again."


class VersionNotFound(PolicyError):
    """The role or policy never had this version."""

    code: ClassVar[str] = "rule-version-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such version of it."


class MalformedReason(PolicyError):
    """Why something is done is not said in one line."""

    code: ClassVar[str] = "malformed-reason"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The reason is missing or malformed."


class StageNotPossible(PolicyError):
    """What is staged cannot take this step."""

    code: ClassVar[str] = "stage-not-possible"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "What is staged cannot take this step."


class NothingStaged(PolicyError):
    """Nothing is staged under this name."""

    code: ClassVar[str] = "nothing-staged"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "Nothing is staged under this name."
