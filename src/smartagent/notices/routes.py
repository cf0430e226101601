# SPDX-License-Identifier: Apache-2.0
"""The room's routes: where notices go."""

from typing import Final

from smartagent.edge import Proof, Route
from smartagent.notices.service import Notices
from smartagent.notices.views import ChannelList, ChannelRequest, TestView, WrittenView

_READ: Final = "channels.read"
_WRITE: Final = "channels.write"


def notices_routes(notices: Notices) -> tuple[Route, ...]:
    """Return the room's routes."""
    desk = notices.desk
    return (
        Route(
            method="PUT",
            path="/v1/channels/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=_WRITE,
            event="channel.written",
            act=desk.put,
            summary="Say where notices go, and which",
            request_schema=ChannelRequest,
            reply_schema=WrittenView,
        ),
        Route(
            method="GET",
            path="/v1/channels",
            proof=Proof.ACCESS_TOKEN,
            permission=_READ,
            event="channels.read",
            act=desk.show_all,
            summary="List the channels, and which fail",
            reply_schema=ChannelList,
        ),
        Route(
            method="DELETE",
            path="/v1/channels/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=_WRITE,
            event="channel.deleted",
            act=desk.drop,
            summary="Delete a channel, and what waits for it",
        ),
        Route(
            method="POST",
            path="/v1/channels/{name}/test",
            proof=Proof.ACCESS_TOKEN,
            permission=_WRITE,
            event="channel.tested",
            act=desk.test,
            summary="Send a test notice, and say what came of it",
            reply_schema=TestView,
        ),
    )
