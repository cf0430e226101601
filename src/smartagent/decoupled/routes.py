# SPDX-License-Identifier: Apache-2.0
"""What the room can be asked to do."""

from typing import Final

import msgspec

from smartagent.decoupled.backchannel import ENDPOINT as BACKCHANNEL
from smartagent.decoupled.backchannel import BackchannelAnswer
from smartagent.decoupled.device import ENDPOINT as DEVICE
from smartagent.decoupled.device import DeviceAnswer
from smartagent.decoupled.errors import TooManyOpen
from smartagent.decoupled.inbox import ALLOWED_EVENT, ENTERED_EVENT
from smartagent.decoupled.pages import DEVICE_PAGE, REQUESTS_PAGE
from smartagent.decoupled.service import Decoupled
from smartagent.decoupled.shapes import (
    ConsentRequestList,
    ConsentRequestView,
    DecideRequest,
    EnterRequest,
)
from smartagent.edge import Proof, Reply, Route, oauth_error
from smartagent.kernel import SmartAgentError

_FORM: Final = ("application/x-www-form-urlencoded",)
_FORM_BYTES: Final = 32_768
_PAGE_FORM_BYTES: Final = 4096
READ: Final = "consent-requests.read"
DECIDE: Final = "consent-requests.decide"
SEE: Final = "authorizations.request"


def decoupled_routes(room: Decoupled) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_asking(room), *_inbox(room), *_ending(room), *_pages(room))


def backchannel_error(error: SmartAgentError, _request_id: str) -> Reply:
    """Render an error of the backchannel endpoint: a refusal in the person's name is a 403 there.

    Spec: CIBA Core section 13.
    """
    reply = oauth_error(error)
    return msgspec.structs.replace(reply, status=403) if isinstance(error, TooManyOpen) else reply


def _asking(room: Decoupled) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            DEVICE,
            Proof.CLIENT_AUTHENTICATION,
            "devices.request",
            "device.authorization-begun",
            room.device.authorize,
            summary="Get a code to show on a device (RFC 8628)",
            oauth=True,
            media_types=_FORM,
            max_body_bytes=_FORM_BYTES,
            reply_schema=DeviceAnswer,
        ),
        Route(
            "POST",
            BACKCHANNEL,
            Proof.CLIENT_AUTHENTICATION,
            "backchannel.request",
            "backchannel.authentication-begun",
            room.backchannel.authenticate,
            summary="Ask a person in the background (CIBA, poll mode)",
            oauth=True,
            render=backchannel_error,
            media_types=_FORM,
            max_body_bytes=_FORM_BYTES,
            reply_schema=BackchannelAnswer,
        ),
    )


def _inbox(room: Decoupled) -> tuple[Route, ...]:
    return (
        Route(
            "GET",
            "/v1/consent-requests",
            Proof.ACCESS_TOKEN,
            READ,
            "consent-requests.listed",
            room.inbox.list_waiting,
            summary="List the requests that wait for you",
            reply_schema=ConsentRequestList,
        ),
        Route(
            "POST",
            "/v1/consent-requests",
            Proof.ACCESS_TOKEN,
            DECIDE,
            ENTERED_EVENT,
            room.inbox.enter,
            summary="Enter the code that a device shows",
            max_body_bytes=1024,
            request_schema=EnterRequest,
            reply_schema=ConsentRequestView,
        ),
        Route(
            "POST",
            "/v1/consent-requests/{id}",
            Proof.ACCESS_TOKEN,
            DECIDE,
            ALLOWED_EVENT,
            room.inbox.decide,
            summary="Allow or deny a request",
            max_body_bytes=1024,
            request_schema=DecideRequest,
            reply_schema=ConsentRequestView,
        ),
    )


def _ending(room: Decoupled) -> tuple[Route, ...]:
    return (
        Route(
            "DELETE",
            "/v1/consent-requests/{id}",
            Proof.ACCESS_TOKEN,
            DECIDE,
            "consent-request.ended",
            room.inbox.end,
            summary="Take back what you allowed",
            reply_schema=ConsentRequestView,
        ),
    )


def _pages(room: Decoupled) -> tuple[Route, ...]:
    pages = room.pages
    return (
        Route(
            "GET",
            DEVICE_PAGE,
            Proof.NONE,
            SEE,
            "device.page-shown",
            pages.show_device,
            summary="The page where a device's code is entered",
            render=pages.refused,
        ),
        Route(
            "POST",
            DEVICE_PAGE,
            Proof.SIGNED_IN,
            DECIDE,
            ENTERED_EVENT,
            pages.enter_or_decide,
            summary="Enter a device's code, or decide",
            render=pages.refused,
            media_types=_FORM,
            max_body_bytes=_PAGE_FORM_BYTES,
        ),
        Route(
            "GET",
            REQUESTS_PAGE,
            Proof.NONE,
            SEE,
            "consent-requests.page-shown",
            pages.show_requests,
            summary="The page that shows what waits for you",
            render=pages.refused,
        ),
        Route(
            "POST",
            REQUESTS_PAGE,
            Proof.SIGNED_IN,
            DECIDE,
            ALLOWED_EVENT,
            pages.decide,
            summary="Allow or deny a request that waits",
            render=pages.refused,
            media_types=_FORM,
            max_body_bytes=_PAGE_FORM_BYTES,
        ),
    )
