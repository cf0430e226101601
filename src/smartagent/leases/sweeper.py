# SPDX-License-Identifier: Apache-2.0
"""Ending leases: by whoever has the turn, one node at a time, and somebody else when it dies.

    due --claim, with the intent (one commit)--> ask the backend --> dead, with the record
                                                        |
                                                        +-- no: again, twice as long each time, and it shows

Leases become due by time, or because what they hang on was revoked: then at once.  Whoever takes the turn looks
all live leases over, so nothing that was revoked while nobody had the turn lives on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import structs

from smartagent.kernel import Decision, Detail, Record, SmartAgentError, Work
from smartagent.leases.errors import LeasesChanged
from smartagent.leases.means import Means
from smartagent.leases.model import By, Ended, Lease
from smartagent.leases.registry import Registry
from smartagent.leases.rules import KEPT_SECONDS, REVOKE_SECONDS, buried, claimed, put_off, sealed_as
from smartagent.leases.store import (
    bury,
    end_by,
    end_tied,
    forget,
    read_due,
    read_holders,
    set_lease,
)

ENDING: Final = "lease.ending"
ENDED: Final = "lease.ended"
NOT_ENDED: Final = "lease.not-ended"
LOOK_SECONDS: Final = 0.5
_LOOK_OVER_SECONDS: Final = 30.0
_TIDY_SECONDS: Final = 3600.0
_MOST: Final = 256
_AT_ONCE: Final = 16
_MOST_REASON: Final = 120

_log = logging.getLogger(__name__)


class Sweeper:
    """Ends leases."""

    def __init__(self, means: Means, registry: Registry) -> None:
        self._means = means
        self._registry = registry
        self._wake = asyncio.Event()
        self._revoked: list[str] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._look_over_at = 0.0
        self._tidy_at = 0.0

    def revoked(self, thing: str) -> None:
        """Take note that `thing` was revoked: what hangs on it ends now."""
        self._revoked.append(thing)
        self._wake.set()

    def look(self) -> None:
        """Look all live leases over soon: an agent may not be what it was."""
        self._look_over_at = 0.0
        self._wake.set()

    async def reload(self, keys: Sequence[str]) -> None:  # noqa: ARG002 -- the feed's shape
        """Look at what is due, at once."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.step()
                except Exception:  # noqa: BLE001 -- a bug, or the store is down: leases must be ended all the same, later
                    _log.exception("leases cannot be looked after; it is tried again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
        finally:
            await self._stop()

    async def step(self) -> None:
        """Take the turn, and see that everything due is being ended.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if not await self._means.turn.acquire():
            self._look_over_at = 0.0
            self._revoked.clear()
            return
        now = self._means.clock.now()
        await self._end_what_was_revoked(int(now))
        if now >= self._look_over_at:
            self._look_over_at = now + _LOOK_OVER_SECONDS
            await self._look_over(int(now))
        if now >= self._tidy_at:
            self._tidy_at = now + _TIDY_SECONDS
            await self._means.ledger.commit(Work((), writes=(forget(before=int(now) - KEPT_SECONDS),)))
        for lease in await read_due(self._means.database, now=int(now), most=_MOST):
            if lease.id not in self._running:
                task = asyncio.create_task(self._end(lease))
                self._running[lease.id] = task
                task.add_done_callback(partial(self._done, lease.id))

    async def settle(self) -> None:
        """Return when nothing is being ended any more."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def _stop(self) -> None:
        for task in list(self._running.values()):
            task.cancel()
        await self.settle()
        with contextlib.suppress(SmartAgentError):
            await self._means.turn.release()

    def _done(self, lease_id: str, _task: "asyncio.Task[None]") -> None:
        self._running.pop(lease_id, None)
        if len(self._running) < _AT_ONCE:
            self._wake.set()

    async def _end_what_was_revoked(self, now: int) -> None:
        revoked, self._revoked = self._revoked, []
        if not revoked:
            return
        try:
            writes = tuple(end_tied(tie, "revoked", now=now) for tie in dict.fromkeys(revoked))
            await self._means.ledger.commit(Work((), writes=writes))
        except SmartAgentError:
            self._revoked = revoked + self._revoked
            raise

    async def _look_over(self, now: int) -> None:
        """End what hangs on something that is dead, however that came about."""
        holders = await read_holders(self._means.database)
        gone = [lease_id for lease_id, holder in holders if not self._means.live(holder)]
        for start in range(0, len(gone), _MOST):
            writes = tuple(
                end_by(By.LEASE, lease_id, "revoked", now=now) for lease_id in gone[start : start + _MOST]
            )
            await self._means.ledger.commit(Work((), writes=writes))

    async def _end(self, lease: Lease) -> None:
        """End one lease, or see to it that it is tried again."""
        async with self._places:
            try:
                mine = claimed(lease, now=int(self._means.clock.now()))
                intent = self._record(ENDING, mine, {"why": mine.ended_why})
                await self._means.ledger.commit(Work((intent,), writes=(set_lease(mine),)))
                await self._bury(mine)
            except LeasesChanged:
                return
            except Exception:  # noqa: BLE001 -- the store is down, or a bug: the claim ends, and then it is tried again
                _log.exception("the lease %s is not ended yet", lease.id)

    async def _bury(self, lease: Lease) -> None:
        clock = self._means.clock
        began = clock.monotonic()
        try:
            ended = await self._revoked_outside(lease)
        except (SmartAgentError, TimeoutError) as error:
            await self._put_off(lease, error)
            return
        now = int(clock.now())
        dead = buried(lease, ended, now=now)
        detail: dict[str, Detail] = {"why": dead.ended_why, "ms": int((clock.monotonic() - began) * 1000)}
        if ended.severed:
            detail["severed"] = ended.severed
        if dead.outlives_until:
            detail["outlives_until"] = dead.outlives_until
        await self._means.ledger.commit(Work((self._record(ENDED, dead, detail),), writes=bury(dead)))

    async def _revoked_outside(self, lease: Lease) -> Ended:
        backend = self._registry.of_lease(lease)
        kept = self._means.sealing.open(lease.kept, sealed_as(lease.id)) if lease.kept else None
        # The backend is told when the credential dies by itself, as far as that is known.
        order = await self._registry.order(lease)
        if lease.outlives_until:
            order = structs.replace(order, expires_at=lease.outlives_until)
        async with asyncio.timeout(REVOKE_SECONDS):
            return await backend.revoke(order, kept)

    async def _put_off(self, lease: Lease, error: Exception) -> None:
        reason = str(getattr(error, "reason", "")) or getattr(error, "code", "timeout")
        later = put_off(lease, str(reason)[:_MOST_REASON], now=int(self._means.clock.now()))
        detail: dict[str, Detail] = {
            "why": lease.ended_why,
            "failure": later.failure,
            "attempts": later.attempts,
        }
        record = self._record(NOT_ENDED, later, detail)
        await self._means.ledger.commit(Work((record,), writes=(set_lease(later),)))

    def _record(self, event: str, lease: Lease, detail: dict[str, Detail]) -> Record:
        return Record(
            event=event,
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            session=lease.session,
            jti=lease.jti,
            subject=lease.agent,
            target=f"lease/{lease.id}",
            decision=Decision.PERMIT,
            rule="leases",
            detail={"credential": lease.credential, "handle": lease.handle, **detail},
        )
