# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the room's own routes, as JSON."""

import msgspec

from smartagent.delegation.model import Delegation
from smartagent.kernel import rfc3339

DAY_SECONDS = 86_400


class DelegationRequest(msgspec.Struct, frozen=True, rename={"from_id": "from", "to_agent": "to"}):
    """The body of `POST /v1/delegations`.  An agent may leave out `from`: it is the agent itself.

    An empty `scope` or `audience` does not restrict what both may have.
    """

    to_agent: str
    from_id: str = ""
    scope: str = ""
    audience: str = ""
    ttl_seconds: int = DAY_SECONDS
    depth_allowed: int = 0
    reason: str = ""


class RevokeRequest(msgspec.Struct, frozen=True):
    """The body of `DELETE /v1/delegations/{id}`, which may be left out."""

    reason: str = ""


class DelegationView(
    msgspec.Struct, frozen=True, rename={"from_id": "from", "to_agent": "to"}, omit_defaults=True
):
    """A delegation, as shown."""

    id: str
    from_id: str
    to_agent: str
    scope: str
    audience: str
    depth_allowed: int
    until: str
    created_by: str
    created_at: str
    live: bool
    revoked_at: str = ""
    reason: str = ""


class DelegationPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Some delegations, oldest first; `next_cursor` is empty on the last page."""

    delegations: list[DelegationView]
    next_cursor: str = ""


def delegation_view(delegation: Delegation, *, now: float) -> DelegationView:
    """Show a delegation."""
    return DelegationView(
        id=delegation.id,
        from_id=delegation.from_id,
        to_agent=delegation.to_agent,
        scope=delegation.scope,
        audience=delegation.audience,
        depth_allowed=delegation.depth_allowed,
        until=rfc3339(delegation.until),
        created_by=delegation.created_by,
        created_at=rfc3339(delegation.created_at),
        live=delegation.is_live(now),
        revoked_at=rfc3339(delegation.revoked_at) if delegation.revoked_at is not None else "",
        reason=delegation.reason,
    )
