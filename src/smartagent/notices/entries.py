# SPDX-License-Identifier: Apache-2.0
"""What operators may write of a channel."""

import re
from typing import Final

from smartagent.federation import FetchRefused, parse_destination
from smartagent.notices.errors import MalformedChannel
from smartagent.notices.model import Channel
from smartagent.notices.rules import parse_email

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def check_channel(channel: Channel) -> Channel:
    """Return the channel when notices can go there.

    Raises:
        MalformedChannel: They cannot; names the field.
    """
    if not _NAME.fullmatch(channel.name):
        raise MalformedChannel("name", "a name is 1 to 63 of a-z, 0-9 and inner hyphens")
    if bool(channel.webhook) == bool(channel.email):
        raise MalformedChannel("webhook", "a channel is a webhook or an e-mail address, one of the two")
    if channel.email:
        if channel.allow_private:
            raise MalformedChannel("allow_private", "it is for webhooks")
        parse_email(channel.email)
        return channel
    try:
        # A private address may be without TLS; that it is private is checked when it is dialled.
        parse_destination(channel.webhook, allow_http=channel.allow_private)
    except FetchRefused as error:
        raise MalformedChannel("webhook", str(error)) from None
    return channel
