# SPDX-License-Identifier: Apache-2.0
"""Time and chance, as arguments.  `crypto.system` reads the machine's; tests bring their own."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> float:
        """Return Unix seconds, UTC, with fractions.  May step backwards when a machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards, for measuring how long something took."""
        ...


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def __call__(self, size_bytes: int, /) -> bytes:
        """Return `size_bytes` bytes that nobody can guess."""
        ...


@lru_cache(maxsize=256)
def rfc3339(seconds: int) -> str:
    """Write an instant (Unix seconds) as `/v1` shows times: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
