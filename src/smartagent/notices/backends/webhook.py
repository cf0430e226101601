# SPDX-License-Identifier: Apache-2.0
"""Notices to webhooks: JSON, signed so that receivers know who sent it, and can drop what they have seen.

Spec: Standard Webhooks 1.0.0, "Webhook Metadata" and "Signature scheme"; of the schemes the symmetric one, `v1`.
"""

import base64
from typing import Final

import msgspec

from smartagent.crypto import hmac_sha256
from smartagent.federation import FederationError
from smartagent.kernel import Clock, Secret, rfc3339
from smartagent.notices.errors import NotDelivered, ReceiverGone
from smartagent.notices.model import Channel, Notice
from smartagent.notices.ports import Post

MAX_ANSWER_BYTES: Final = 16_384
_OK: Final = range(200, 300)
_GONE: Final = 410


class Body(msgspec.Struct, frozen=True):
    """What a webhook is sent.  `time` is when the notice was made (RFC 3339); repeats have the same `id`."""

    id: str
    kind: str
    time: str
    subject: str
    title: str
    lines: tuple[str, ...]
    link: str


class Webhooks:
    """Sends notices to webhooks.

    Args:
        public: Calls addresses that the whole Internet can reach.
        private: Calls those of the site, too, where the channel allows it.
        clock: For the timestamp that is signed, by which receivers refuse what is played back to them.
    """

    def __init__(self, public: Post, private: Post, clock: Clock) -> None:
        self._public = public
        self._private = private
        self._clock = clock

    async def send(self, channel: Channel, notice: Notice, secret: Secret[bytes]) -> None:
        """Send one notice; any 2xx says that the receiver has it.

        Raises:
            NotDelivered: It answered something else, or not at all, or may not be called.
            ReceiverGone: It answered 410.
        """
        body = msgspec.json.encode(
            Body(
                notice.id,
                notice.kind.value,
                rfc3339(notice.made_at),
                notice.subject,
                notice.title,
                notice.lines,
                notice.link,
            )
        )
        timestamp = str(int(self._clock.now()))
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(secret, notice.id, timestamp, body),
        }
        post = self._private if channel.allow_private else self._public
        try:
            answer = await post.post(channel.webhook, body, headers, MAX_ANSWER_BYTES)
        except FederationError as error:
            # These texts are the house's own.
            raise NotDelivered(str(error)) from None
        if answer.status == _GONE:
            raise ReceiverGone(f"status {answer.status}")
        if answer.status not in _OK:
            raise NotDelivered(f"status {answer.status}")


def signature(secret: Secret[bytes], message_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of `webhook-signature`.

    Spec: Standard Webhooks 1.0.0, "Signature scheme".
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac_sha256(secret, signed)).decode("ascii")
