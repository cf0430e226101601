# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies.  None has a place for a value."""

from collections.abc import Mapping

import msgspec

from smartagent.kernel import rfc3339
from smartagent.rotation.model import NEVER, Due, Phase, Running, Window
from smartagent.rotation.store import StoredRotation

_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTE = 60


class RotationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Describe a rotation.  Without `period_seconds` it is what the kind needs."""

    kind: str
    secret: str
    settings: dict[str, object] = {}
    secrets: dict[str, str] = {}
    period_seconds: int | None = None
    jitter_seconds: int | None = None
    overlap_seconds: int | None = None
    windows: list[str] = []
    enabled: bool = True


class RunRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Rotate now.  A dry run only says whether it could begin."""

    dry_run: bool = False


class RotationView(msgspec.Struct, frozen=True):
    """A rotation, and how far it is."""

    name: str
    kind: str
    secret: str
    settings: Mapping[str, object]
    secrets: Mapping[str, str]
    period_seconds: int
    jitter_seconds: int
    overlap_seconds: int
    windows: tuple[str, ...]
    enabled: bool
    phase: Phase
    due_at: str
    rotated_at: str
    attempts: int
    failure: str
    version: int
    changed_at: str
    changed_by: str


class RotationList(msgspec.Struct, frozen=True):
    """All rotations by name."""

    rotations: list[RotationView]


class RunView(msgspec.Struct, frozen=True):
    """What comes of it: `begun`, or `ready` or `failed` for a dry run."""

    name: str
    result: str
    reason: str


class DueView(msgspec.Struct, frozen=True):
    """A line of the plan."""

    what: str
    kind: str
    rotated_at: str
    due_at: str
    overdue: bool
    phase: str
    failure: str


class PlanView(msgspec.Struct, frozen=True):
    """What is rotated when, the most urgent first."""

    due: list[DueView]


def rotation_view(stored: StoredRotation, running: Running) -> RotationView:
    """Show a rotation."""
    rotation = stored.rotation
    return RotationView(
        name=rotation.name,
        kind=rotation.kind,
        secret=rotation.secret,
        settings=rotation.settings,
        secrets=rotation.secrets,
        period_seconds=rotation.period_seconds,
        jitter_seconds=rotation.jitter_seconds,
        overlap_seconds=rotation.overlap_seconds,
        windows=tuple(_window_text(window) for window in rotation.windows),
        enabled=rotation.enabled,
        phase=running.phase,
        due_at=_instant(running.due_at),
        rotated_at=_instant(running.rotated_at),
        attempts=running.attempts,
        failure=running.failure,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )


def due_view(due: Due) -> DueView:
    """Show a line of the plan."""
    return DueView(
        due.what,
        due.kind,
        _instant(due.rotated_at),
        _instant(due.due_at),
        due.overdue,
        due.phase,
        due.failure,
    )


def _instant(at: int) -> str:
    return rfc3339(at) if 0 < at < NEVER else ""


def _window_text(window: Window) -> str:
    start, end = divmod(window.start_minute, _MINUTE), divmod(window.end_minute, _MINUTE)
    days = ",".join(_DAY_NAMES[day] for day in window.days)
    return f"{days} {start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"
