# SPDX-License-Identifier: Apache-2.0
"""The life of a signing key, pure.

    [ pending ] ---promote---> [ active ] ---promote the next---> [ retiring ] ---> [ retired ]
     published,                 signs                              verifies until      gone from
     not used                                                      its last token      the key set
                                                                   has expired

There is always one pending key, published ahead.  A verifier may use a key set it fetched up
to an hour ago; so a key signs only when it has been published for longer than that, or when
there never was a key set without it, and leaves the key set only when nothing it signed can
be alive.  A compromised key is the
exception: it is retired on the spot, and failed verifications are what is wanted.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from smartagent.tokens.errors import KeyNotPublishedYet
from smartagent.tokens.model import KeyState, RingKey

JWKS_LIFE_SECONDS: Final = 3600
MAX_TOKEN_LIFE_SECONDS: Final = 3600
_BORN_TOGETHER: Final = 2
MARGIN_SECONDS: Final = 300
"""For clocks of nodes and verifiers that differ, and for nodes that hear of a step a little later."""


class Schedule(msgspec.Struct, frozen=True):
    """When keys change by themselves, in seconds."""

    rotation_period: int = 30 * 86_400
    publish_lead: int = JWKS_LIFE_SECONDS + MARGIN_SECONDS
    retire_after: int = MAX_TOKEN_LIFE_SECONDS + MARGIN_SECONDS

    def __post_init__(self) -> None:
        """Refuse a schedule that would break a promise to verifiers."""
        if self.publish_lead <= JWKS_LIFE_SECONDS or self.retire_after <= MAX_TOKEN_LIFE_SECONDS:
            message = "keys must outlast the key set's cache life and the tokens they signed"
            raise ValueError(message)
        if self.rotation_period < self.publish_lead:
            message = "the rotation period is shorter than a key must be published ahead"
            raise ValueError(message)


class Step(Enum):
    """One thing to do to the ring."""

    BEGIN = "begin"
    """No key signs yet: make one that does, and the pending one with it."""
    PUBLISH = "publish"
    """Make the next pending key."""
    PROMOTE = "promote"
    """The pending key signs from now on, the active one retires, and a new one is published."""
    RETIRE = "retire"
    """A retiring key leaves the key set."""


def key_in(ring: Sequence[RingKey], state: KeyState) -> RingKey | None:
    """Return the ring's pending or active key; there is at most one of each."""
    return next((key for key in ring if key.state is state), None)


def due(ring: Sequence[RingKey], schedule: Schedule, *, now: float) -> tuple[Step, RingKey | None] | None:
    """Say what the ring needs at `now`: one step at a time, and the key it concerns."""
    active, pending = key_in(ring, KeyState.ACTIVE), key_in(ring, KeyState.PENDING)
    if active is None:
        return (Step.BEGIN, None)
    if pending is None:
        return (Step.PUBLISH, None)
    for key in ring:
        if key.state is KeyState.RETIRING and now >= _since(key.retiring_at) + schedule.retire_after:
            return (Step.RETIRE, key)
    aged = now >= _since(active.activated_at) + schedule.rotation_period
    if aged and now >= ready_at(ring, pending, schedule):
        return (Step.PROMOTE, pending)
    return None


def ready_at(ring: Sequence[RingKey], pending: RingKey, schedule: Schedule) -> int:
    """Return when every verifier that keeps to the cache life knows the key (Unix seconds)."""
    # The first two keys are made in one commit: no key set with only one of them was ever published.
    first_two = len(ring) <= _BORN_TOGETHER and all(key.created_at == pending.created_at for key in ring)
    return pending.created_at + (0 if first_two else schedule.publish_lead)


def check_promotable(ring: Sequence[RingKey], pending: RingKey, schedule: Schedule, *, now: float) -> None:
    """Let the pending key sign, or not yet.

    Raises:
        KeyNotPublishedYet: Some verifier's cached key set may lack it; says when none will.
    """
    ready = ready_at(ring, pending, schedule)
    if now < ready:
        raise KeyNotPublishedYet(ready)


def is_published(key: RingKey) -> bool:
    """Say whether the key stands in the key set."""
    return key.state is not KeyState.RETIRED


def _since(instant: int | None) -> int:
    # A key without the instant of its state was written by hand; the earliest instant makes it go first.
    return instant if instant is not None else 0
