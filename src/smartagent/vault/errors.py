# SPDX-License-Identifier: Apache-2.0
"""How the vault can refuse.

VaultError
    MalformedSecret       the name or the value cannot be kept, or cannot be sent where it goes
    MalformedUpstream     the entry does not say where to, or says it in a way that is not safe
    SecretNotFound        no secret has this name
    UpstreamNotFound      no upstream has this name
    SecretInUse           upstreams still need it
    SecretMissing         the entry names a secret that is not there
    VersionGone           the version is not kept any more, or was destroyed
    SecretElsewhere       another store keeps it, so we cannot write it
    SecretUnreachable     another store keeps it, and does not answer
    SecretRefused         another store keeps it, and does not give it
    VersionInForce        the current version is not destroyed
    VaultChanged          somebody else changed it between the look and the write
    MalformedHoneytoken   the name or the note cannot be kept
    HoneytokenNotFound    no honeytoken has this name
    HoneytokenTaken       one has it already

No text of these errors holds anything of a secret's value, not even its size.
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class VaultError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedSecret(VaultError):
    """The secret cannot be kept, or cannot be sent where it goes."""

    code: ClassVar[str] = "malformed-secret"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The secret cannot be kept or used as it is."


class MalformedUpstream(VaultError):
    """The upstream's entry is not one."""

    code: ClassVar[str] = "malformed-upstream"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The upstream's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class SecretNotFound(VaultError):
    """No secret has this name."""

    code: ClassVar[str] = "secret-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such secret."


class UpstreamNotFound(VaultError):
    """No upstream has this name."""

    code: ClassVar[str] = "upstream-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such upstream."


class SecretInUse(VaultError):
    """Upstreams still need it."""

    code: ClassVar[str] = "secret-in-use"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The secret is in use."

    def __init__(self, name: str, used_by: tuple[str, ...] = ()) -> None:
        users = ", ".join(used_by) or "an upstream"
        super().__init__(f"{name} is used by {users}; give the upstream another secret first")
        self.used_by = used_by


class SecretMissing(VaultError):
    """The entry names a secret that is not there."""

    code: ClassVar[str] = "secret-missing"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The upstream's secret is not in the vault."


class VersionGone(VaultError):
    """The version is not kept any more, or was destroyed."""

    code: ClassVar[str] = "secret-version-gone"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such version of the secret."


class VersionInForce(VaultError):
    """The current version is not destroyed."""

    code: ClassVar[str] = "secret-version-in-force"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = (
        "The current version of a secret is not destroyed; write another first, or delete the secret."
    )


class VaultChanged(VaultError):
    """Somebody else changed it between the look and the write."""

    code: ClassVar[str] = "vault-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The secret or upstream was changed meanwhile; read it again."


class SecretElsewhere(VaultError):
    """Another store keeps it, so we cannot write it."""

    code: ClassVar[str] = "secret-elsewhere"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "Another store keeps this secret."


class SecretUnreachable(VaultError):
    """Another store keeps it, and does not answer.  `reason` is a code, never the store's own words."""

    code: ClassVar[str] = "secret-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The store that keeps this secret does not answer."

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(f"{store}: {reason}")
        self.reason = reason


class SecretRefused(VaultError):
    """Another store keeps it, and does not give it.  `reason` is a code, never the store's own words."""

    code: ClassVar[str] = "secret-refused"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The store that keeps this secret does not give it."

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(f"{store}: {reason}")
        self.reason = reason


class MalformedHoneytoken(VaultError):
    """The honeytoken cannot be kept as it is described."""

    code: ClassVar[str] = "malformed-honeytoken"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The honeytoken's description is malformed."


class HoneytokenNotFound(VaultError):
    """No honeytoken has this name."""

    code: ClassVar[str] = "honeytoken-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such honeytoken."


class HoneytokenTaken(VaultError):
    """A honeytoken of this name exists."""

    code: ClassVar[str] = "honeytoken-taken"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "There is a honeytoken of this name."
