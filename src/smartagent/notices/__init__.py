# SPDX-License-Identifier: Apache-2.0
"""Notices: how people hear of what needs them, by signed webhooks and by e-mail."""

from smartagent.notices.errors import (
    ChannelChanged,
    ChannelNotFound,
    MalformedChannel,
    NotDelivered,
    NoticeMoved,
    NoticesError,
    ReceiverGone,
)
from smartagent.notices.means import Means, Turn
from smartagent.notices.model import Channel, Notice, NoticeKind
from smartagent.notices.ports import Post, Sender, Tell
from smartagent.notices.routes import notices_routes
from smartagent.notices.service import Notices

__all__ = [
    "Channel",
    "ChannelChanged",
    "ChannelNotFound",
    "MalformedChannel",
    "Means",
    "NotDelivered",
    "Notice",
    "NoticeKind",
    "NoticeMoved",
    "Notices",
    "NoticesError",
    "Post",
    "ReceiverGone",
    "Sender",
    "Tell",
    "Turn",
    "notices_routes",
]
