# SPDX-License-Identifier: Apache-2.0
"""What signals can be asked to do.  The status lists and the configuration are plain pages: `Signals.pages`."""

from smartagent.edge import Proof, Route
from smartagent.signals.follow import SCOPE as FOLLOW
from smartagent.signals.manage import SCOPE as MANAGE
from smartagent.signals.service import Signals
from smartagent.signals.shapes import (
    FollowQuery,
    PollRequest,
    PollView,
    StreamQuery,
    StreamRequest,
    StreamStatusRequest,
    StreamStatusView,
    StreamView,
    SubjectRequest,
    VerificationRequest,
)

_STREAMS = "/v1/ssf/streams"
_STATUS = "/v1/ssf/status"


def signals_routes(signals: Signals) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        _following(signals),
        *_configuring(signals),
        *_changing(signals),
        *_steering(signals),
        *_receiving(signals),
    )


def _following(signals: Signals) -> Route:
    return Route(
        "GET",
        "/v1/revocations/events",
        Proof.ACCESS_TOKEN,
        FOLLOW,
        "revocations.followed",
        signals.events.follow,
        summary="Follow revocations as server-sent events; Last-Event-ID or ?from= goes on where it stopped",
        request_schema=FollowQuery,
    )


def _configuring(signals: Signals) -> tuple[Route, ...]:
    acts = signals.management
    return (
        Route(
            "POST",
            _STREAMS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.created",
            acts.create,
            summary="Make a stream of security events (SSF 1.0)",
            request_schema=StreamRequest,
            reply_schema=StreamView,
        ),
        Route(
            "GET",
            _STREAMS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-streams.read",
            acts.read,
            summary="Show the stream ?stream_id=, or all of the receiver's",
            request_schema=StreamQuery,
        ),
    )


def _changing(signals: Signals) -> tuple[Route, ...]:
    acts = signals.management
    return (
        Route(
            "PATCH",
            _STREAMS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.updated",
            acts.update,
            summary="Change what the body names of a stream",
            request_schema=StreamRequest,
            reply_schema=StreamView,
        ),
        Route(
            "PUT",
            _STREAMS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.updated",
            acts.replace,
            summary="Replace what the receiver supplies of a stream",
            request_schema=StreamRequest,
            reply_schema=StreamView,
        ),
        Route(
            "DELETE",
            _STREAMS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.deleted",
            acts.delete,
            summary="Delete the stream ?stream_id=",
        ),
    )


def _steering(signals: Signals) -> tuple[Route, ...]:
    acts = signals.management
    return (
        Route(
            "GET",
            _STATUS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.read",
            acts.read_status,
            summary="Show whether the events of ?stream_id= flow",
            request_schema=StreamQuery,
            reply_schema=StreamStatusView,
        ),
        Route(
            "POST",
            _STATUS,
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.status-set",
            acts.set_status,
            summary="Enable, pause or disable a stream",
            request_schema=StreamStatusRequest,
            reply_schema=StreamStatusView,
        ),
        Route(
            "POST",
            "/v1/ssf/subjects/add",
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-subject.added",
            acts.add_subject,
            summary="Leave a subject out of a stream no more",
            request_schema=SubjectRequest,
        ),
        Route(
            "POST",
            "/v1/ssf/subjects/remove",
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-subject.removed",
            acts.remove_subject,
            summary="Leave a subject out of a stream",
            request_schema=SubjectRequest,
        ),
    )


def _receiving(signals: Signals) -> tuple[Route, ...]:
    acts = signals.management
    return (
        Route(
            "POST",
            "/v1/ssf/verify",
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.verified",
            acts.verify,
            summary="Have a verification event sent over a stream",
            request_schema=VerificationRequest,
        ),
        Route(
            "POST",
            "/v1/ssf/poll/{stream}",
            Proof.ACCESS_TOKEN,
            MANAGE,
            "ssf-stream.polled",
            signals.polling.poll,
            summary="Take the events that wait, and acknowledge earlier ones (RFC 8936)",
            request_schema=PollRequest,
            reply_schema=PollView,
        ),
    )
