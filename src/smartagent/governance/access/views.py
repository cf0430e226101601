# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the routes on requests for access, as JSON."""

import msgspec

from smartagent.governance.access.model import EXPIRY_SECONDS, AccessRequest
from smartagent.kernel import rfc3339


class AccessAsked(msgspec.Struct, frozen=True):
    """The body of `POST /v1/access-requests`: the id of a denied request, or what is wanted in one's own words."""

    reason: str
    request: str = ""
    wanted: str = ""


class AskedView(msgspec.Struct, frozen=True):
    """A request that was made, or joined: then `times` says how often it was made."""

    id: str
    wanted: str
    times: int
    state: str


class AccessDecision(msgspec.Struct, frozen=True):
    """The body of `POST /v1/access-requests/{id}/acceptance`.

    Without `role_file` it is the draft, with `path` instead of the denied path where that is said.  With `seconds`
    the agent alone has it, as an elevation; otherwise it is a new version of the role, for all its agents.
    """

    reason: str = ""
    role_file: str = ""
    path: str = ""
    seconds: int = 0


class RefusalReason(msgspec.Struct, frozen=True):
    """The body of `POST /v1/access-requests/{id}/refusal`."""

    reason: str = ""


class AccessRequestView(msgspec.Struct, frozen=True):
    """What an agent asks for.  `decision` is empty while it is open; `wanted` and `reason` are the agent's words."""

    id: str
    agent: str
    role: str
    wanted: str
    reason: str
    request: str
    times: int
    created_at: str
    expires_at: str
    decision: str
    closed_at: str
    closed_by: str
    note: str
    elevation: str


class AccessRequestList(msgspec.Struct, frozen=True):
    """The open requests, the oldest first."""

    requests: list[AccessRequestView]


class AccessDetail(msgspec.Struct, frozen=True):
    """A request, and what accepting it would come to.

    `comes` and `goes` say in words what the role would grant, and would not any more; `reach` who would have it.
    `role_file` and `diff` are empty, and `no_draft` says why, where there is no draft.  `still_denied` says what
    would deny it all the same.
    """

    request: AccessRequestView
    role_file: str
    diff: str
    comes: tuple[str, ...]
    goes: tuple[str, ...]
    reach: tuple[str, ...]
    no_draft: str
    still_denied: str


def request_view(request: AccessRequest) -> AccessRequestView:
    """Show a request."""
    return AccessRequestView(
        id=request.id,
        agent=request.agent,
        role=request.role,
        wanted=request.wanted,
        reason=request.reason,
        request=request.request,
        times=request.times,
        created_at=rfc3339(request.created_at),
        expires_at=rfc3339(request.created_at + EXPIRY_SECONDS),
        decision=request.decision,
        closed_at=rfc3339(request.closed_at) if request.closed_at else "",
        closed_by=request.closed_by,
        note=request.note,
        elevation=request.elevation,
    )
