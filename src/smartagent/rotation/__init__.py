# SPDX-License-Identifier: Apache-2.0
"""Rotation: secrets that must be static are replaced without anybody remembering."""

from smartagent.rotation.errors import (
    MalformedRotation,
    RotationError,
    RotationFailed,
    RotationNotFound,
    RotationRunning,
    RotationsChanged,
    RotationUnreachable,
)
from smartagent.rotation.means import Means, Sealing, Secrets, Turn
from smartagent.rotation.model import DAY_SECONDS, Due, Phase, Rotation, Task
from smartagent.rotation.ports import Rotator
from smartagent.rotation.routes import rotation_routes
from smartagent.rotation.service import Rotations
from smartagent.rotation.store import ROTATIONS_TOPIC

__all__ = [
    "DAY_SECONDS",
    "ROTATIONS_TOPIC",
    "Due",
    "MalformedRotation",
    "Means",
    "Phase",
    "Rotation",
    "RotationError",
    "RotationFailed",
    "RotationNotFound",
    "RotationRunning",
    "RotationUnreachable",
    "Rotations",
    "RotationsChanged",
    "Rotator",
    "Sealing",
    "Secrets",
    "Task",
    "Turn",
    "rotation_routes",
]
