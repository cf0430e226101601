# SPDX-License-Identifier: Apache-2.0
"""Notices as one thing: other rooms tell with it, operators choose where it goes, and it sees that it arrives."""

import asyncio
from collections.abc import Sequence

from smartagent.kernel import Write
from smartagent.notices.delivering import Deliverer
from smartagent.notices.desk import Desk
from smartagent.notices.means import Means
from smartagent.notices.model import NoticeKind
from smartagent.notices.telling import Teller


class Notices:
    """How people hear of what needs them."""

    def __init__(self, means: Means) -> None:
        self._teller = Teller(means.clock, means.ids, means.issuer)
        self.deliverer = Deliverer(means)
        self.desk = Desk(means, self._teller, self.deliverer)
        self._running: asyncio.Task[None] | None = None

    def tell(self, kind: NoticeKind, subject: str, title: str, lines: Sequence[str], link: str) -> Write:
        """Return the write that makes a notice; it belongs into the commit of what it tells of.

        Where no channel takes the kind, it does nothing.

        Args:
            kind: Which channels take it.
            subject: The id of what it is about.
            title: One line; whoever wrote its parts, it is cleaned.
            lines: What else there is to know, and what to do; cleaned, too.
            link: The path at the authority where to look: ids and names, never a secret.
        """
        return self._teller.tell(kind, subject, title, lines, link)

    def start(self) -> None:
        """Begin to deliver.  Call it when the store has started."""
        self._running = asyncio.get_running_loop().create_task(self.deliverer.run())

    async def stop(self) -> None:
        """Deliver no more; another node goes on."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
