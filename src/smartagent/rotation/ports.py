# SPDX-License-Identifier: Apache-2.0
"""The seam to the outside: what every rotator does, each for one kind of secret."""

from typing import Protocol

from smartagent.kernel import Secret
from smartagent.rotation.model import Rotation, Task


class Rotator(Protocol):
    """Replaces secrets of one kind.

    Every verb may be called again after a crash in the middle of it, and comes to the same.

    Raises, every verb that goes outside:
        RotationFailed: No, and it will be no again.
        RotationUnreachable: There was no answer; it may have happened all the same.
    """

    @property
    def kind(self) -> str:
        """The rotation's kind, e.g. `postgresql-password`."""
        ...

    @property
    def period_days(self) -> int:
        """How often secrets of this kind are rotated, unless an entry says otherwise."""
        ...

    @property
    def chooses(self) -> bool:
        """Whether `choose` names the new value, so that it can be durable before it is made known outside."""
        ...

    def check(self, rotation: Rotation) -> None:
        """Check an entry as it was written.

        Raises:
            MalformedRotation: A setting is missing, unknown or malformed; names it.
        """
        ...

    def choose(self) -> Secret[bytes]:
        """Choose a new value; only where `chooses` is true."""
        ...

    async def rehearse(self, task: Task) -> None:
        """Say nothing when a rotation could begin: the outside answers, and the old value works."""
        ...

    async def make(self, task: Task, new: Secret[bytes] | None) -> tuple[Secret[bytes], str]:
        """Make the new value known outside, and return it with a mark to find it again.

        `new` is what was chosen; None where the outside chooses: then what an earlier attempt may have made and
        nobody knows is removed first.
        """
        ...

    async def verify(self, task: Task, new: Secret[bytes]) -> None:
        """Say nothing when the new value works.

        Raises:
            RotationFailed: It does not.
        """
        ...

    async def undo(self, task: Task, new: Secret[bytes] | None) -> None:
        """Take the new value back, so that the old one is in force alone."""
        ...

    async def retire(self, task: Task, former: Secret[bytes]) -> None:
        """End the former value; `task.old` is the one in force now."""
        ...
