# SPDX-License-Identifier: Apache-2.0
"""The status lists as this node holds them, and how agents come to have a place in one.

    no entry --given, by whoever holds the lease--> VALID <--suspended, activated--> SUSPENDED
                                                      |                                  |
                                                      +------ revoked, retired ----------+--> INVALID, for good

A list is served from memory.  Its values follow agents and revocations at once; that an entry is
invalid for good is then written down, and an agent that became active again is given another, so that
tokens from before its revocation stay dead.

Spec: draft-ietf-oauth-status-list-21 sections 4.1, 7.1 and 13.3.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from smartagent.identity import AgentStatus
from smartagent.kernel import Decision, IdPrefix, Record, SmartAgentError, Work
from smartagent.signals.errors import StatusEntryTaken
from smartagent.signals.model import EntryState, Happened, StatusEntry, What
from smartagent.signals.ports import Means
from smartagent.signals.rules import FULL, LIST_BYTES, LIST_SIZE, put_state
from smartagent.signals.store import (
    add_entry,
    end_entry,
    entries_changed,
    read_entries,
    read_entries_of,
    read_entry_of,
)
from smartagent.tokens import RevocationKind, Status, StatusReference

STATUS_PATH: Final = "/oauth/status/"
_PAGE: Final = 2000
_BATCH: Final = 256
_SHIFT: Final = 17
_INDEX: Final = LIST_SIZE - 1
_THROW_BYTES: Final = 3
_OF_AGENTS: Final = frozenset({What.AGENT, What.ENROLLED})
_STATES: Final = {AgentStatus.ACTIVE: EntryState.VALID, AgentStatus.SUSPENDED: EntryState.SUSPENDED}


class StatusList:
    """One list: its values, and which places were given."""

    __slots__ = ("count", "packed", "revision", "taken")

    def __init__(self) -> None:
        self.packed = bytearray(LIST_BYTES)
        self.taken = bytearray(LIST_SIZE // 8)
        self.count = 0
        self.revision = 0

    def take(self, idx: int) -> bool:
        """Mark a place as given, and say whether it was free."""
        place, bit = idx >> 3, 1 << (idx & 7)
        if self.taken[place] & bit:
            return False
        self.taken[place] |= bit
        self.count += 1
        return True

    def give_back(self, idx: int) -> None:
        """Mark a place as free: it was not given after all."""
        self.taken[idx >> 3] &= ~(1 << (idx & 7))
        self.count -= 1

    def put(self, idx: int, state: EntryState) -> None:
        """Set a value."""
        self.revision += put_state(self.packed, idx, state)


class StatusLists:
    """Says where an agent's status stands, and what it is."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._lists: dict[int, StatusList] = {}
        # An agent's current place is one number, list and index: a hundred thousand of them are few megabytes.
        self._current: dict[str, int] = {}
        self._after_ms: dict[str, int] = {}
        self._over: dict[str, int] = {}
        self._without: set[str] = set()
        self._uris: dict[int, str] = {}
        self._listeners: list[Callable[[], None]] = []

    def status_of(self, agent_id: str) -> Status | None:
        """Return what a token of the agent says about where its status stands; None while it has no place."""
        place = self._current.get(agent_id)
        if place is None:
            return None
        return Status(StatusReference(idx=place & _INDEX, uri=self.uri(place >> _SHIFT)))

    def reference(self, agent_id: str) -> tuple[str, int] | None:
        """Return the URI of the agent's list and its index there; None while it has no place."""
        status = self.status_of(agent_id)
        return None if status is None else (status.status_list.uri, status.status_list.idx)

    def uri(self, number: int) -> str:
        """Return the URI of a list."""
        uri = self._uris.get(number)
        if uri is None:
            uri = self._uris[number] = f"{self._means.issuer}{STATUS_PATH}{number}"
        return uri

    def numbers(self) -> list[int]:
        """Return the numbers of all lists."""
        return sorted(self._lists)

    def list_of(self, number: int) -> StatusList | None:
        """Return a list."""
        return self._lists.get(number)

    @property
    def behind(self) -> bool:
        """Whether an agent waits for a place, or an entry for being written off."""
        return bool(self._without or self._over)

    def on_behind(self, listener: Callable[[], None]) -> None:
        """Have `listener` called when there is something to `tend`."""
        self._listeners.append(listener)

    # --- memory ---------------------------------------------------------------------------------

    async def reload(self, batches: Sequence[str]) -> None:
        """Read what these batches wrote; with none, everything.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if not batches:
            await self._reload_all()
        for batch in dict.fromkeys(batches):
            for entry in await read_entries_of(self._means.database, batch):
                self._learn(entry)
        self._tell()

    def heard(self, happened: Sequence[Happened]) -> None:
        """Look again at the agents that something happened to."""
        for each in happened:
            if each.what in _OF_AGENTS or each.kind == RevocationKind.AGENT.value:
                self._look_at(each.id)
        self._tell()

    def look_again(self) -> None:
        """Look at everybody: changes were missed, or this node has just loaded everything."""
        for agent_id in [*self._current]:
            self._judge(agent_id)
        for agent in self._means.people.agents():
            self._want(agent.id, agent.status)
        self._tell()

    async def _reload_all(self) -> None:
        lists, current, after_ms, over = self._lists, self._current, self._after_ms, self._over
        self._lists, self._current, self._after_ms, self._over = {}, {}, {}, {}
        try:
            place = (0, -1)
            while page := await read_entries(self._means.database, after=place, most=_PAGE):
                for entry in page:
                    self._learn(entry)
                place = (page[-1].number, page[-1].idx)
        except BaseException:
            self._lists, self._current, self._after_ms, self._over = lists, current, after_ms, over
            raise
        self._without.clear()
        for agent in self._means.people.agents():
            self._want(agent.id, agent.status)

    def _learn(self, entry: StatusEntry) -> None:
        home = self._lists.setdefault(entry.number, StatusList())
        home.take(entry.idx)
        place = entry.number << _SHIFT | entry.idx
        if entry.state == EntryState.INVALID or not entry.is_current:
            home.put(entry.idx, EntryState.INVALID)
            if self._over.get(entry.subject) == place:
                del self._over[entry.subject]
            if self._current.get(entry.subject) == place:
                del self._current[entry.subject]
            self._look_at(entry.subject)
            return
        agent = self._means.people.agent(entry.subject)
        # The directory's own object for the same text: one for each agent, not two.
        agent_id = entry.subject if agent is None else agent.id
        self._current[agent_id] = place
        self._without.discard(agent_id)
        if entry.after_ms:
            self._after_ms[agent_id] = entry.after_ms
        self._judge(agent_id)

    def _look_at(self, agent_id: str) -> None:
        self._judge(agent_id)
        agent = self._means.people.agent(agent_id)
        if agent is not None:
            self._want(agent.id, agent.status)

    def _want(self, agent_id: str, status: AgentStatus) -> None:
        if status is AgentStatus.ACTIVE and agent_id not in self._current:
            self._without.add(agent_id)
        else:
            self._without.discard(agent_id)

    def _judge(self, agent_id: str) -> None:
        """Put the agent's state into its list."""
        place = self._current.get(agent_id)
        if place is None:
            return
        home, idx = self._lists[place >> _SHIFT], place & _INDEX
        agent = self._means.people.agent(agent_id)
        state = EntryState.INVALID if agent is None else _STATES.get(agent.status, EntryState.INVALID)
        if self._means.dead.revoked_at_ms(agent_id) not in (0, self._after_ms.get(agent_id, 0)):
            state = EntryState.INVALID
        home.put(idx, state)
        if state is EntryState.INVALID and agent is not None:
            # No token may refer to it from now on.
            del self._current[agent_id]
            self._after_ms.pop(agent_id, None)
            self._over[agent_id] = place

    def _tell(self) -> None:
        if self.behind:
            for listener in self._listeners:
                listener()

    # --- the steps ------------------------------------------------------------------------------

    async def tend(self) -> None:
        """Write off the entries that are over, and give places to those without: for who holds the lease.

        What another node did first is read and left alone.

        Raises:
            StoreUnavailable: A step could not be made durable.
        """
        await self._write_off([*self._over.items()])
        wanting = [each for each in self._without if each not in self._over]
        for start in range(0, len(wanting), _BATCH):
            batch = wanting[start : start + _BATCH]
            if not await self._give(batch):
                for agent_id in batch:
                    if not await self._give([agent_id]):
                        await self._read_again(agent_id)

    async def _write_off(self, entries: list[tuple[str, int]]) -> None:
        batch = self._means.ids.new(IdPrefix.EVENT)
        for agent_id, place in entries:
            ended = end_entry(place >> _SHIFT, place & _INDEX, agent_id, batch)
            record = self._record("status-entry.ended", agent_id)
            work = Work((record,), writes=(ended,), changes=(entries_changed(batch),))
            try:
                await self._means.ledger.commit(work)
            except StatusEntryTaken:
                await self._read_again(agent_id)
            self._over.pop(agent_id, None)

    async def _give(self, agent_ids: Iterable[str]) -> bool:
        """Give places, all of them or none, and say which."""
        batch = self._means.ids.new(IdPrefix.EVENT)
        entries = [self._place_for(agent_id) for agent_id in agent_ids]
        record = self._record("status-entries.given", entries[0].subject if len(entries) == 1 else "")
        record.detail["count"] = len(entries)
        writes = tuple(add_entry(entry, batch) for entry in entries)
        try:
            await self._means.ledger.commit(Work((record,), writes=writes, changes=(entries_changed(batch),)))
        except SmartAgentError as error:
            for entry in entries:
                self._lists[entry.number].give_back(entry.idx)
            if isinstance(error, StatusEntryTaken):
                return False
            raise
        # The feed brings them, too; but the next round must not give them again before it does.
        for entry in entries:
            self._learn(entry)
        return True

    def _place_for(self, agent_id: str) -> StatusEntry:
        number = max(self._lists, default=1)
        home = self._lists.setdefault(number, StatusList())
        if home.count >= FULL:
            number += 1
            home = self._lists[number] = StatusList()
        while True:
            # Random, so that an index tells nothing about when its agent came.
            idx = int.from_bytes(self._means.entropy(_THROW_BYTES)) & _INDEX
            if home.take(idx):
                revoked_at_ms = self._means.dead.revoked_at_ms(agent_id)
                return StatusEntry(number, idx, agent_id, EntryState.VALID, revoked_at_ms, 1)

    async def _read_again(self, agent_id: str) -> None:
        self._over.pop(agent_id, None)
        entry = await read_entry_of(self._means.database, agent_id)
        if entry is not None:
            self._learn(entry)

    def _record(self, event: str, subject: str) -> Record:
        at_ms = int(self._means.clock.now() * 1000)
        return Record(
            event=event,
            at_ms=at_ms,
            request="",
            subject=subject,
            decision=Decision.PERMIT,
            rule="signals",
            detail={},
        )
