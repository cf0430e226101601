# SPDX-License-Identifier: Apache-2.0
"""What a receiver does with its streams: the management API of SSF 1.0 section 8.

Subjects: a stream is about everybody (`default_subjects` is `ALL`).  Removing one leaves it out, adding it
again takes it back in; identifiers are `iss_sub` of this issuer, `opaque` and `jwt_id`.  Complex subjects
and inactivity timeouts are not done.
"""

from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, MalformedRequest, NotPermitted, Outcome, Reply, parse_form, parse_json
from smartagent.federation import FetchRefused, parse_destination
from smartagent.kernel import Caller, IdPrefix, Secret
from smartagent.signals.caep import (
    PER_CHANGE,
    SUPPORTED,
    VERIFICATION,
    Envelope,
    of_stream,
    parse_subject,
    set_payload,
)
from smartagent.signals.errors import MalformedStream, TooManyStreams, TooManySubjects, VerifiedTooOften
from smartagent.signals.model import DeliveryMethod, Stream, StreamStatus, Waiting, sealed_as
from smartagent.signals.ports import Means
from smartagent.signals.rules import may
from smartagent.signals.shapes import (
    VERIFICATION_SECONDS,
    DeliveryRequest,
    StreamRequest,
    StreamStatusRequest,
    StreamStatusView,
    StreamView,
    SubjectRequest,
    VerificationRequest,
    stream_view,
)
from smartagent.signals.store import (
    add_stream,
    add_waiting,
    drop_stream,
    drop_waiting_of,
    outbox_changed,
    set_stream,
    stream_changed,
)
from smartagent.signals.streams import Streams
from smartagent.signals.watch import Watch

SCOPE: Final = "ssf.manage"
MOST_STREAMS: Final = 8
MOST_SUBJECTS: Final = 1000
_MAX_EVENT_TYPES: Final = 32
_MAX_TEXT_CHARS: Final = 255
_MAX_STATE_CHARS: Final = 1024
_MAX_HEADER_CHARS: Final = 4096
_NO_STORE: Final = (("cache-control", "no-store"),)


def check_scope(caller: Caller) -> None:
    """Admit who may manage streams.

    Raises:
        NotPermitted: The token does not carry the scope.
    """
    if not may(caller, SCOPE):
        raise NotPermitted(SCOPE)


class Management:
    """The acts on streams."""

    def __init__(self, means: Means, watch: Watch, streams: Streams) -> None:
        self._means = means
        self._watch = watch
        self._streams = streams

    async def create(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make a stream.

        Raises:
            TooManyStreams: The receiver has as many as it may.
            MalformedStream: Its configuration cannot be.
        """
        check_scope(caller)
        request = parse_json(inbound.body, StreamRequest)
        if len([each for each in self._streams.all() if each.owner == caller.principal]) >= MOST_STREAMS:
            raise TooManyStreams(f"at most {MOST_STREAMS}")
        now = int(self._means.clock.now())
        blank = Stream(
            id=self._means.ids.new(IdPrefix.STREAM),
            owner=caller.principal,
            method=DeliveryMethod.POLL,
            endpoint="",
            sealed_header=b"",
            requested=" ".join(SUPPORTED),
            description="",
            status=StreamStatus.ENABLED,
            reason="",
            since=self._watch.position,
            verified_at=0,
            created_at=now,
            excluded="",
            revision=1,
        )
        stream = self._asked_for(blank, request)
        return Outcome(
            Reply(201, stream_view(stream, self._means.issuer), headers=_NO_STORE),
            subject=stream.id,
            target=stream.endpoint.partition("?")[0],
            writes=(add_stream(stream),),
            changes=(stream_changed(stream.id),),
        )

    async def read(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a stream; without `stream_id`, all of the receiver's.

        Raises:
            StreamNotFound: There is none of that id.
        """
        check_scope(caller)
        stream_id = _stream_id(inbound)
        if not stream_id:
            views = [stream_view(each, self._means.issuer) for each in self._streams.of(caller)]
            return Outcome(Reply(200, views, headers=_NO_STORE))
        stream = self._streams.own(caller, stream_id)
        return Outcome(Reply(200, self._view(stream), headers=_NO_STORE), subject=stream.id)

    async def update(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Change what the body names, and leave the rest.

        Raises:
            StreamNotFound: There is no such stream.
            MalformedStream: It cannot be that.
        """
        check_scope(caller)
        request = parse_json(inbound.body, StreamRequest)
        stream = self._streams.own(caller, request.stream_id)
        return self._set(self._asked_for(stream, request))

    async def replace(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Change all that the receiver supplies; what is missing goes back to how it began.

        Raises:
            StreamNotFound: There is no such stream.
            MalformedStream: It cannot be that.
        """
        check_scope(caller)
        request = parse_json(inbound.body, StreamRequest)
        stream = self._streams.own(caller, request.stream_id)
        self._check_supplied(stream, request)
        cleared = structs.replace(
            stream,
            method=DeliveryMethod.POLL,
            endpoint="",
            sealed_header=b"",
            requested=" ".join(SUPPORTED),
            description="",
        )
        return self._set(self._asked_for(cleared, structs.replace(request, events_delivered=None)))

    async def delete(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Delete a stream, and what waits for its receiver.

        Raises:
            StreamNotFound: There is no such stream.
        """
        check_scope(caller)
        stream = self._streams.own(caller, _stream_id(inbound))
        return Outcome(
            Reply(204, headers=_NO_STORE),
            subject=stream.id,
            writes=drop_stream(stream),
            changes=(stream_changed(stream.id),),
        )

    async def read_status(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show whether a stream's events flow.

        Raises:
            StreamNotFound: There is no such stream.
        """
        check_scope(caller)
        stream = self._streams.own(caller, _stream_id(inbound))
        view = StreamStatusView(stream.id, stream.status, stream.reason)
        return Outcome(Reply(200, view, headers=_NO_STORE), subject=stream.id)

    async def set_status(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let events flow, keep them, or have none.

        Raises:
            StreamNotFound: There is no such stream.
            MalformedStream: The reason is too long.
        """
        check_scope(caller)
        request = parse_json(inbound.body, StreamStatusRequest)
        stream = self._streams.own(caller, request.stream_id)
        changed = structs.replace(stream, status=request.status, reason=_text(request.reason))
        outcome = self._set(changed)
        dropped = (drop_waiting_of(stream.id),) if request.status is StreamStatus.DISABLED else ()
        view = StreamStatusView(stream.id, changed.status, changed.reason)
        return structs.replace(
            outcome,
            reply=Reply(200, view, headers=_NO_STORE),
            detail={"status": changed.status.value},
            writes=(*outcome.writes, *dropped),
            changes=(*outcome.changes, outbox_changed(stream.id)),
        )

    async def add_subject(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Leave a subject out no more.

        Raises:
            StreamNotFound: There is no such stream.
            SubjectUnsupported: No event here is about such a subject.
        """
        return self._with_subjects(caller, inbound, left_out=False)

    async def remove_subject(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Leave a subject out of a stream.

        Raises:
            StreamNotFound: There is no such stream.
            SubjectUnsupported: No event here is about such a subject.
            TooManySubjects: It leaves out as many as it can.
        """
        return self._with_subjects(caller, inbound, left_out=True)

    async def verify(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Send an event that only says that events arrive.

        Raises:
            StreamNotFound: There is no such stream.
            VerifiedTooOften: The last one was asked for a moment ago.
        """
        check_scope(caller)
        request = parse_json(inbound.body, VerificationRequest)
        stream = self._streams.own(caller, request.stream_id)
        now = int(self._means.clock.now())
        if now - stream.verified_at < VERIFICATION_SECONDS:
            raise VerifiedTooOften(VERIFICATION_SECONDS - now + stream.verified_at)
        if request.state is not None and len(request.state) > _MAX_STATE_CHARS:
            raise MalformedStream(f"state has at most {_MAX_STATE_CHARS} characters")
        claims = {} if request.state is None else {"state": request.state}
        jti = self._means.ids.new(IdPrefix.EVENT)
        envelope = Envelope(self._means.issuer, stream.owner, jti, jti, now)
        payload = set_payload(of_stream(VERIFICATION, stream.id, claims), envelope)
        waiting = Waiting(jti, stream.id, self._watch.position * PER_CHANGE, VERIFICATION, payload, now, 0, 0)
        outcome = self._set(structs.replace(stream, verified_at=now))
        return structs.replace(
            outcome,
            reply=Reply(204, headers=_NO_STORE),
            writes=(*outcome.writes, add_waiting(waiting)),
            changes=(*outcome.changes, outbox_changed(stream.id)),
        )

    def _view(self, stream: Stream) -> StreamView:
        return stream_view(stream, self._means.issuer)

    def _set(self, changed: Stream) -> Outcome:
        stream = structs.replace(changed, revision=changed.revision + 1)
        return Outcome(
            Reply(200, self._view(stream), headers=_NO_STORE),
            subject=stream.id,
            target=stream.endpoint.partition("?")[0],
            writes=(set_stream(stream),),
            changes=(stream_changed(stream.id),),
        )

    def _with_subjects(self, caller: Caller, inbound: Inbound, *, left_out: bool) -> Outcome:
        check_scope(caller)
        request = parse_json(inbound.body, SubjectRequest)
        stream = self._streams.own(caller, request.stream_id)
        named = parse_subject(request.subject, self._means.issuer)
        subjects = dict.fromkeys(stream.excluded.split())
        subjects.pop(named, None)
        # The stream itself is always a subject of its own (SSF 1.0 section 8.1.4.1).
        if left_out and named != stream.id:
            if len(subjects) >= MOST_SUBJECTS:
                raise TooManySubjects(f"at most {MOST_SUBJECTS}")
            subjects[named] = None
        outcome = self._set(structs.replace(stream, excluded=" ".join(subjects)))
        reply = Reply(204 if left_out else 200, headers=_NO_STORE)
        return structs.replace(outcome, reply=reply, target=named)

    def _asked_for(self, stream: Stream, request: StreamRequest) -> Stream:
        self._check_supplied(stream, request)
        if request.delivery is not None:
            stream = self._delivered_by(stream, request.delivery)
        if request.events_requested is not None:
            stream = structs.replace(stream, requested=_event_types(request.events_requested))
        if request.description is not None:
            stream = structs.replace(stream, description=_text(request.description))
        return stream

    def _check_supplied(self, stream: Stream, request: StreamRequest) -> None:
        """What the transmitter supplies may only be sent back as it is (SSF 1.0 section 8.1.1.3)."""
        view = self._view(stream)
        audience = request.aud[0] if isinstance(request.aud, list) and request.aud else request.aud
        for name, sent, known in (
            ("iss", request.iss, view.iss),
            ("aud", audience, view.aud),
            ("events_supported", request.events_supported, view.events_supported),
            ("events_delivered", request.events_delivered, view.events_delivered),
            ("min_verification_interval", request.min_verification_interval, view.min_verification_interval),
        ):
            if sent is not None and sent != known:
                raise MalformedStream(f"{name} is the transmitter's to say")

    def _delivered_by(self, stream: Stream, delivery: DeliveryRequest) -> Stream:
        if delivery.method is DeliveryMethod.POLL:
            return structs.replace(stream, method=delivery.method, endpoint="", sealed_header=b"")
        try:
            parse_destination(delivery.endpoint_url, allow_http=self._means.bounds.allow_http)
        except FetchRefused as error:
            raise MalformedStream(f"endpoint_url: {error}") from None
        header = delivery.authorization_header
        if len(header) > _MAX_HEADER_CHARS or not (header.isascii() and header.isprintable()):
            raise MalformedStream("authorization_header is one line of printable ASCII")
        sealed = b""
        if header:
            secret = Secret(header.encode("ascii"))
            sealed = self._means.sealing.seal(secret, sealed_as(stream.id))
        return structs.replace(
            stream, method=delivery.method, endpoint=delivery.endpoint_url, sealed_header=sealed
        )


def _stream_id(inbound: Inbound) -> str:
    asked = parse_form(inbound.query.encode("utf-8", "replace"))
    if asked.keys() - {"stream_id"}:
        raise MalformedRequest("unknown query field; known: stream_id")
    return asked.get("stream_id", "")


def _event_types(requested: list[str]) -> str:
    # What is not understood is ignored (SSF 1.0 section 8.1.1), but shown again.
    if len(requested) > _MAX_EVENT_TYPES:
        raise MalformedStream(f"at most {_MAX_EVENT_TYPES} event types")
    for event in requested:
        if (
            not 0 < len(event) <= _MAX_TEXT_CHARS
            or not event.isascii()
            or not event.isprintable()
            or " " in event
        ):
            raise MalformedStream("an event type is a URI")
    return " ".join(dict.fromkeys(requested))


def _text(raw: str) -> str:
    if len(raw) > _MAX_TEXT_CHARS or not raw.isprintable():
        raise MalformedStream(f"a text is one line of at most {_MAX_TEXT_CHARS} characters")
    return raw
