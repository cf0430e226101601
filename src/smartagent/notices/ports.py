# SPDX-License-Identifier: Apache-2.0
"""What notices need from outside themselves, and what other rooms are given to tell with."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from smartagent.kernel import Secret, Write
from smartagent.notices.model import Channel, Notice, NoticeKind


class Tell(Protocol):
    """Tells people of something: `Notices.tell`."""

    def __call__(self, kind: NoticeKind, subject: str, title: str, lines: Sequence[str], link: str) -> Write:
        """Return the write that makes the notice; it belongs into the commit of what it tells of.

        Args:
            kind: Which channels take it.
            subject: The id of what it is about.
            title: One line; whoever wrote its parts, it is cleaned.
            lines: What else there is to know, and what to do; cleaned, too.
            link: The path at the authority where to look: ids and names, never a secret.
        """
        ...


class Sender(Protocol):
    """Sends notices through channels of one sort.

    Repeats: a notice may be sent again, with the same id.  Concurrency: one event loop; bounded in time.
    """

    async def send(self, channel: Channel, notice: Notice, secret: Secret[bytes]) -> None:
        """Send one notice; return when the receiver has taken it.

        Args:
            channel: Where it goes.
            notice: What is said.
            secret: What a webhook's messages are signed with; empty for mail.

        Raises:
            NotDelivered: The receiver did not take it.
            ReceiverGone: It wants nothing any more.
        """
        ...


class Answered(Protocol):
    """What a receiver answered."""

    @property
    def status(self) -> int:
        """HTTP's."""
        ...


class Post(Protocol):
    """Calls an address that an operator named, and none that they may not: `federation.SafeFetch`."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int) -> Answered:
        """Post `body`; whatever the status, the answer is returned.

        Raises:
            SmartAgentError: The address may not be called, or did not answer.
        """
        ...
