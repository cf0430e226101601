# SPDX-License-Identifier: Apache-2.0
"""What follows from the keyset and the time."""

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from smartagent.keyset.model import SealingKey, SealingState

SETTLE_SECONDS: Final = 10
"""How long a new key is known before anything is sealed with it: every healthy node has it by then."""
KEEP_SECONDS: Final = 3600
"""How long a key is kept after the newer one came: nothing that holds an old envelope in memory writes it later."""


def sealed_as(number: int) -> str:
    """Return the identity that a sealing key's envelope is bound to."""
    return f"sealing-key/{number}"


def in_state(keys: Sequence[SealingKey], state: SealingState) -> SealingKey | None:
    """Return the newest key in `state`; None when there is none."""
    return max((key for key in keys if key.state is state), key=lambda key: key.number, default=None)


def next_number(keys: Sequence[SealingKey]) -> int:
    """Return the number of the key after all that there were."""
    return max((key.number for key in keys), default=0) + 1


def may_seal(pending: SealingKey, now: float) -> bool:
    """Say whether every node has `pending` by now."""
    return now >= pending.created_at + SETTLE_SECONDS


def may_go(retiring: SealingKey, now: float) -> bool:
    """Say whether `retiring` may be forgotten, as soon as it wraps nothing any more."""
    return now >= retiring.changed_at + KEEP_SECONDS


def moved(key: SealingKey, state: SealingState, now: int) -> SealingKey:
    """Return `key` in `state`."""
    return structs.replace(key, state=state, changed_at=now)
