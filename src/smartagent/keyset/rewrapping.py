# SPDX-License-Identifier: Apache-2.0
"""Wrapping everything anew, a page at a time, while everything goes on.

    a new key is published --every node has it--> it is active --> each envelope of another key is wrapped with it
        --nothing holds an old one any more--> the old keys go

An envelope that is changed meanwhile is left alone: its writer used the active key, or it is found again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from smartagent.crypto import CannotUnseal
from smartagent.kernel import Clock, Decision, Detail, Ledger, Record, SmartAgentError, Work, Write
from smartagent.keyset.errors import KeysetMoved, RewrapRuns, SealingKeyUnknown
from smartagent.keyset.model import SealingKey, SealingState
from smartagent.keyset.rules import in_state, may_go, may_seal, moved, next_number
from smartagent.keyset.service import Keyset
from smartagent.keyset.store import (
    PAGE,
    Envelopes,
    add_key,
    drop_key,
    keyset_changed,
    move_key,
    put_envelope,
    read_keys,
    read_others,
)
from smartagent.storage import Database

LOOK_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


class Turn(Protocol):
    """Sees that one node at a time wraps."""

    async def acquire(self) -> bool:
        """Take the turn, or keep it; say whether it is held now."""
        ...

    async def release(self) -> None:
        """Let somebody else have it at once."""
        ...


class Means(msgspec.Struct, frozen=True):
    """What wrapping is given.  `columns` are all that hold envelopes."""

    clock: Clock
    database: Database
    ledger: Ledger
    turn: Turn
    columns: Sequence[Envelopes]


class Progress(msgspec.Struct, frozen=True):
    """How far it is: the keys there are, and how many envelopes a page of each column still leaves (at most 100)."""

    keys: tuple[SealingKey, ...]
    left: dict[str, int]


class Rewrapping:
    """Takes the keyset from one key to the next."""

    def __init__(self, means: Means, keyset: Keyset) -> None:
        self._means = means
        self._keyset = keyset
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self, ledger: Ledger) -> None:
        """Make the first key, unless there is one.  Any node may; one succeeds.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        if not await read_keys(self._means.database):
            first = self._new(1, SealingState.ACTIVE)
            with contextlib.suppress(KeysetMoved):
                await ledger.commit(self._work("sealing-key.activated", first, (add_key(first),)))
            await self._keyset.reload(())

    async def publish(self) -> tuple[SealingKey, Work]:
        """Make the next key; when the work is done every node learns it, and from then on it goes by itself.

        Raises:
            RewrapRuns: There is a key already that did not come so far.
            StoreUnavailable: The store cannot be read.
        """
        keys = await read_keys(self._means.database)
        if in_state(keys, SealingState.PENDING) or in_state(keys, SealingState.RETIRING):
            raise RewrapRuns("wait until the older key has gone")
        key = self._new(next_number(keys), SealingState.PENDING)
        return key, self._work("sealing-key.published", key, (add_key(key),))

    async def progress(self) -> Progress:
        """Say how far it is.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        mark, database = self._keyset.mark, self._means.database
        left = {each.name: len(await read_others(database, each, mark)) for each in self._means.columns}
        return Progress(tuple(await read_keys(database)), left)

    def start(self) -> None:
        """Begin to look for what is to be wrapped."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop; another node goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def reload(self, keys: Sequence[str]) -> None:
        """Take the changed keys, and look at once."""
        await self._keyset.reload(keys)
        self._wake.set()

    async def step(self) -> None:
        """Do what is due.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        keys = await read_keys(self._means.database)
        pending = in_state(keys, SealingState.PENDING)
        retiring = [key for key in keys if key.state is SealingState.RETIRING]
        if not (pending or retiring) or not await self._means.turn.acquire():
            return
        now = int(self._means.clock.now())
        if pending is not None and may_seal(pending, now):
            await self._activate(pending, in_state(keys, SealingState.ACTIVE), now)
        elif not await self._wrap_all():
            for key in retiring:
                if may_go(key, now):
                    await self._means.ledger.commit(self._work("sealing-key.gone", key, (drop_key(key),)))

    async def _activate(self, pending: SealingKey, active: SealingKey | None, now: int) -> None:
        writes = [move_key(moved(pending, SealingState.ACTIVE, now), SealingState.PENDING)]
        if active is not None:
            writes.append(move_key(moved(active, SealingState.RETIRING, now), SealingState.ACTIVE))
        await self._means.ledger.commit(self._work("sealing-key.activated", pending, tuple(writes)))

    async def _wrap_all(self) -> int:
        """Wrap what another key wraps; return how many envelopes were found, those that cannot be opened too."""
        found = 0
        for column in self._means.columns:
            while True:
                wrapped, damaged = await self._wrap_page(column)
                found += wrapped + damaged
                if wrapped + damaged < PAGE or not wrapped or not await self._means.turn.acquire():
                    break
        return found

    async def _wrap_page(self, column: Envelopes) -> tuple[int, int]:
        writes, damaged = [], 0
        for each in await read_others(self._means.database, column, self._keyset.mark):
            try:
                anew = self._keyset.rewrap(each.envelope, column.identity(each.key))
            except (CannotUnseal, SealingKeyUnknown):
                _log.exception("an envelope in %s cannot be wrapped anew", column.name)
                damaged += 1
            else:
                writes.append(put_envelope(column, each, anew))
        if writes:
            await self._means.ledger.commit(Work((), writes=tuple(writes)))
        return len(writes), damaged

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self.step()
            except SmartAgentError:
                _log.exception("sealing keys cannot be looked after; it is tried again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()

    def _new(self, number: int, state: SealingState) -> SealingKey:
        now = int(self._means.clock.now())
        return SealingKey(number, state, self._keyset.fresh(number), now, now)

    def _work(self, event: str, key: SealingKey, writes: tuple[Write, ...]) -> Work:
        detail: dict[str, Detail] = {"number": key.number}
        record = Record(
            event=event,
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            target=f"sealing-key/{key.number}",
            decision=Decision.PERMIT,
            rule="keyset",
            detail=detail,
        )
        return Work((record,), writes=writes, changes=(keyset_changed(),))
