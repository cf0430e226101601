# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of the room's routes, as JSON (SSF 1.0 section 8, RFC 8936 section 2)."""

from typing import Annotated, Final

import msgspec

from smartagent.signals.caep import SUPPORTED
from smartagent.signals.model import DeliveryMethod, Stream, StreamStatus

VERIFICATION_SECONDS: Final = 30
"""The least time between two verifications of a stream."""
POLL_PATH: Final = "/v1/ssf/poll/"


class DeliveryRequest(msgspec.Struct, frozen=True):
    """How events shall reach the receiver.  `authorization_header` is sealed and never shown."""

    method: DeliveryMethod
    endpoint_url: str = ""
    authorization_header: str = ""


class StreamRequest(msgspec.Struct, frozen=True):
    """The body of `POST`, `PATCH` and `PUT /v1/ssf/streams`.

    What the transmitter supplies may be sent back; it must be what it is.
    """

    stream_id: str = ""
    delivery: DeliveryRequest | None = None
    events_requested: list[str] | None = None
    description: str | None = None
    iss: str | None = None
    aud: str | list[str] | None = None
    events_supported: list[str] | None = None
    events_delivered: list[str] | None = None
    min_verification_interval: int | None = None


class StreamQuery(msgspec.Struct, frozen=True):
    """The query of `GET /v1/ssf/streams` and `GET /v1/ssf/status`."""

    stream_id: str = ""


class FollowQuery(msgspec.Struct, frozen=True, rename={"seen": "from"}):
    """The query of `GET /v1/revocations/events`: the id of the last event that was seen."""

    seen: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}$")] = ""


class DeliveryView(msgspec.Struct, frozen=True):
    """How events reach the receiver."""

    method: DeliveryMethod
    endpoint_url: str


class StreamView(msgspec.Struct, frozen=True):
    """A stream's configuration (SSF 1.0 section 8.1.1)."""

    stream_id: str
    iss: str
    aud: str
    delivery: DeliveryView
    events_supported: list[str]
    events_requested: list[str]
    events_delivered: list[str]
    min_verification_interval: int
    description: str


class StreamStatusRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/ssf/status`."""

    stream_id: str
    status: StreamStatus
    reason: str = ""


class StreamStatusView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether a stream's events flow."""

    stream_id: str
    status: StreamStatus
    reason: str = ""


class SubjectRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/ssf/subjects/add` and `.../remove`."""

    stream_id: str
    subject: dict[str, object]
    verified: bool = True


class VerificationRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/ssf/verify`."""

    stream_id: str
    state: str | None = None


class PollProblem(msgspec.Struct, frozen=True):
    """Why a receiver could not take an event."""

    err: str
    description: str = ""


class PollRequest(
    msgspec.Struct,
    frozen=True,
    rename={"max_events": "maxEvents", "return_immediately": "returnImmediately", "set_errs": "setErrs"},
):
    """The body of `POST /v1/ssf/poll/{stream}` (RFC 8936 section 2.2)."""

    max_events: int | None = None
    return_immediately: bool = False
    ack: list[str] = []
    set_errs: dict[str, PollProblem] = {}


class PollView(msgspec.Struct, frozen=True, rename={"more_available": "moreAvailable"}):
    """The events that wait, by their `jti` (RFC 8936 section 2.3)."""

    sets: dict[str, str]
    more_available: bool


def delivered_of(stream: Stream) -> list[str]:
    """Return the types that the stream delivers: what was requested of what there is."""
    return [event for event in SUPPORTED if event in stream.requested.split()]


def stream_view(stream: Stream, issuer: str) -> StreamView:
    """Show a stream."""
    endpoint = stream.endpoint or f"{issuer}{POLL_PATH}{stream.id}"
    return StreamView(
        stream_id=stream.id,
        iss=issuer,
        aud=stream.owner,
        delivery=DeliveryView(stream.method, endpoint),
        events_supported=list(SUPPORTED),
        events_requested=stream.requested.split(),
        events_delivered=delivered_of(stream),
        min_verification_interval=VERIFICATION_SECONDS,
        description=stream.description,
    )
