# SPDX-License-Identifier: Apache-2.0
"""What has been used once, in the writer's memory."""

from collections import defaultdict
from typing import Final

from smartagent.storage.wire import CLAIM_SIZE

_KEY_SIZE: Final = 16
_BUCKET_BITS: Final = 2  # claims are forgotten in lots of four seconds


class Claimed:
    """A set of claims that forgets them some seconds after they expire.

    Claims come packed, as `wire.claims` does it.
    """

    __slots__ = ("_buckets", "_keys")

    def __init__(self) -> None:
        self._keys: set[bytes] = set()
        self._buckets: defaultdict[int, list[bytes]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._keys)

    def take(self, packed: bytes) -> int:
        """Take all of `packed` and return -1; or take none, and return the index of the first that is gone."""
        if len(packed) == CLAIM_SIZE:
            return -1 if self._take_one(packed[:_KEY_SIZE], packed[_KEY_SIZE:]) else 0
        for start in range(0, len(packed), CLAIM_SIZE):
            key, expiry = packed[start : start + _KEY_SIZE], packed[start + _KEY_SIZE : start + CLAIM_SIZE]
            if not self._take_one(key, expiry):
                self.give_back(packed[:start])
                return start // CLAIM_SIZE
        return -1

    def take_back(self, packed: bytes) -> None:
        """Take what was claimed before a restart, however often."""
        for start in range(0, len(packed), CLAIM_SIZE):
            self.take(packed[start : start + CLAIM_SIZE])

    def give_back(self, packed: bytes) -> None:
        """Release what was taken by a work that then did not happen."""
        for start in range(0, len(packed), CLAIM_SIZE):
            # Out of its bucket too: else whoever takes the key next could lose it early, to a replay.
            key, expiry = packed[start : start + _KEY_SIZE], packed[start + _KEY_SIZE : start + CLAIM_SIZE]
            self._keys.discard(key)
            self._buckets[int.from_bytes(expiry) >> _BUCKET_BITS].remove(key)

    def forget(self, now: float) -> None:
        """Forget what has expired."""
        passed = int(now) >> _BUCKET_BITS
        for bucket in [each for each in self._buckets if each < passed]:
            self._keys.difference_update(self._buckets.pop(bucket))

    def _take_one(self, key: bytes, expiry: bytes) -> bool:
        if key in self._keys:
            return False
        self._keys.add(key)
        self._buckets[int.from_bytes(expiry) >> _BUCKET_BITS].append(key)
        return True


def latest(packed: bytes) -> int:
    """Return the second at which the last of `packed` expires; 0 for none."""
    ends = range(CLAIM_SIZE, len(packed) + 1, CLAIM_SIZE)
    # Big-endian numbers of one width stand in the order of their bytes.
    return int.from_bytes(max([packed[end - 8 : end] for end in ends], default=b""))
