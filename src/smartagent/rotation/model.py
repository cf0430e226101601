# SPDX-License-Identifier: Apache-2.0
"""What a rotation is: a secret of the vault that is replaced by a new one, again and again, by a rotator."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from smartagent.kernel import Secret

DAY_SECONDS: Final = 86_400
NEVER: Final = 2**62
"""When something is due that is not (Unix seconds)."""


class Window(msgspec.Struct, frozen=True):
    """When rotations may begin: from `start` to `end`, minutes after midnight UTC, on `days` (0 is Monday)."""

    days: tuple[int, ...]
    start_minute: int
    end_minute: int


class Rotation(msgspec.Struct, frozen=True):
    """A rotation as an operator described it.

    `secret` names the secret of the vault that is replaced.  `settings` are the kind's own, and `secrets` say
    which other secrets of the vault it needs for what.  Times are in seconds.
    """

    name: str
    kind: str
    secret: str
    settings: Mapping[str, object] = {}
    secrets: Mapping[str, str] = {}
    period_seconds: int = 90 * DAY_SECONDS
    jitter_seconds: int = DAY_SECONDS
    overlap_seconds: int = 3600
    windows: tuple[Window, ...] = ()
    enabled: bool = True


class Phase(StrEnum):
    """Where a rotation stands.  Each step may be done again after a crash.

    idle --due--> making --made--> verifying --works--> switching --switched--> overlapping --over--> retiring --> idle
                     |                 |
                     +--no-------------+--no--> undoing --> idle, with the failure: the old one stays in force
    """

    IDLE = "idle"
    MAKING = "making"
    VERIFYING = "verifying"
    SWITCHING = "switching"
    OVERLAPPING = "overlapping"
    RETIRING = "retiring"
    UNDOING = "undoing"


class Running(msgspec.Struct, frozen=True):
    """How far a rotation is.  Times are Unix seconds.

    `pending` is the new value, sealed, from before it is made known outside until it is in the vault, and `former`
    the old one until it is retired.  `mark` is what the rotator needs to find one of them again: the new one until it
    is in force, the former one from then on.  `in_force` is the mark of the value in force.
    """

    name: str
    phase: Phase
    due_at: int
    version: int
    scheduled_at: int = 0
    rotated_at: int = 0
    attempts: int = 0
    failure: str = ""
    pending: bytes = b""
    former: bytes = b""
    mark: str = ""
    in_force: str = ""


class Task(msgspec.Struct, frozen=True):
    """What a rotator is asked about.  `old` is the value in force; `secrets` are its other ones, opened.

    `mark` finds what it is asked about again: the new value, or, when it is to be retired, the former one.
    `in_force` is the mark of the value in force.
    """

    rotation: Rotation
    old: Secret[bytes]
    secrets: Mapping[str, Secret[bytes]]
    mark: str = ""
    in_force: str = ""


class Due(msgspec.Struct, frozen=True):
    """A line of the plan.  `due_at` and `rotated_at` are Unix seconds; 0 when unknown."""

    what: str
    kind: str
    rotated_at: int
    due_at: int
    overdue: bool
    phase: str = ""
    failure: str = ""
