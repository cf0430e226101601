# SPDX-License-Identifier: Apache-2.0
"""The register: all recorded delegations in this node's memory, so that an exchange asks no store."""

from collections.abc import Sequence

from smartagent.delegation.errors import DelegationNotFound
from smartagent.delegation.model import Delegation
from smartagent.delegation.store import read_delegation, read_delegations
from smartagent.storage import Database


class Register:
    """Knows who may act for whom."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._all: dict[str, Delegation] = {}
        # (from, to) -> ids, oldest first.
        self._between: dict[tuple[str, str], list[str]] = {}
        self._from: dict[str, set[str]] = {}

    async def reload(self, ids: Sequence[str]) -> None:
        """Read these delegations again; with no ids, all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        if not ids:
            found = await read_delegations(self._database)
            self._all, self._between, self._from = {}, {}, {}
            for delegation in found:
                self._learn(delegation)
        for delegation_id in dict.fromkeys(ids):
            delegation_or_none = await read_delegation(self._database, delegation_id)
            if delegation_or_none is None:
                self._forget(delegation_id)
            else:
                self._learn(delegation_or_none)

    def find(self, delegation_id: str) -> Delegation | None:
        """Return the delegation, live or not."""
        return self._all.get(delegation_id)

    def known(self, delegation_id: str) -> Delegation:
        """Return the delegation, live or not.

        Raises:
            DelegationNotFound: There is none.
        """
        try:
            return self._all[delegation_id]
        except KeyError:
            raise DelegationNotFound(delegation_id[:64]) from None

    def all(self) -> list[Delegation]:
        """Return all delegations in the order of their ids."""
        return [self._all[each] for each in sorted(self._all)]

    def between(self, delegator: str, agent: str, *, now: float) -> list[Delegation]:
        """Return the live delegations from one to the other, the newest first."""
        found = self._between.get((delegator, agent))
        if not found:
            return []
        return [self._all[each] for each in reversed(found) if self._all[each].is_live(now)]

    def live_from(self, delegator: str, *, now: float) -> list[Delegation]:
        """Return the live delegations from `delegator`, oldest first."""
        found = sorted(self._from.get(delegator, ()))
        return [self._all[each] for each in found if self._all[each].is_live(now)]

    def count_from(self, delegator: str, *, now: float) -> int:
        """Say how many live ones there are from `delegator`."""
        return sum(self._all[each].is_live(now) for each in self._from.get(delegator, ()))

    def _learn(self, delegation: Delegation) -> None:
        if delegation.id not in self._all:
            self._between.setdefault((delegation.from_id, delegation.to_agent), []).append(delegation.id)
            self._from.setdefault(delegation.from_id, set()).add(delegation.id)
        self._all[delegation.id] = delegation

    def _forget(self, delegation_id: str) -> None:
        gone = self._all.pop(delegation_id, None)
        if gone is not None:
            self._between[gone.from_id, gone.to_agent].remove(delegation_id)
            self._from[gone.from_id].discard(delegation_id)
