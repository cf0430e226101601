# SPDX-License-Identifier: Apache-2.0
"""How often anybody may register a client, on this node: a bucket for each address, and one for all.

Registrations are rows that strangers make; the bound is there so that they cannot fill the disk.
"""

from collections import OrderedDict
from typing import Final

import msgspec

from smartagent.clients.errors import TooManyRegistrations

PER_ADDRESS: Final = 20
PER_NODE: Final = 200
REFILL_SECONDS: Final = 60.0
_ADDRESSES: Final = 4096


class _Bucket(msgspec.Struct):
    tokens: float
    at: float


class Throttle:
    """Lets so many pass a minute.  Instants are monotonic seconds."""

    def __init__(self, per_address: int = PER_ADDRESS, per_node: int = PER_NODE) -> None:
        self._per_address = per_address
        self._per_node = per_node
        self._all = _Bucket(float(per_node), 0.0)
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def admit(self, address: str, now: float) -> None:
        """Let one pass.

        Raises:
            TooManyRegistrations: Not now; says when.
        """
        bucket = self._addresses.pop(address, None) or _Bucket(float(self._per_address), now)
        self._addresses[address] = bucket
        if len(self._addresses) > _ADDRESSES:
            self._addresses.popitem(last=False)
        for each, most in ((bucket, self._per_address), (self._all, self._per_node)):
            each.tokens = min(float(most), each.tokens + (now - each.at) * most / REFILL_SECONDS)
            each.at = now
            if each.tokens < 1:
                raise TooManyRegistrations(int((1 - each.tokens) * REFILL_SECONDS / most) + 1)
        bucket.tokens -= 1
        self._all.tokens -= 1
