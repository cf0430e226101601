# SPDX-License-Identifier: Apache-2.0
"""What is asked of the rules and of the log, page by page.

Deciding thousands of requests takes a second: it is done in a thread, with books of its own, while other
requests go on.  One at a time: nobody's replay is to slow down the calls of agents.
"""

import asyncio

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.insight.errors import EmptyDraft
from smartagent.insight.history import PAGE, begin_of
from smartagent.insight.means import Means
from smartagent.insight.model import HistoryRequest, ReplayPage, UsagePage, UsageRequest
from smartagent.insight.replay import Books, replay
from smartagent.insight.usage import About, usage
from smartagent.kernel import Caller
from smartagent.policy import Book, drafted

_Key = tuple[tuple[str, ...], tuple[tuple[str, str], ...], int]


class Insight:
    """Tells what rules would have done, and what of them was used."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._turn = asyncio.Lock()
        # The books of the last page: the next one most likely asks for the same.
        self._books: tuple[_Key, Books] | None = None

    async def replay(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Run a draft over a page of the log.

        Raises:
            EmptyDraft: There is nothing in it.
            MalformedRoleFile: A role file is none.
            MalformedPolicy: A policy is none.
            LogBehind: The newest entries have no checkpoint yet.
        """
        asked = parse_json(inbound.body, HistoryRequest)
        if not asked.roles and not asked.policies:
            raise EmptyDraft("send a role file or a policy")
        begin, leaves, following = await self._page(asked)
        # Copied here, because changes reach the book on this thread.
        rules = self._means.book.edition, self._means.book.drafted((), ())

        def work() -> ReplayPage:
            return replay(begin, leaves, self._books_for(asked, *rules))

        async with self._turn:
            page = structs.replace(await asyncio.to_thread(work), next=following)
        return Outcome(
            Reply(200, page), detail={"begin": page.begin, "end": page.end, "decided": page.decided}
        )

    async def usage(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Tell what of the rules, or of a draft, was used by a page of the log.

        Raises:
            MalformedRoleFile: A role file is none.
            MalformedPolicy: A policy is none.
            LogBehind: The newest entries have no checkpoint yet.
        """
        asked = parse_json(inbound.body, UsageRequest)
        begin, leaves, following = await self._page(asked)
        # Copied here, because changes reach the book on this thread.
        rules = self._means.book.edition, self._means.book.drafted((), ())
        about = About(asked.agent, asked.role)

        def work() -> UsagePage:
            return usage(begin, leaves, self._books_for(asked, *rules).draft, about, self._means.role_of)

        async with self._turn:
            page = structs.replace(await asyncio.to_thread(work), next=following)
        return Outcome(
            Reply(200, page), detail={"begin": page.begin, "end": page.end, "decided": page.decided}
        )

    def _books_for(self, asked: HistoryRequest, edition: int, present: Book) -> Books:
        key = (tuple(asked.roles), tuple(asked.policies.items()), edition)
        if self._books is None or self._books[0] != key:
            self._books = key, Books(drafted(present, asked.roles, asked.policies), present)
        return self._books[1]

    async def _page(self, asked: HistoryRequest) -> tuple[int, list[bytes], int]:
        """Return where a page begins, its entries, and the cursor of the next one (0: there is none)."""
        size = (await self._means.log.caught_up()).size
        begin = asked.cursor or await begin_of(self._means.log, asked.since, size)
        end = min(begin + PAGE, size)
        leaves = await self._means.log.leaves(begin, end - begin) if begin < end else []
        return begin, leaves, end if end < size else 0
