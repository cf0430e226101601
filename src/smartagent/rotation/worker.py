# SPDX-License-Identifier: Apache-2.0
"""Taking rotations from step to step: by whoever has the turn, and by somebody else when it dies.

Each step is claimed, done, and written down; what a crash interrupts is done again.  The new value is sealed and
durable before anybody outside hears of it, and the old one until it is retired, so nothing is ever lost.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from smartagent.kernel import Change, Decision, Detail, Record, Secret, SmartAgentError, Work, Write
from smartagent.rotation.errors import RotationFailed, RotationNotFound, RotationsChanged
from smartagent.rotation.means import Means
from smartagent.rotation.model import Phase, Rotation, Running, Task
from smartagent.rotation.ports import Rotator
from smartagent.rotation.rules import (
    ATTEMPTS,
    STEP_SECONDS,
    begun,
    chosen,
    claimed,
    made,
    opens_at,
    overlapped,
    pause_after_failure,
    put_off,
    rested,
    scheduled,
    sealed_as,
    switched,
    undone,
    verified,
)
from smartagent.rotation.store import read_due, read_rotations, read_running, set_running

BY: Final = "rotation"
LOOK_SECONDS: Final = 5.0
_MOST: Final = 16
_MAX_REASON: Final = 120

_log = logging.getLogger(__name__)


class Worker:
    """Rotates what is due."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._wake = asyncio.Event()
        self._steps: dict[Phase, Callable[[Running, Rotation], Awaitable[None]]] = {
            Phase.IDLE: self._begin,
            Phase.MAKING: self._make,
            Phase.VERIFYING: self._verify,
            Phase.SWITCHING: self._switch,
            Phase.OVERLAPPING: self._end_overlap,
            Phase.RETIRING: self._retire,
            Phase.UNDOING: self._undo,
        }

    async def reload(self, keys: Sequence[str]) -> None:  # noqa: ARG002 -- the feed's shape
        """Look at what is due, at once."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    while await self.step():
                        pass
                except Exception:  # noqa: BLE001 -- a bug, or the store is down: rotations go on all the same, later
                    _log.exception("rotations cannot go on; it is tried again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
        finally:
            with contextlib.suppress(SmartAgentError):
                await self._means.turn.release()

    async def step(self) -> int:
        """Take the turn, and take one step of everything due; return how many steps were taken.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if not await self._means.turn.acquire():
            return 0
        due = await read_due(self._means.database, now=self._now(), most=_MOST)
        for running in due:
            try:
                await self._take(running)
            except RotationsChanged:
                continue
        return len(due)

    async def _take(self, running: Running) -> None:
        found = await read_rotations(self._means.database, running.name)
        if not found:
            raise RotationsChanged(running.name)
        mine = claimed(running, now=self._now())
        await self._commit(mine)
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await self._steps[mine.phase](mine, found[0].rotation)
        except RotationsChanged:
            raise
        except (SmartAgentError, TimeoutError) as error:
            await self._failed(mine, found[0].rotation, error)

    async def _begin(self, running: Running, rotation: Rotation) -> None:
        now = self._now()
        opens = opens_at(rotation.windows, now)
        if opens > now and running.scheduled_at:
            # The window closed while nobody looked; what an operator asks for has no window.
            await self._commit(rested(running, (running.scheduled_at, opens)))
            return
        started = begun(running)
        await self._commit(started, "rotation.begun")
        await self._make(started, rotation)

    async def _make(self, running: Running, rotation: Rotation) -> None:
        rotator, task = await self._task(running, rotation)
        new = self._open(running.name, "pending", running.pending)
        if rotator.chooses and new is None:
            new = rotator.choose()
            running = chosen(running, self._seal(running.name, "pending", new))
            await self._commit(running)
        value, mark = await rotator.make(task, new if rotator.chooses else None)
        pending = self._seal(running.name, "pending", value)
        await self._commit(made(running, pending, mark, now=self._now()), "rotation.made")

    async def _verify(self, running: Running, rotation: Rotation) -> None:
        rotator, task = await self._task(running, rotation)
        await rotator.verify(task, self._pending(running))
        await self._commit(verified(running, now=self._now()), "rotation.verified")

    async def _switch(self, running: Running, rotation: Rotation) -> None:
        former = await self._means.secrets.read(rotation.secret)
        writes, changes = self._means.secrets.replace(rotation.secret, self._pending(running), BY)
        kept = self._seal(running.name, "former", former)
        after = switched(running, kept, rotation, now=self._now())
        await self._commit(after, "rotation.switched", writes=writes, changes=changes)

    async def _end_overlap(self, running: Running, rotation: Rotation) -> None:  # noqa: ARG002 -- a step's shape
        await self._commit(overlapped(running, now=self._now()))

    async def _retire(self, running: Running, rotation: Rotation) -> None:
        rotator, task = await self._task(running, rotation)
        former = self._open(running.name, "former", running.former)
        if former is not None:
            await rotator.retire(task, former)
        await self._commit(rested(running, self._next(rotation, running.rotated_at)), "rotation.finished")

    async def _undo(self, running: Running, rotation: Rotation) -> None:
        rotator, task = await self._task(running, rotation)
        await rotator.undo(task, self._open(running.name, "pending", running.pending))
        again = self._now() + pause_after_failure(rotation)
        times = (running.scheduled_at, opens_at(rotation.windows, again))
        await self._commit(rested(running, times, failure=running.failure), "rotation.undone")

    async def _failed(self, running: Running, rotation: Rotation, error: Exception) -> None:
        """Undo what does not work; try again what did not answer.  What is switched is never undone."""
        reason = (str(getattr(error, "reason", "")) or getattr(error, "code", "timeout"))[:_MAX_REASON]
        found = await read_running(self._means.database, running.name)
        latest = found[0] if found else running
        final = isinstance(error, RotationFailed) or latest.attempts + 1 >= ATTEMPTS
        early = latest.phase in {Phase.IDLE, Phase.MAKING, Phase.VERIFYING}
        if early and final:
            after = undone(latest, reason, now=self._now())
        else:
            after = put_off(latest, reason, now=self._now())
        _log.error("the rotation %s failed while %s: %s", rotation.name, latest.phase.value, reason)
        await self._commit(after, "rotation.failed", detail={"failure": reason, "attempts": after.attempts})

    async def _task(self, running: Running, rotation: Rotation) -> tuple[Rotator, Task]:
        rotator = self._means.rotators.get(rotation.kind)
        if rotator is None:
            raise RotationNotFound(f"nothing rotates {rotation.kind}")
        secrets = {part: await self._means.secrets.read(name) for part, name in rotation.secrets.items()}
        old = await self._means.secrets.read(rotation.secret)
        return rotator, Task(rotation, old, secrets, running.mark, running.in_force)

    async def _commit(
        self,
        running: Running,
        event: str = "",
        *,
        writes: tuple[Write, ...] = (),
        changes: tuple[Change, ...] = (),
        detail: dict[str, Detail] | None = None,
    ) -> None:
        records: tuple[Record, ...] = ()
        if event:
            records = (
                Record(
                    event=event,
                    at_ms=int(self._means.clock.now() * 1000),
                    request="",
                    target=f"rotation/{running.name}",
                    decision=Decision.PERMIT,
                    rule="rotation",
                    detail={"phase": running.phase.value, **(detail or {})},
                ),
            )
        await self._means.ledger.commit(
            Work(records, writes=(set_running(running), *writes), changes=changes)
        )

    def _next(self, rotation: Rotation, rotated_at: int) -> tuple[int, int]:
        chance = int.from_bytes(self._means.entropy(2)) / 0xFFFF
        return scheduled(rotation, rotated_at, chance=chance)

    def _pending(self, running: Running) -> Secret[bytes]:
        pending = self._open(running.name, "pending", running.pending)
        if pending is None:
            raise RotationFailed("nothing-pending")
        return pending

    def _seal(self, name: str, which: str, value: Secret[bytes]) -> bytes:
        return self._means.sealing.seal(value, sealed_as(name, which))

    def _open(self, name: str, which: str, envelope: bytes) -> Secret[bytes] | None:
        return self._means.sealing.open(envelope, sealed_as(name, which)) if envelope else None

    def _now(self) -> int:
        return int(self._means.clock.now())
