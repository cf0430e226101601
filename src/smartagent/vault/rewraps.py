# SPDX-License-Identifier: Apache-2.0
"""Asking for everything to be wrapped anew, and how far it is."""

import msgspec

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.kernel import Caller, rfc3339
from smartagent.keyset import Rewrapping, SealingKey


class SealingKeyView(msgspec.Struct, frozen=True):
    """A key that wraps data keys: `pending`, `active` or `retiring`."""

    number: int
    state: str
    created_at: str
    changed_at: str


class SealingKeysView(msgspec.Struct, frozen=True):
    """The sealing keys, and where envelopes are left that another than the active key wraps.

    `left` counts to 100 in each place.
    """

    keys: tuple[SealingKeyView, ...]
    left: dict[str, int]


class Rewraps:
    """The acts on sealing keys."""

    def __init__(self, rewrapping: Rewrapping) -> None:
        self._rewrapping = rewrapping

    async def begin(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Publish the next key."""
        key, work = await self._rewrapping.publish()
        return Outcome(
            Reply(202, _view(key)),
            target=f"sealing-key/{key.number}",
            writes=work.writes,
            changes=work.changes,
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Say how far it is."""
        progress = await self._rewrapping.progress()
        return Outcome(Reply(200, SealingKeysView(tuple(map(_view, progress.keys)), progress.left)))


def _view(key: SealingKey) -> SealingKeyView:
    return SealingKeyView(key.number, key.state.value, rfc3339(key.created_at), rfc3339(key.changed_at))
