# SPDX-License-Identifier: Apache-2.0
"""Credentials that a review took from an agent, whatever its role says: in this node's memory, asked at each lease."""

from collections.abc import Sequence

from smartagent.governance.reviews.store import read_withdrawn
from smartagent.kernel import Caller, Denied, Verdict
from smartagent.policy import Book, Item
from smartagent.storage import Database

RULE = "review/withdrawn"


class Withdrawals:
    """Decides about leases as the book of rules does, less what was withdrawn."""

    def __init__(self, database: Database, book: Book) -> None:
        self._database = database
        self._book = book
        self._withdrawn: dict[str, frozenset[str]] = {}

    def decide_lease(self, caller: Caller, credential: str) -> Verdict:
        """Say whether `caller` may lease `credential`; who acts for another agent may when neither lost it."""
        for agent in (caller.principal, caller.subject):
            if credential in self._withdrawn.get(agent, ()):
                return Denied(f"an access review took it from {agent}", f"credential:{credential}", (RULE,))
        return self._book.decide_lease(caller, credential)

    def credentials_of(self, role: str) -> tuple[str, ...]:
        """Return the names of what `role` may lease."""
        return self._book.credentials_of(role)

    def narrowed_lease(self, caller: Caller, credential: str) -> Sequence[Item] | None:
        """Return what a lease of `credential` may give to `caller`; None when no role of theirs narrows it."""
        return self._book.narrowed_lease(caller, credential)

    def of(self, agent: str) -> frozenset[str]:
        """Return what was taken from an agent."""
        return self._withdrawn.get(agent, frozenset())

    async def reload(self, agents: Sequence[str]) -> None:
        """Read again what was taken from these agents; with no agents, from all.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not agents:
            found: dict[str, set[str]] = {}
            for agent, credential in await read_withdrawn(self._database):
                found.setdefault(agent, set()).add(credential)
            self._withdrawn = {agent: frozenset(names) for agent, names in found.items()}
        for agent in dict.fromkeys(agents):
            names = frozenset(name for _, name in await read_withdrawn(self._database, agent))
            self._withdrawn.pop(agent, None)
            if names:
                self._withdrawn[agent] = names
