# SPDX-License-Identifier: Apache-2.0
"""What operators say of channels."""

import base64
from typing import Final

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Detail, Secret
from smartagent.notices.delivering import Deliverer
from smartagent.notices.entries import check_channel
from smartagent.notices.errors import ChannelNotFound, MalformedChannel, NotDelivered
from smartagent.notices.means import Means
from smartagent.notices.model import Channel, NoticeKind, StoredChannel, sealed_as
from smartagent.notices.rules import parse_kinds
from smartagent.notices.store import drop_channel, put_channel, read_channels, read_counts
from smartagent.notices.telling import Teller
from smartagent.notices.views import (
    ChannelList,
    ChannelRequest,
    TestView,
    WrittenView,
    channel_view,
)

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- how one begins, not one
_SECRET_BYTES: Final = 32
_TITLE: Final = "A test: notices come through here"


class Desk:
    """The acts on channels."""

    def __init__(self, means: Means, teller: Teller, deliverer: Deliverer) -> None:
        self._means = means
        self._teller = teller
        self._deliverer = deliverer

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write a channel.  A webhook keeps its secret while its URL stays, unless a new one is asked for.

        Raises:
            MalformedChannel: The entry does not say where notices go, or which; or no mail can be sent here.
            ChannelChanged: Somebody else changed it meanwhile.
        """
        asked = parse_json(inbound.body, ChannelRequest)
        channel = check_channel(
            Channel(
                inbound.params["name"],
                asked.webhook,
                asked.email,
                asked.allow_private,
                parse_kinds(asked.takes),
            )
        )
        if channel.email and self._means.mail is None:
            raise MalformedChannel("email", "no mail server is set: SMARTAGENT_SMTP_URL")
        known = await read_channels(self._means.database, channel.name)
        secret, sealed = "", b""
        if known and known[0].channel.webhook == channel.webhook and not asked.new_secret:
            sealed = known[0].sealed_secret
        if channel.webhook and not sealed:
            made = self._means.entropy(_SECRET_BYTES)
            secret = SECRET_PREFIX + base64.b64encode(made).decode("ascii")
            sealed = self._means.sealing.seal(Secret(made), sealed_as(channel.name))
        stored = StoredChannel(
            channel,
            sealed,
            known[0].version + 1 if known else 1,
            int(self._means.clock.now()),
            caller.principal,
        )
        waiting = (await read_counts(self._means.database)).get(channel.name, 0)
        detail: dict[str, Detail] = {
            "version": stored.version,
            "to": "webhook" if channel.webhook else "email",
            "takes": " ".join(channel.takes),
            "new_secret": int(bool(secret)),
        }
        return Outcome(
            Reply(200 if known else 201, WrittenView(channel_view(stored, waiting), secret)),
            subject=f"channel/{channel.name}",
            detail=detail,
            writes=(put_channel(stored),),
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the channels, and what came of their notices lately."""
        counts = await read_counts(self._means.database)
        shown = [
            channel_view(stored, counts.get(stored.channel.name, 0))
            for stored in await read_channels(self._means.database)
        ]
        return Outcome(Reply(200, ChannelList(shown)))

    async def drop(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Delete a channel, and what waits for it.

        Raises:
            ChannelNotFound: There is none of this name.
        """
        name = (await self._known(inbound.params["name"])).channel.name
        return Outcome(Reply(204), subject=f"channel/{name}", writes=drop_channel(name))

    async def test(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Send a notice through a channel at once, and say what came of it.  It is not sent again.

        Raises:
            ChannelNotFound: There is none of this name.
        """
        stored = await self._known(inbound.params["name"])
        name = stored.channel.name
        notice = self._teller.notice(
            NoticeKind.TEST, f"channel/{name}", _TITLE, (f"{caller.principal} sent it.",), "/v1/channels"
        )
        result, reason = "delivered", ""
        try:
            await self._deliverer.send(stored, notice)
        except NotDelivered as error:
            result, reason = "failed", error.reason
        return Outcome(
            Reply(200, TestView(name, notice.id, result, reason)),
            subject=f"channel/{name}",
            detail={"result": result},
        )

    async def _known(self, name: str) -> StoredChannel:
        found = await read_channels(self._means.database, name)
        if not found:
            raise ChannelNotFound(name[:64])
        return found[0]
