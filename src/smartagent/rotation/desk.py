# SPDX-License-Identifier: Apache-2.0
"""What operators say of rotations."""

import asyncio

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, SmartAgentError
from smartagent.policy import parse_name
from smartagent.rotation.errors import MalformedRotation, RotationNotFound, RotationRunning
from smartagent.rotation.means import Means
from smartagent.rotation.model import DAY_SECONDS, Due, Phase, Rotation, Running, Task
from smartagent.rotation.ports import Rotator
from smartagent.rotation.rules import STEP_SECONDS, check_rotation, parse_window, scheduled
from smartagent.rotation.store import (
    StoredRotation,
    add_running,
    drop_rotation,
    put_rotation,
    read_rotations,
    read_running,
    rotation_changed,
    set_running,
)
from smartagent.rotation.views import (
    PlanView,
    RotationList,
    RotationRequest,
    RunRequest,
    RunView,
    due_view,
    rotation_view,
)

_HOUR_SECONDS = 3600


class Desk:
    """The acts on rotations."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write an entry.  What is in the middle of a rotation goes on by the new entry.

        Raises:
            MalformedRotation: It is none, or names a secret that is not in the vault.
        """
        rotation = self._rotation(inbound)
        now = int(self._means.clock.now())
        known = await read_rotations(self._means.database, rotation.name)
        version = known[0].version + 1 if known else 1
        if known and (known[0].rotation.kind, known[0].rotation.secret) != (rotation.kind, rotation.secret):
            raise MalformedRotation("kind", "what is rotated does not change: make another rotation")
        stored = StoredRotation(rotation, version, now, caller.principal)
        if known:
            running = (await read_running(self._means.database, rotation.name))[0]
            after = structs.replace(running, version=running.version + 1)
            if running.phase is Phase.IDLE:
                meant, due_at = self._next(rotation, running.rotated_at)
                after = structs.replace(after, scheduled_at=meant, due_at=due_at)
            kept = set_running(after)
        else:
            meant, due_at = self._next(rotation, now)
            after = Running(
                rotation.name,
                Phase.IDLE,
                due_at,
                1,
                scheduled_at=meant,
                rotated_at=now,
                in_force=_mark(rotation),
            )
            kept = add_running(after)
        return Outcome(
            Reply(200 if known else 201, rotation_view(stored, after)),
            target=f"rotation/{rotation.name}",
            detail={"version": version, "kind": rotation.kind, "secret": rotation.secret},
            writes=(put_rotation(stored), kept),
            changes=(rotation_changed(rotation.name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        running = {each.name: each for each in await read_running(self._means.database)}
        shown = [
            rotation_view(stored, running[stored.rotation.name])
            for stored in await read_rotations(self._means.database)
            if stored.rotation.name in running
        ]
        return Outcome(Reply(200, RotationList(shown)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        stored, running = await self._known(inbound.params["name"])
        return Outcome(Reply(200, rotation_view(stored, running)), target=f"rotation/{running.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one that is not in the middle of a rotation.

        Raises:
            RotationRunning: It is.
        """
        _, running = await self._known(inbound.params["name"])
        if running.phase is not Phase.IDLE:
            raise RotationRunning("wait for its end")
        return Outcome(
            Reply(204),
            target=f"rotation/{running.name}",
            writes=drop_rotation(running.name),
            changes=(rotation_changed(running.name),),
        )

    async def run(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Rotate now, whatever the schedule and the windows say; or say whether it could begin.

        Raises:
            RotationRunning: It is in the middle of one.
        """
        asked = parse_json(inbound.body or b"{}", RunRequest)
        stored, running = await self._known(inbound.params["name"])
        target = f"rotation/{running.name}"
        if asked.dry_run:
            view = await self._rehearsed(stored.rotation)
            return Outcome(
                Reply(200, view), "rotation.rehearsed", target=target, detail={"result": view.result}
            )
        if running.phase is not Phase.IDLE:
            raise RotationRunning("wait for its end")
        now = int(self._means.clock.now())
        soon = structs.replace(running, due_at=now, scheduled_at=0, version=running.version + 1)
        return Outcome(
            Reply(202, RunView(running.name, "begun", "")),
            target=target,
            writes=(set_running(soon),),
            changes=(rotation_changed(running.name),),
        )

    async def plan(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Say what is rotated when, the most urgent first."""
        return Outcome(Reply(200, PlanView([due_view(due) for due in await self.due()])))

    async def due(self) -> list[Due]:
        """Return the plan.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        now = self._means.clock.now()
        kinds = {each.rotation.name: each.rotation for each in await read_rotations(self._means.database)}
        lines = [
            Due(
                f"secret/{kinds[each.name].secret}",
                kinds[each.name].kind,
                each.rotated_at,
                each.scheduled_at or each.due_at,
                overdue=kinds[each.name].enabled and now > (each.scheduled_at or each.due_at),
                phase=each.phase.value,
                failure=each.failure,
            )
            for each in await read_running(self._means.database)
            if each.name in kinds
        ]
        lines += await self._means.others(now)
        return sorted(lines, key=lambda due: (not due.overdue, due.due_at, due.what))

    async def _rehearsed(self, rotation: Rotation) -> RunView:
        rotator = self._rotator(rotation.kind)
        try:
            secrets = {part: await self._means.secrets.read(name) for part, name in rotation.secrets.items()}
            old = await self._means.secrets.read(rotation.secret)
            async with asyncio.timeout(STEP_SECONDS):
                await rotator.rehearse(Task(rotation, old, secrets))
        except TimeoutError:
            return RunView(rotation.name, "failed", "timeout")
        except SmartAgentError as error:
            return RunView(rotation.name, "failed", str(getattr(error, "reason", "")) or error.code)
        return RunView(rotation.name, "ready", "")

    async def _known(self, name: str) -> tuple[StoredRotation, Running]:
        stored = await read_rotations(self._means.database, name)
        running = await read_running(self._means.database, name)
        if not stored or not running:
            raise RotationNotFound(name[:64])
        return stored[0], running[0]

    def _rotation(self, inbound: Inbound) -> Rotation:
        asked = parse_json(inbound.body, RotationRequest)
        try:
            name = parse_name(inbound.params["name"])
        except ValueError as error:
            raise MalformedRotation("name", str(error)) from None
        rotator = self._rotator(asked.kind)
        period = rotator.period_days * DAY_SECONDS if asked.period_seconds is None else asked.period_seconds
        rotation = Rotation(
            name=name,
            kind=asked.kind,
            secret=asked.secret,
            settings=asked.settings,
            secrets=asked.secrets,
            period_seconds=period,
            jitter_seconds=min(DAY_SECONDS, period // 10)
            if asked.jitter_seconds is None
            else asked.jitter_seconds,
            overlap_seconds=min(_HOUR_SECONDS, period // 10)
            if asked.overlap_seconds is None
            else asked.overlap_seconds,
            windows=tuple(parse_window(window) for window in asked.windows),
            enabled=asked.enabled,
        )
        check_rotation(rotation)
        for field, secret in {"secret": rotation.secret, **rotation.secrets}.items():
            if not self._means.secrets.exists(secret):
                raise MalformedRotation(field, "there is no such secret in the vault")
        rotator.check(rotation)
        return rotation

    def _rotator(self, kind: str) -> Rotator:
        rotator = self._means.rotators.get(kind)
        if rotator is None:
            known = ", ".join(sorted(self._means.rotators))
            raise MalformedRotation("kind", f"there is no kind {kind[:64]!r}; there are {known}")
        return rotator

    def _next(self, rotation: Rotation, rotated_at: int) -> tuple[int, int]:
        chance = int.from_bytes(self._means.entropy(2)) / 0xFFFF
        return scheduled(rotation, rotated_at, chance=chance)


def _mark(rotation: Rotation) -> str:
    """Return the mark of the value in force, as the entry says it: it was not made here."""
    mark = rotation.settings.get("mark")
    return mark[:256] if isinstance(mark, str) else ""
