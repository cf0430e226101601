# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the room's API, as JSON."""

import msgspec

from smartagent.decoupled.model import Channel, ConsentRequest, Decision, State
from smartagent.decoupled.ports import CallCard
from smartagent.kernel import rfc3339


class EnterRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/consent-requests`: the code that a device shows."""

    user_code: str

    def __repr__(self) -> str:
        return "EnterRequest(********)"


class DecideRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/consent-requests/{id}`."""

    decision: Decision


class ConsentRequestView(msgspec.Struct, frozen=True):
    """A request as it is shown to whoever decides it.

    `client_ip` is where the client was when it asked.  `resource` is empty for the gateway.  `approval` is the call
    that is approved with it, and `card` says what that will do.
    """

    id: str
    channel: Channel
    state: State
    client_id: str
    client_name: str
    scopes: tuple[str, ...]
    resource: str
    binding_message: str
    client_ip: str
    created_at: str
    expires_at: str
    approval: str = ""
    card: CallCard | None = None


class ConsentRequestList(msgspec.Struct, frozen=True):
    """What waits for the caller to decide, the oldest first."""

    requests: list[ConsentRequestView]


def request_view(request: ConsentRequest, card: CallCard | None = None) -> ConsentRequestView:
    """Show a request."""
    return ConsentRequestView(
        id=request.id,
        channel=request.channel,
        state=request.state,
        client_id=request.client_id,
        client_name=request.client_name,
        scopes=tuple(request.scope.split()),
        resource=request.resource,
        binding_message=request.binding_message,
        client_ip=request.client_ip,
        created_at=rfc3339(request.created_at),
        expires_at=rfc3339(request.expires_at),
        approval=request.approval,
        card=card,
    )
