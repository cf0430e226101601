# SPDX-License-Identifier: Apache-2.0
"""The shapes of Vault's API, as far as they are served here."""

from collections.abc import Mapping

import msgspec

from smartagent.edge import Reply, status_of
from smartagent.kernel import Kind, SmartAgentError


class LoginRequest(msgspec.Struct):
    """Log in.  `jwt` is the agent's client assertion; `role`, when it is said, must be the agent's."""

    jwt: str
    role: str | None = None

    def __repr__(self) -> str:
        return "LoginRequest(********)"


class RenewLeaseRequest(msgspec.Struct):
    """Ask for more time.  `increment` is in seconds, or text such as `60s` or `1h`."""

    lease_id: str
    increment: int | str | None = None


class RevokeLeaseRequest(msgspec.Struct):
    """End a lease."""

    lease_id: str


class AccessorRequest(msgspec.Struct):
    """Revoke the token that an accessor names."""

    accessor: str


class Answer(msgspec.Struct, frozen=True):
    """The envelope of every answer."""

    request_id: str
    lease_id: str = ""
    renewable: bool = False
    lease_duration: int = 0
    data: Mapping[str, object] | None = None
    wrap_info: None = None
    warnings: None = None
    auth: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        return f"Answer({self.request_id}, ********)"


def refused(error: SmartAgentError, request_id: str) -> Reply:
    """Say no as Vault does: whoever is not known is not told apart from whoever may not."""
    if error.kind in {Kind.UNAUTHENTICATED, Kind.FORBIDDEN}:
        return Reply(403, {"errors": ["permission denied"]})
    if error.kind is Kind.NOT_FOUND:
        return Reply(404, {"errors": []})
    if error.kind is Kind.PENDING:
        # Clients read every 2xx as success.
        return Reply(403, {"errors": [f"{error.title} {error}"]})
    return Reply(status_of(error), {"errors": [f"{error.title} ({request_id})"]})
