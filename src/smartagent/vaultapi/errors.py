# SPDX-License-Identifier: Apache-2.0
"""How this API can refuse, besides what leases refuse.

VaultApiError
    LoginRefused   the assertion does not hold, or is for another role
    LeaseUnknown   the lease id is not one
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class VaultApiError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class LoginRefused(VaultApiError):
    """The assertion does not hold, or is for another role."""

    code: ClassVar[str] = "vault-login-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The login does not hold."

    def __init__(self, reason: str) -> None:
        super().__init__("")
        self.reason = reason


class LeaseUnknown(VaultApiError):
    """The lease id is not one."""

    code: ClassVar[str] = "vault-lease-unknown"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "lease not found"
